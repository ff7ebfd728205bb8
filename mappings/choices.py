"""Values that options accept, on the command line and from Python."""

from __future__ import annotations

INITS = ("pretrained", "random")
REFERENCES = ("auto", "gluon", "graph", "none")
SAVED = ".npz"  # suffix of a saved reference's file name
GRAPH_REFERENCES = ("auto", "gluon", "none")  # for the conversion of a graph
DTYPES = ("keep", "float32")
INPUT_DTYPES = ("float32", "int32", "int64", "uint8", "mask")  # of the inputs of a graph
PROOFS = ("training",)  # beside the forward passes
FORMATS = ("pth", "safetensors", "onnx", "py")
GRAPH_FORMATS = ("pt2", *FORMATS)  # of networks that are converted as graphs; the default first
OURS = "timm"  # the layout with the project's own keys
LAYOUTS = (OURS, "torchvision", "mmpretrain")
FOLDER = "timm-folder"  # a layout that is a folder, and therefore also a format
PRESETS = ("gluon", "timm")  # preprocessing of images
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("cosine", "linear", "step", "constant")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Require that the value of an option is one of its choices.

    Raises:
        ValueError: It is not; the message lists the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(choices)}")
