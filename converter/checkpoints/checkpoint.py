"""A checkpoint of ours, opened: which network it is, its weights, and what its record tells."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import UnknownModelError
from ..files.atomic_file import record_path
from ..mapping.assignment import refuse
from ..mapping.layout_keys import find_layout
from ..mapping.network_spec import describe_network, empty_network
from ..mappings.catalog import Entry, Preprocessing, load_catalog
from ..mappings.class_labels import Labels, recorded_labels
from ..mappings.key_map import MADE_UP, load_keymap
from ..models import ResNet, create_model
from ..sources.arrays import Arrays
from ..weights.gluon_arrays import gluon_arrays
from ..weights.state_dict import Tensors
from .metadata import from_metadata
from .record import RecordedFacts, read_record
from .weights_file import read_tensors


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint, whatever its format and layout.

    Attributes:
        path: of the file, or the folder.
        entry: which network it is.
        tensors: the state_dict under our keys, in the network's order.
        num_classes: outputs of its classifier; 0 where it has none.
        in_chans: channels of its images.
        record: what its record says; empty where the record is lost.
    """

    path: Path
    entry: Entry
    tensors: Tensors
    num_classes: int
    in_chans: int
    record: RecordedFacts

    @property
    def labels(self) -> Labels | None:
        """The classes, where they are known.

        Raises:
            LabelsError: the record's list is wrong.
        """
        return recorded_labels(self.record.labels)

    @property
    def preprocessing(self) -> Preprocessing:
        """How images are prepared: as the record says, else as the network's data set does."""
        return self.record.preprocessing or self.entry.dataset.preprocessing

    def network(self, **options: Any) -> ResNet:
        """The network with these weights, in eval mode.

        Args:
            options: of `models.create_model`, such as `features_only`.
        """
        with torch.device("meta"):
            network: ResNet = create_model(
                self.entry.name,
                num_classes=self.num_classes,
                in_chans=self.in_chans,
                **options,
            )
        network.load_state_dict(
            {name: self.tensors[name] for name in network.state_dict()}, assign=True
        )
        return network.eval()

    def gluon_arrays(self) -> Arrays:
        """The arrays that GluonCV's `load_parameters` accepts, by structural name.

        Raises:
            CheckpointError: a tensor is of a dtype or a value that MXNet would not read.
        """
        headless = not self.num_classes
        return gluon_arrays(self.entry.family, self.tensors, self.path, headless=headless)


def open_checkpoint(path: str | os.PathLike[str], model: str | None = None) -> Checkpoint:
    """Open a `.pth`, a `.safetensors` or a folder of timm's, in any of the layouts.

    Args:
        model: which network it is, where the record is lost.

    Raises:
        CheckpointError: the file cannot be read, or its record.
        UnknownModelError: no record tells which network it is, and no model was given.
        KeyMapError: the weights are not those of that network.
    """
    path = Path(path)
    tensors, metadata = read_tensors(path)
    record = read_record(path) or from_metadata(metadata, path)
    name = model or record.model
    if name is None:
        raise UnknownModelError(
            f"{path}: {record_path(path).name}, its record, is not beside it; "
            "say which network it is with `--model`"
        )
    entry = load_catalog().find(name)
    return Checkpoint(path, entry, *_fit(path, entry, tensors), record)


def _fit(path: Path, entry: Entry, tensors: Tensors) -> tuple[Tensors, int, int]:
    """Tensors of any layout → ours, class count, channels of images.

    Raises:
        KeyMapError: they are not the network's.
    """
    keymap = load_keymap(entry.family)
    classifier, first_conv = f"{keymap.classifier}.weight", f"{keymap.first_conv}.weight"
    wanted = describe_network(empty_network(entry.name, entry.dataset.num_classes, 3))
    keys = find_layout(entry, tensors, wanted)
    ours = {keys[name]: tensor for name, tensor in tensors.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.items()}
    in_chans = shapes[first_conv][1] if len(shapes.get(first_conv, ())) == 4 else 3
    # a classifier of an odd shape is told below, and not taken for none
    num_classes = max([1, *shapes[classifier][:1]]) if classifier in shapes else 0
    wanted = describe_network(empty_network(entry.name, num_classes, in_chans))
    problems = [
        f"{name}: has shape {tuple(ours[name].shape)}; {entry.name} has {spec.shape}"
        if name in ours
        else f"{name}: is missing"
        for name, spec in wanted.items()
        if (name in ours or not name.endswith(f".{MADE_UP}"))
        and (name not in ours or tuple(ours[name].shape) != spec.shape)
    ]
    refuse(f"{path}: these are not the weights of {entry.name}", problems)
    zero = torch.zeros((), dtype=torch.int64)
    return {name: ours.get(name, zero) for name in wanted}, num_classes, in_chans
