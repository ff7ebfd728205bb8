"""The input of every format's writer: a network of the catalogue, or of a graph."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...files.atomic_file import write_bytes
from ...files.hashes import HASH_DIGITS
from ..metadata import to_metadata
from ..record import Record, WrittenFile

GRAPH_KEY = "mxnet-graph"  # in a file's metadata

if TYPE_CHECKING:
    import torch
    from torch import fx

    from ...graph.inputs.free_dimensions import Free
    from ...graph.inputs.input_spec import InputSpec
    from ...models import ResNet


@dataclass(frozen=True)
class WeightsJob:
    """Weights to write.

    Attributes:
        tensors: The state_dict, under the keys that the file is to have.
        folder: Folder to write to.
        name: Start of the file name; the hash follows.
    """

    tensors: Mapping[str, torch.Tensor]
    folder: Path
    name: str

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata for formats that can store it."""
        return {}

    def named(self, sha256: str, suffix: str) -> Path:
        """Return the path of the file, with the first digits of its SHA-256 in the name."""
        return self.folder / f"{self.name}-{sha256[:HASH_DIGITS]}{suffix}"

    def write(self, format_: str, suffix: str, content: bytes) -> WrittenFile:
        """Write the whole content of a file.

        Raises:
            CheckpointError: If the folder is not writable.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.named(sha256, suffix)
        write_bytes(content, target)
        return WrittenFile(format_, str(target), sha256, len(content))


@dataclass(frozen=True)
class Job(WeightsJob):
    """A network of the catalogue to write; its keys are those of the record's layout.

    Attributes:
        draft: Makes the record, still without files; called if a format contains it.
        network: Builds the network with its weights, for formats that contain more than these.
    """

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
        """The part of the record that depends only on the weights."""
        return to_metadata(self.record)


@dataclass(frozen=True)
class GraphJob(WeightsJob):
    """The module of a graph to write, in float32.

    Attributes:
        module: The module.
        specs: The inputs that it is written for, in its order.
        outputs: Names of its outputs, in order.
        free: Which of their dimensions the file accepts in any size.
        graph: MXNet's graph, from which `open_program` builds the module again, as text.
        origin: Where the network comes from, and its licence, for its readers.
    """

    module: fx.GraphModule
    specs: Mapping[str, InputSpec]
    outputs: tuple[str, ...]
    free: Free
    graph: str
    origin: str

    @property
    def metadata(self) -> dict[str, str]:
        """The graph."""
        return {GRAPH_KEY: self.graph}


Writer = Callable[[Job], WrittenFile]
GraphWriter = Callable[[GraphJob], WrittenFile]
