"""The source of a network's arrays: a user's file, the published one, or random weights."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..errors import ParamsFileError, UnknownModelError
from ..files.download import Progress
from ..mappings.catalog import Entry
from ..mappings.key_map import load_keymap
from ..mappings.zoo import ZooEntry
from . import store
from .arrays import Array, Arrays
from .params import dense_arrays


@dataclass(frozen=True)
class Source:
    """The source of a network's arrays.

    Attributes:
        kind: `random`, `pretrained`, `params`, `finetuned` or `trained`.
        path: The file, if any; for a fine-tuned network, the initial checkpoint.
        url: URL of the published file.
        sha1: SHA-1 of the file.
        seed: Seed of random weights.
    """

    kind: str
    path: str | None = None
    url: str | None = None
    sha1: str | None = None
    seed: int | None = None


def describe_source(
    entry: Entry | ZooEntry | None, params: str | os.PathLike[str] | None, init: str, seed: int
) -> Source:
    """Determine the source of the arrays without reading it; a user's file is not hashed yet.

    Args:
        entry: The network; None if it is to be detected from `params`.
        params: The user's file, if any.
        init: `random` for random weights; otherwise the published ones.
        seed: Seed of random weights.

    Raises:
        UnknownModelError: If neither a network nor a file is given.
        ParamsFileError: If no weights were published for the network.
    """
    if params is not None:
        text = os.fsencode(params).decode("utf-8", "replace")  # records are UTF-8
        return Source("params", text)
    if entry is None:
        raise UnknownModelError(
            "no MODEL given; name the network to convert, or pass `--params FILE`"
        )
    if init == "random":
        return Source("random", seed=seed)
    if entry.sha1 is None:
        raise ParamsFileError(
            f"{entry.name}: no weights were published for it; pass your own file with "
            "`--params FILE`, or use `--init random`"
        )
    path = store.cached_path(entry.file, entry.sha1)
    return Source("pretrained", str(path), store.published_url(entry.file, entry.sha1), entry.sha1)


def load_arrays(
    entry: Entry | None,
    source: Source,
    params: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    memory: Array | None = None,
) -> Arrays:
    """Load the arrays of a source, by the names in their file.

    Args:
        memory: As in `draw_arrays`, for random weights.

    Raises:
        ParamsFileError: If a file cannot be read, or contains arrays that are empty or too large.
        DownloadError: If the published file cannot be downloaded.
    """
    if params is not None:
        return dense_arrays(params)
    assert entry is not None, "describe_source requires an entry or a file"
    if source.seed is None:
        assert source.sha1 is not None
        return dense_arrays(store.fetch(entry.file, source.sha1, progress=progress))
    from .random_arrays import random_arrays

    keymap = load_keymap(entry.family)
    return random_arrays(
        entry.name,
        keymap.residual_end[entry.network["block"]],
        seed=source.seed,
        num_classes=entry.dataset.num_classes,
        memory=memory,
    )
