"""The reference of the public functions and classes, from their docstrings."""

from __future__ import annotations

import gluon2torch
from gluon2torch import errors

from .markdown_text import block

TITLE = "# Python\n"
GROUPS = {
    "Convert": [
        "convert",
        "convert_zoo",
        "convert_graph",
        "create_zoo_model",
        "import_graph",
        "Record",
    ],
    "Open": ["open_checkpoint", "open_program", "load_published", "models.create_model"],
    "Use": [
        "predict",
        "predict_task",
        "validate",
        "validate_task",
        "extract_features",
    ],
    "Train": ["finetune", "train", "FinetuneOptions"],
    "Tables and files": ["load_catalog", "read_params", "write_params"],
    "Graphs": [
        "register_operator",
        "graph.load_plugin",
        "graph.Call",
    ],
}


def reference_page() -> str:
    """The page's text, in which mkdocstrings puts the docstrings."""
    listed = {name for names in GROUPS.values() for name in names}
    if missing := sorted({*gluon2torch.__all__} - {*listed, "ConversionError"}):
        raise ValueError(f"the reference lacks {', '.join(missing)}")
    parts = [
        TITLE,
        "Names of `gluon2torch`, each loaded when it is first used. [From Python](python.md) shows "
        "them in use.\n",
    ]
    for title, names in GROUPS.items():
        parts += [f"## {title}\n", *(_member(name) for name in names)]
    tree = (errors.__doc__ or "").partition("\n\nConversionError")[2]
    parts += ["## Errors\n", block(f"ConversionError{tree}"), _member("ConversionError")]
    return "\n".join(parts)


def _member(name: str) -> str:
    return f"::: gluon2torch.{name}\n"
