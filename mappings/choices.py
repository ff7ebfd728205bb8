"""Values that options accept, on the command line and from Python."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeVar

T = TypeVar("T")

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
LARGEST_SEED = 2**64 - 1  # torch's


@dataclass(frozen=True)
class Range:
    """The numbers that an option accepts, which are finite.

    Attributes:
        min: The smallest.
        max: The largest; None if there is none.
        min_open, max_open: Whether these two are left out.
        whole: Accept whole numbers alone.
    """

    min: int
    max: int | None = None
    min_open: bool = False
    max_open: bool = False
    whole: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, Integral if self.whole else Real) or isinstance(value, bool):
            return False
        number: Any = value
        if not (number > self.min if self.min_open else number >= self.min):
            return False
        most = math.inf if self.max is None else self.max
        return bool(number < most or (number == self.max and not self.max_open))

    def __str__(self) -> str:
        kind = "a whole number," if self.whole else "a number,"
        least = f"{'above' if self.min_open else 'at least'} {self.min}"
        if self.max is None:
            return f"{kind} {least}"
        return f"{kind} {least} and {'below' if self.max_open else 'at most'} {self.max}"


BATCH_SIZES = Range(1, whole=True)
CHANNELS = Range(1, whole=True)
CLASSES = Range(0, whole=True)  # 0 is a network without a classifier
IMAGE_SIDES = Range(1, whole=True)
SEEDS = Range(0, whole=True)  # of weights, which NumPy draws
# of the hyperparameters of a training
TRAINING_RANGES = {
    "epochs": Range(1, whole=True),
    "batch_size": Range(2, whole=True),
    "lr": Range(0, min_open=True),
    "weight_decay": Range(0),
    "warmup": Range(0),
    "label_smoothing": Range(0, 1, max_open=True),
    "ema": Range(0, 1, max_open=True),
    "min_scale": Range(0, 1, min_open=True),
    "holdout": Range(0, 1, max_open=True),
    "seed": Range(0, LARGEST_SEED, whole=True),
}


def check_range(name: str, value: object, accepted: Range) -> None:
    """Require that the value of an option is in a range.

    Raises:
        ValueError: It is not; the message says the range.
    """
    if value not in accepted:
        raise ValueError(f"{name} is {value!r}; it must be {accepted}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Require that the value of an option is one of its choices.

    Raises:
        ValueError: It is not; the message lists the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(choices)}")


def as_tuple(name: str, values: Iterable[T]) -> tuple[T, ...]:
    """The values of an option that takes several, in their order.

    Raises:
        ValueError: They are one string, whose letters would be taken for the values.
    """
    if isinstance(values, str):
        raise ValueError(f"{name} is {values!r}; it must be a list, such as [{values!r}]")
    return tuple(values)
