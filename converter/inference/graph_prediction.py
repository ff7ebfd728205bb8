"""The most probable classes of images, by a network that was converted as a graph."""

from __future__ import annotations

import os

import torch

from ..checkpoints.program import Program
from ..errors import CheckpointError
from ..graph.symbols.symbol import Graph
from ..mappings.class_labels import Labels
from .graph_network import GraphNetwork, PixelScale
from .images.image_file import read_image
from .prediction import Prediction, check_count, top_guesses
from .runner import Setup

# operators whose outputs are the classes' probabilities; of the last two, each on its own …
PROBABILITIES = frozenset(
    {"SoftmaxOutput", "SoftmaxActivation", "softmax", "LogisticRegressionOutput", "sigmoid"}
)
# … and those behind them that keep each row's values
KEEPING = frozenset(
    {
        *("_copy", "BlockGrad", "Flatten", "Reshape", "Cast", "amp_cast", "Dropout"),
        *("MakeLoss", "make_loss", "LinearRegressionOutput", "MAERegressionOutput"),
    }
)


class GraphPredictor:
    """A graph's network that classifies image files.

    Args:
        program: The opened file; its first output is logits or probabilities (N, classes).
        topk: Number of classes to return, at most all of them.
        labels: Names of the classes; their numbers by default.
        preset: How images are cropped (images/presets.py).
        scale: Mean and standard deviation of its inputs.
        setup: Device and precision; the CPU by default.

    Raises:
        CheckpointError: If it does not take one batch of RGB images.
        LabelsError: If the number of names is not the number of classes.
    """

    def __init__(
        self,
        program: Program,
        *,
        topk: int = 5,
        labels: Labels | None = None,
        preset: str = "gluon",
        scale: PixelScale | None = None,
        setup: Setup | None = None,
    ) -> None:
        setup = setup or Setup(torch.device("cpu"))
        self._network = GraphNetwork(program, setup, preset=preset, scale=scale)
        count = program.record.num_classes
        if labels is not None and count is not None:
            check_count(program.path, labels, count)
        self._names = labels.names if labels is not None else ()
        self._path, self._topk = program.path, topk
        self._probabilities = gives_probabilities(program.graph)

    def __call__(self, image: str | os.PathLike[str]) -> Prediction:
        """Classify an image file; `-` reads standard input.

        Raises:
            ImageError: If the file cannot be read, or is not a valid image.
            CheckpointError: If the first output is not one vector per image.
        """
        pixels = torch.from_numpy(self._network.crop(read_image(image)).copy())
        scores = self._network(pixels[None])[0]
        if scores.ndim != 2:
            shape = "x".join(map(str, scores.shape))
            raise CheckpointError(
                f"{self._path}: its output {self._network.outputs[0]} has shape {shape}, which is "
                "not one number per class; write it with `gluon2torch features`"
            )
        top = top_guesses(
            torch.from_numpy(scores[0]).double(),
            self._names,
            self._topk,
            probabilities=self._probabilities,
        )
        return Prediction(os.fspath(image), top)


def gives_probabilities(graph: Graph) -> bool:
    """Whether a graph's first output is probabilities, so that no softmax is to follow."""
    node = graph.nodes[graph.heads[0][0]]
    while node.op in KEEPING:
        node = graph.nodes[node.inputs[0][0]]
    activation = node.op == "Activation" and node.attributes.get("act_type") == "sigmoid"
    return node.op in PROBABILITIES or activation
