"""A program of mappings/zoo/ as a network on its device, which takes images of any size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import fx

from ...checkpoints.program import Program
from ...errors import CheckpointError, ImageError
from ...graph.inputs.image_sizes import size_multiple
from ...mappings.class_labels import Labels, dataset_labels
from ...mappings.preprocessing import TaskPreprocessing
from ...mappings.zoo import ZooEntry, load_zoo
from ...sources.arrays import Array
from ..prediction import check_count
from ..runner import IMAGE_AXES, Setup, place

BOX_OUTPUTS = "ids", "scores", "boxes"


class TaskNetwork:
    """A network of mappings/zoo/, and the facts that predictions need.

    Attributes:
        entry: The network's entry.
        preprocessing: How GluonCV's demonstration prepares its input, or its evaluation.
        num_classes: Number of its classes; None if it has none.
        labels: Its classes; None if they are not known.
        names: Names of its classes; empty if they are not known.
        published: Whether its classes are those of GluonCV's network, so that the published
            metrics can be compared with.
        masks: Whether it is a detector that returns the masks of objects, too.
        path: File of the program.
        size: Height and width of the images that the file was written for.
        multiple: Images' sides must be multiples of this number of pixels; None if the graph has no
            fixed sizes, so that one module takes images of any size.
    """

    def __init__(
        self,
        program: Program,
        setup: Setup,
        labels: Labels | None = None,
        *,
        evaluation: bool = False,
    ) -> None:
        """Find out what a program's network needs.

        Args:
            program: The opened program.
            setup: Device, precision and memory format.
            labels: Names of the classes, in place of those of GluonCV's network.
            evaluation: Prepare images as GluonCV's evaluation does, not as its demonstration.

        Raises:
            CheckpointError: If GluonCV's list has no network of that name, or it takes videos and
                the memory format is for images.
            LabelsError: If the number of names is not the number of classes.
        """
        entry = load_zoo().get(program.record.model or "")
        if entry is None:
            raise CheckpointError(
                f"{program.path}: the task of {program.record.model or 'the network'} is unknown, "
                "because it is none of GluonCV's; `gluon2torch predict` and `features` take it"
            )
        size = next(iter(program.inputs.values()))
        if setup.channels_last and len(size) != IMAGE_AXES:
            raise CheckpointError(
                f"{program.path}: {entry.name} takes videos, and the channels_last memory format "
                "is for images; leave it out"
            )
        self.entry: ZooEntry = entry
        self.preprocessing: TaskPreprocessing = entry.preprocessing
        if entry.demo is not None and not evaluation:
            self.preprocessing = entry.demo
        self.labels = _labels(program, entry, labels)
        self.names = self.labels.names if self.labels is not None else ()
        known = dataset_labels(entry.labels) if entry.labels is not None else None
        self.published = known is not None and self.names == known.names
        self.num_classes = program.record.num_classes or len(self.names) or None
        self.masks = entry.task == "detection" and len(program.graph.heads) > len(BOX_OUTPUTS)
        self.path = program.path
        self._program, self._setup = program, setup
        self.size = size[-2], size[-1]
        self.multiple = size_multiple(program.graph, self.size)
        self._module_of: tuple[dict[str, tuple[int, ...]], fx.GraphModule] | None = None

    def __call__(self, pixels: torch.Tensor, image: str) -> list[Array]:
        """Run a network that has one input; see `run`."""
        (name,) = self._program.inputs
        return self.run({name: pixels}, image)

    def run(self, inputs: Mapping[str, torch.Tensor], image: str) -> list[Array]:
        """Run the network.

        Args:
            inputs: Its inputs, by name.
            image: Name of the image, for errors.

        Returns:
            Its outputs.

        Raises:
            ImageError: If it does not run on images of that size.
        """
        module, setup = self._module({n: tuple(x.shape) for n, x in inputs.items()}), self._setup
        try:
            with torch.inference_mode(), setup.autocast():
                placed = {
                    name: pixels.to(setup.device).contiguous(memory_format=setup.memory_format)
                    for name, pixels in inputs.items()
                }
                outputs = module(**placed)
        except (RuntimeError, IndexError, ValueError) as error:
            size = " and ".join("x".join(map(str, each.shape)) for each in inputs.values())
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ImageError(
                f"{image}: {self.entry.name} cannot run on an input of {size} ({reason})"
            ) from error
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [np.asarray(each.float().cpu()) for each in outputs]

    def _module(self, shapes: dict[str, tuple[int, ...]]) -> fx.GraphModule:
        """The module for inputs of these shapes; one for all if the graph has no fixed sizes."""
        key = shapes if self.multiple is not None else {}
        if self._module_of is None or self._module_of[0] != key:
            self._module_of = None  # one is in memory at a time
            module = self._program.module(shapes).requires_grad_(False)
            place(module, self._setup)
            self._module_of = key, module
        return self._module_of[1]


def _labels(program: Program, entry: ZooEntry, labels: Labels | None) -> Labels | None:
    """A network's classes: those given, else GluonCV's if there are as many."""
    count = program.record.num_classes
    if labels is not None:
        if count is not None:
            check_count(program.path, labels, count)
        return labels
    known = dataset_labels(entry.labels) if entry.labels is not None else None
    return known if known is not None and count in (None, len(known.names)) else None
