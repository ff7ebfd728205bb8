"""The arrays of a network of mappings/zoo/, by Gluon's structural names."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from ..files.download import Progress
from ..mappings.key_map import select
from ..mappings.zoo import Shape, ZooEntry
from . import store
from .arrays import Arrays
from .params import dense_arrays
from .random_arrays import RESIDUAL_DAMPING, draw_arrays
from .source import Source


def load_zoo_arrays(
    entry: ZooEntry,
    shapes: Mapping[str, Shape],
    constants: Arrays,
    source: Source,
    params: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    names: Mapping[str, str] | None = None,
) -> Arrays:
    """Load the arrays of a source, without those that only GluonCV's files have.

    Args:
        shapes: Shapes of the arrays of the network's graph.
        constants: Those that are not trained, which random weights do not replace.
        names: Structural names of the file's arrays, if it has others; constants may be missing.

    Raises:
        ParamsFileError: If a file cannot be read, or contains arrays that are not dense.
        DownloadError: If the published file cannot be downloaded.
    """
    if source.seed is None:
        if params is None:
            assert source.sha1 is not None
            params = store.fetch(entry.file, source.sha1, progress=progress)
        found = dense_arrays(params)
        if names is not None:
            return {**constants, **{new: found[name] for name, new in names.items()}}
        return {
            name: array
            for name, array in found.items()
            if name in shapes or not name.startswith(entry.left_out)
        }
    drawn = {name: shape for name, shape in shapes.items() if name not in constants}
    arrays = draw_arrays(drawn, residual_end="", seed=source.seed)
    for pattern in entry.damped:
        for name in select(pattern, arrays):
            arrays[name] *= np.float32(RESIDUAL_DAMPING)
    return {**arrays, **constants}
