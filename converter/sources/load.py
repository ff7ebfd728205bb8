"""The front door of this room: arrays from wherever they are asked of."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..catalog import load_catalog
from ..errors import ParamsFileError, UnknownModelError
from ..keymap import load_keymap
from ..record import Source
from . import params as params_file
from . import store

Arrays = dict[str, np.ndarray[Any, Any]]


def load_arrays(
    model: str | None,
    params: str | os.PathLike[str] | None,
    init: str,
    seed: int,
    progress: store.Progress | None = None,
) -> tuple[Arrays, Source]:
    """The arrays by the names in their file, and where they came from (a user's file unhashed)."""
    if params is not None:
        text = os.fsencode(params).decode("utf-8", "replace")  # a record is text
        return dense_arrays(params), Source("params", text)
    if model is None:
        raise UnknownModelError("without a file of your own, give the MODEL to convert")
    entry = load_catalog().find(model)
    if init == "random":
        from .gluon import random_arrays

        keymap = load_keymap(entry.family)
        arrays = random_arrays(
            entry.name,
            keymap.residual_end[entry.network["block"]],
            seed=seed,
            num_classes=entry.dataset.num_classes,
            imperative=keymap.imperative,
        )
        return arrays, Source("random", seed=seed)
    if entry.sha1 is None:
        raise ParamsFileError(
            f"{entry.name}: no weights were ever published for it; give a file of yours with "
            "`--params FILE`, or take `--init random`"
        )
    path = store.fetch(entry.file, entry.sha1, progress=progress)
    url = store.published_url(entry.file, entry.sha1)
    return dense_arrays(path), Source("pretrained", str(path), url, entry.sha1)


def dense_arrays(path: str | os.PathLike[str]) -> Arrays:
    """A file's arrays, which must all be dense, as weights are.

    Raises:
        ParamsFileError: one is not, or the file is damaged.
    """
    arrays = params_file.read_params(path)
    dense = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}
    if odd := sorted(arrays.keys() - dense):
        raise ParamsFileError(f"{path}: {', '.join(odd)}: sparse or empty; weights are dense")
    return dense
