"""What can be chosen, on the command line and from Python."""

from __future__ import annotations

INITS = ("pretrained", "random")
REFERENCES = ("auto", "gluon", "graph", "none")
SAVED = ".npz"  # what the name of a saved reference ends in
GRAPH_REFERENCES = ("auto", "gluon", "none")  # of a graph itself
DTYPES = ("keep", "float32")
FORMATS = ("pth", "safetensors", "onnx")
OURS = "timm"  # the layout of our own keys
LAYOUTS = (OURS, "torchvision", "mmpretrain")
FOLDER = "timm-folder"  # a layout that is a folder, and so its own format
PRESETS = ("gluon", "timm")  # how images are prepared
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("cosine", "linear", "step", "constant")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices.

    Raises:
        ValueError: with the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; it can be {', '.join(choices)}")
