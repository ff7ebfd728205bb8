"""What every format is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..metadata import to_metadata
from ..record import Record, WrittenFile

if TYPE_CHECKING:
    import torch

    from ...models import ResNet

HASH_DIGITS = 8  # of the SHA-256 in the file's name, which torch.hub checks


@dataclass(frozen=True)
class Job:
    """One network to write.

    Attributes:
        tensors: its state_dict, under the keys of the record's layout.
        folder: where to.
        name: of the file, before its hash.
        record: all but the files, which are to be written.
        network: makes the network with its weights, for formats that hold more than these.
    """

    tensors: Mapping[str, torch.Tensor]
    folder: Path
    name: str
    record: Record
    network: Callable[[], ResNet]

    @property
    def image(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return (self.record.in_chans, *self.record.preprocessing.input_size)

    @property
    def metadata(self) -> dict[str, str]:
        """What the file tells of itself, where its format has room for that."""
        return to_metadata(self.record)

    def named(self, sha256: str, suffix: str) -> Path:
        """The file's path, by the hash of its bytes."""
        return self.folder / f"{self.name}-{sha256[:HASH_DIGITS]}{suffix}"


Writer = Callable[[Job], WrittenFile]
