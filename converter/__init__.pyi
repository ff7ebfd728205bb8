from .checkpoints.checkpoint import open_checkpoint as open_checkpoint
from .checkpoints.program import open_program as open_program
from .checkpoints.record import Record as Record
from .errors import ConversionError as ConversionError
from .finetuning.fine_tuning import finetune as finetune
from .finetuning.fine_tuning import train as train
from .finetuning.training_options import FinetuneOptions as FinetuneOptions
from .graph.importer import import_graph as import_graph
from .graph.registry import register_operator as register_operator
from .inference.feature_extraction import extract_features as extract_features
from .inference.prediction import predict as predict
from .inference.task_validation import validate_task as validate_task
from .inference.tasks.task_predictor import predict_task as predict_task
from .inference.validation import validate as validate
from .mappings.catalog import load_catalog as load_catalog
from .pipeline.conversion import convert as convert
from .pipeline.graph_conversion import convert_graph as convert_graph
from .pipeline.zoo_conversion import convert_zoo as convert_zoo
from .pipeline.zoo_model import create_zoo_model as create_zoo_model
from .release.torch_hub import load_published as load_published
from .sources.params import read_params as read_params
from .sources.params_writer import write_params as write_params

__version__: str
