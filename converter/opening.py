"""A checkpoint of ours, opened: which network it is, its weights, and what its record tells."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .catalog import Entry, load_catalog
from .errors import CheckpointError, UnknownModelError
from .files import record_path
from .formats.reading import read_tensors
from .keymap import MADE_UP, load_keymap
from .labels import Labels, recorded_labels
from .layouts import find_layout
from .matching import refuse
from .metadata import from_metadata
from .record import Preprocessing
from .state_dict import describe_network, empty_network

if TYPE_CHECKING:
    from models import ResNet

    from .state_dict import Tensors


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint, whatever its format and layout.

    Attributes:
        path: of the file, or the folder.
        entry: which network it is.
        tensors: the state_dict under our keys, in the network's order.
        num_classes: outputs of its classifier; 0 where it has none.
        in_chans: channels of its images.
        record: what its record tells, as `--json` prints it; empty where the record is lost.
    """

    path: Path
    entry: Entry
    tensors: Tensors
    num_classes: int
    in_chans: int
    record: Mapping[str, Any]

    @property
    def labels(self) -> Labels | None:
        """The classes, where they are known.

        Raises:
            LabelsError: the record's list is wrong.
        """
        return recorded_labels(self.record.get("labels"))

    @property
    def preprocessing(self) -> Preprocessing:
        """How images are prepared: as the record says, else as the network's data set does."""
        recorded = self.record.get("preprocessing")
        fields = Preprocessing.__dataclass_fields__
        if not isinstance(recorded, dict) or recorded.keys() != fields.keys():
            return self.entry.dataset.preprocessing
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in recorded.items()
        }
        return Preprocessing(**values)

    def network(self, **options: Any) -> ResNet:
        """The network with these weights, in eval mode.

        Args:
            options: of `models.create_model`, such as `features_only`.
        """
        from .beside import models_package

        with torch.device("meta"):
            network: ResNet = models_package().create_model(
                self.entry.name,
                num_classes=self.num_classes,
                in_chans=self.in_chans,
                **options,
            )
        network.load_state_dict(
            {name: self.tensors[name] for name in network.state_dict()}, assign=True
        )
        return network.eval()


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
    record = read_record(path) or from_metadata(metadata)
    name = model or record.get("model")
    if not isinstance(name, str):
        raise UnknownModelError(
            f"{path}: {record_path(path).name}, its record, is not beside it; "
            "say which network it is with `--model`"
        )
    entry = load_catalog().find(name)
    return Checkpoint(path, entry, *_fit(path, entry, tensors), record)


def read_record(path: Path) -> dict[str, Any]:
    """The record beside a checkpoint; empty where there is none.

    Raises:
        CheckpointError: it is no JSON object.
    """
    where = record_path(path)
    try:
        text = where.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{where}: cannot be read ({error})") from error
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise CheckpointError(
            f"{where}, line {error.lineno}: is no record ({error.msg}); take the file away and "
            "say which network it is with `--model`"
        ) from error
    if not isinstance(record, dict):
        raise CheckpointError(f"{where}: is no record of one checkpoint, but a list")
    return record


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
