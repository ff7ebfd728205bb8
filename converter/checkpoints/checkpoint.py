"""Opening a checkpoint: its network, its weights and the facts in its record."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError, KeyMapError, UnknownModelError
from ..files.atomic_file import record_path
from ..mapping.assignment import refuse
from ..mapping.layout_keys import find_layout
from ..mapping.network_spec import network_specs
from ..mappings.catalog import Entry, Preprocessing, load_catalog
from ..mappings.class_labels import Labels, recorded_labels
from ..mappings.key_map import MADE_UP, load_keymap
from ..mappings.zoo import load_zoo
from ..models import ResNet, create_model
from ..sources.arrays import Arrays
from ..weights.gluon_arrays import gluon_arrays
from ..weights.state_dict import Tensors
from .formats.job import GRAPH_KEY
from .metadata import from_metadata
from .recorded_facts import RecordedFacts, read_record
from .weights_file import PROGRAM, local_path, read_tensors


@dataclass(frozen=True, repr=False)
class Checkpoint:
    """An opened checkpoint of any format and layout.

    Attributes:
        path: Path of the file or folder.
        entry: Catalogue entry of the network.
        tensors: The state_dict under our keys, in the network's order.
        num_classes: Number of outputs of the classifier; 0 if there is none.
        in_chans: Number of input channels.
        record: Facts from the record; empty if the record is missing.
    """

    path: Path
    entry: Entry
    tensors: Tensors
    num_classes: int
    in_chans: int
    record: RecordedFacts

    def __repr__(self) -> str:
        return (
            f"Checkpoint({str(self.path)!r}, {self.entry.name!r}, num_classes={self.num_classes}, "
            f"in_chans={self.in_chans})"
        )

    @property
    def labels(self) -> Labels | None:
        """The class labels, or None if they are not known.

        Raises:
            LabelsError: If the list in the record is invalid.
        """
        return recorded_labels(self.record.labels)

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing in the record, or else that of the network's data set."""
        return self.record.preprocessing or self.entry.dataset.preprocessing

    def network(self, **options: Any) -> ResNet:
        """Build the network with a copy of these weights, in eval mode.

        Args:
            options: Passed to `models.create_model`, such as `features_only`. With another
                `num_classes` than the file's, the classifier is untrained.

        Raises:
            KeyMapError: If `in_chans` is another than the file's.
            ValueError: If an option is invalid.
        """
        chosen = {"num_classes": self.num_classes, "in_chans": self.in_chans, **options}
        if chosen["in_chans"] != self.in_chans:
            raise KeyMapError(
                f"{self.path}: the weights expect {self.in_chans}-channel images",
                ["in_chans: omit it, or build an untrained network with create_model"],
            )
        same = chosen["num_classes"] == self.num_classes
        with torch.device("meta") if same else nullcontext():  # nothing to initialize
            network: ResNet = create_model(self.entry.name, **chosen)
        classifier = f"{load_keymap(self.entry.family).classifier}."
        copies = {
            name: self.tensors[name].clone()
            for name in network.state_dict()
            if same or not name.startswith(classifier)
        }
        network.load_state_dict(copies, assign=True, strict=same)
        return network.eval()

    def gluon_arrays(self) -> Arrays:
        """Convert the weights to the arrays that GluonCV's `load_parameters` accepts.

        Returns:
            The arrays, by structural name.

        Raises:
            CheckpointError: If MXNet cannot read the data type or a value of a tensor.
        """
        headless = not self.num_classes
        return gluon_arrays(self.entry.family, self.tensors, self.path, headless=headless)


def open_checkpoint(path: str | os.PathLike[str], model: str | None = None) -> Checkpoint:
    """Open a `.pth`, a `.safetensors` or a timm folder, in any of the layouts.

    Args:
        path: Path of the file or folder; or `hf:OWNER/NAME`, a repository on the Hugging Face Hub,
            which is downloaded to the Hub's cache. `@REVISION` selects a tag or a commit in it.
        model: Name of the network; needed only if the record is missing.

    Raises:
        CheckpointError: If the file or its record cannot be read, or it is a graph's.
        UnknownModelError: If there is no record that names the network, and no model was given.
        KeyMapError: If the weights do not belong to that network.
        DownloadError: If a repository on the Hub cannot be downloaded.
        MissingDependencyError: If it needs huggingface_hub, which is not installed.
    """
    path = local_path(path)
    tensors, metadata = read_tensors(path)
    record = read_record(path) or from_metadata(metadata, path)
    if record.graph is not None or GRAPH_KEY in metadata or path.suffix == PROGRAM:
        raise CheckpointError(
            f"{path}: was converted as a graph; open it with gluon2torch.open_program, whose "
            "module() can be run and trained"
        )
    name = model or record.model
    if name is None:
        raise UnknownModelError(
            f"{path}: its record, {record_path(path).name}, is missing; put it back, "
            "or name the network with `--model`"
        )
    if name.lower() in load_zoo():
        raise CheckpointError(f"{path}: {name} is converted as a graph, and {_lost_graph(path)}")
    try:
        entry = load_catalog().find(name)
    except UnknownModelError as error:
        raise UnknownModelError(f"{path}: {error}") from error
    return Checkpoint(path, entry, *_fit(path, entry, tensors), record)


def _lost_graph(path: Path) -> str:
    """Say, as the end of a sentence, why weights have no graph, and what to do."""
    record = record_path(path)
    if path.suffix == ".safetensors" or record.exists():
        return "this file has none; convert the network again"
    return (
        f"the graph was in its record, {record.name}, which is missing; put the record back beside "
        "the file, or convert the network again"
    )


def _fit(path: Path, entry: Entry, tensors: Tensors) -> tuple[Tensors, int, int]:
    """Map tensors of any layout to our keys.

    Returns:
        The tensors under our keys, the number of classes and the number of input channels.

    Raises:
        KeyMapError: If the tensors do not belong to the network.
    """
    keymap = load_keymap(entry.family)
    classifier, first_conv = f"{keymap.classifier}.weight", f"{keymap.first_conv}.weight"
    expected = network_specs(entry.name, entry.dataset.num_classes, 3)
    keys = find_layout(entry, tensors, expected, path)
    ours = {keys[name]: tensor for name, tensor in tensors.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.items()}
    in_chans = shapes[first_conv][1] if len(shapes.get(first_conv, ())) == 4 else 3
    # a classifier of the wrong shape counts as present, and is reported below
    num_classes = max([1, *shapes[classifier][:1]]) if classifier in shapes else 0
    expected = network_specs(entry.name, num_classes, in_chans)
    problems = [
        f"{name}: has shape {tuple(ours[name].shape)}; {entry.name} expects {spec.shape}"
        if name in ours
        else f"{name}: is missing"
        for name, spec in expected.items()
        if (name in ours or not name.endswith(f".{MADE_UP}"))
        and (name not in ours or tuple(ours[name].shape) != spec.shape)
    ]
    refuse(f"{path}: these are not the weights of {entry.name}", problems)
    zero = torch.zeros((), dtype=torch.int64)
    return {name: ours.get(name, zero) for name in expected}, num_classes, in_chans
