"""The input of every format's writer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...files.hashes import HASH_DIGITS
from ..metadata import to_metadata
from ..record import Record, WrittenFile

if TYPE_CHECKING:
    import torch

    from ...models import ResNet


@dataclass(frozen=True)
class Job:
    """One network to write.

    Attributes:
        tensors: Its state_dict, under the keys of the record's layout.
        folder: Folder to write to.
        name: Start of the file name; the hash follows.
        draft: Makes the record, still without files; called if a format contains it.
        network: Builds the network with its weights, for formats that contain more than these.
    """

    tensors: Mapping[str, torch.Tensor]
    folder: Path
    name: str
    draft: Callable[[], Record]
    network: Callable[[], ResNet]

    @functools.cached_property
    def record(self) -> Record:
        """The record, still without files."""
        return self.draft()

    @property
    def image(self) -> tuple[int, int, int]:
        """Shape (C, H, W) of an image."""
        return (self.record.in_chans, *self.record.preprocessing.input_size)

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata for formats that can store it."""
        return to_metadata(self.record)

    def named(self, sha256: str, suffix: str) -> Path:
        """Return the path of the file, with the first digits of its SHA-256 in the name."""
        return self.folder / f"{self.name}-{sha256[:HASH_DIGITS]}{suffix}"


Writer = Callable[[Job], WrittenFile]
