"""Where a network's arrays come from: a user's file, the published one, or random numbers."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..errors import ParamsFileError, UnknownModelError
from ..files.download import Progress
from ..mappings.catalog import Entry
from ..mappings.key_map import load_keymap
from . import store
from .arrays import Arrays
from .params import dense_arrays


@dataclass(frozen=True)
class Source:
    """Where the arrays came from.

    Attributes:
        kind: `random`, `pretrained`, `params` or `finetuned`.
        path: the file, where there is one; for a fine-tuned network, the checkpoint it began as.
        url: where the file was published.
        sha1: SHA-1 of the file.
        seed: seed of random weights.
    """

    kind: str
    path: str | None = None
    url: str | None = None
    sha1: str | None = None
    seed: int | None = None


def describe_source(
    entry: Entry | None, params: str | os.PathLike[str] | None, init: str, seed: int
) -> Source:
    """The source of the arrays, before anything is read; a user's file is not hashed yet.

    Args:
        entry: the network; None where it is to be detected from `params`.

    Raises:
        UnknownModelError: neither a network nor a file was given.
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
    """The arrays of a source, by the names in their file.

    Raises:
        ParamsFileError: a file cannot be read, or holds arrays that are not dense.
        DownloadError: the published file cannot be downloaded.
        MissingDependencyError: random weights need MXNet, which is not installed.
    """
    if params is not None:
        return dense_arrays(params)
    assert entry is not None, "describe_source requires one of the two"
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
        imperative=keymap.imperative,
    )
