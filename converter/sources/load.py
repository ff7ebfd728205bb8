"""The front door of this room: arrays from wherever they are asked of."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..catalog import Entry
from ..errors import ParamsFileError, UnknownModelError
from ..keymap import load_keymap
from ..record import Source
from . import params as params_file
from . import store
from .download import Progress

Arrays = dict[str, np.ndarray[Any, Any]]


def describe_source(
    entry: Entry | None, params: str | os.PathLike[str] | None, init: str, seed: int
) -> Source:
    """Where the arrays are to come from; a user's file is not hashed yet.

    Args:
        entry: the network; None where `params` is to tell it.

    Raises:
        UnknownModelError: neither a network nor a file.
        ParamsFileError: no weights were published for the network.
    """
    if params is not None:
        text = os.fsencode(params).decode("utf-8", "replace")  # a record is text
        return Source("params", text)
    if entry is None:
        raise UnknownModelError("without a file of your own, give the MODEL to convert")
    if init == "random":
        return Source("random", seed=seed)
    if entry.sha1 is None:
        raise ParamsFileError(
            f"{entry.name}: no weights were ever published for it; give a file of yours with "
            "`--params FILE`, or take `--init random`"
        )
    path = store.cached_path(entry.file, entry.sha1)
    return Source("pretrained", str(path), store.published_url(entry.file, entry.sha1), entry.sha1)


def load_arrays(
    entry: Entry | None,
    source: Source,
    params: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Arrays:
    """The arrays of a source by the names in their file.

    Raises:
        ParamsFileError: a file cannot be read, or holds other than dense arrays.
        DownloadError: the published file cannot be had.
        MissingDependencyError: random weights need MXNet, which is not at hand.
    """
    if params is not None:
        return dense_arrays(params)
    assert entry is not None, "describe_source lets none through"
    if source.seed is None:
        assert source.sha1 is not None
        return dense_arrays(store.fetch(entry.file, source.sha1, progress=progress))
    from .gluon import random_arrays

    keymap = load_keymap(entry.family)
    return random_arrays(
        entry.name,
        keymap.residual_end[entry.network["block"]],
        seed=source.seed,
        num_classes=entry.dataset.num_classes,
        imperative=keymap.imperative,
    )


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
