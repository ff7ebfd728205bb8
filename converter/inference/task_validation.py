"""Metrics of a network of mappings/zoo/ on a data set of its task."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.program import Program, opened_program
from ..errors import CheckpointError, DatasetError, ImageError
from ..mappings.class_labels import Labels
from .classification import Progress
from .datasets.detection_folders import find_boxes
from .process_group import World
from .runner import Setup
from .tasks.class_evaluator import ActionEvaluator, ImageClassEvaluator
from .tasks.detection_evaluator import CocoEvaluator, VocEvaluator
from .tasks.detector import Detector
from .tasks.evaluator import Evaluator, Figures
from .tasks.person_poses import people_detector
from .tasks.pose_evaluator import PoseEvaluator
from .tasks.segmentation_evaluator import SegmentationEvaluator
from .tasks.task_network import TaskNetwork
from .tasks.task_options import TaskOptions

PERSON_THRESHOLD = 0.05  # lowest score of a detected person


@dataclass(frozen=True)
class TaskValidation:
    """A network's metrics on a data set.

    Attributes:
        network: The network.
        evaluator: Words for the data set, and whether the published metrics are of it.
        figures: The metrics.
        images: Number of images or videos that were counted.
        skipped: Why each of the others was not.
        seconds: Time from the first image to the last.
    """

    network: TaskNetwork
    evaluator: Evaluator
    figures: Figures
    images: int
    skipped: tuple[str, ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The metrics and the published ones in per cent, in the form that `--json` writes."""
        entry = self.network.entry
        return {
            "model": entry.name,
            "checkpoint": str(self.network.path),
            "task": entry.task,
            "data": self.evaluator.data,
            "images": self.images,
            "skipped": len(self.skipped),
            "seconds": round(self.seconds, 3),
            "metrics": _numbers(self.figures.values),
            "published": dict(entry.metrics) if self.evaluator.published else {},
            "per_class": _numbers(self.figures.per_class),
            "notes": list(self.evaluator.notes),
            "skipped_images": list(self.skipped),
        }


def validate_task(
    program: Program | str | os.PathLike[str],
    data: str | os.PathLike[str],
    options: TaskOptions | None = None,
    *,
    labels: Labels | None = None,
    eleven_points: bool | None = None,
    detector: Program | str | os.PathLike[str] | None = None,
    setup: Setup | None = None,
    world: World | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TaskValidation | None:
    """Compare a network's results with a data set.

    Each process of a world takes every n-th image. The metrics do not depend on their number.

    Args:
        program: The path of the `.pt2`, or the opened file.
        data: The folder of the data set, or a list of images or videos with their classes.
        options: Clips of a video, scales of segmentation, and how images of classifiers are
            prepared.
        labels: The classes, in place of those of GluonCV's network.
        eleven_points: How average precision is computed on Pascal VOC; see VocEvaluator.
        detector: Finds the people for a pose network; likewise.
        setup: Device and precision; the CPU by default.
        world: The processes that share the work; this one alone by default.
        progress: Called after each image.

    Returns:
        The metrics; None in the processes of a world other than the first.

    Raises:
        CheckpointError: The `.pt2` cannot be read, no metrics are known for the network, or the
            detector does not find people.
        DatasetError: The data set is not one for the network, or a file is missing or invalid.
        ImageError: Images of a classifier cannot be found, or their classes are unknown.
        LabelsError: The number of names is not the number of classes.
        MissingDependencyError: Pycocotools is not installed, or PyAV for videos.
    """
    setup, world = setup or Setup(torch.device("cpu")), world or World()
    network = TaskNetwork(opened_program(program), setup, labels, evaluation=True)
    people = None
    if detector is not None:
        lowest = TaskOptions(threshold=PERSON_THRESHOLD)
        people = people_detector(network, opened_program(detector), setup, lowest, evaluation=True)
    evaluator = _evaluator(network, Path(data), options or TaskOptions(), eleven_points, people)
    start = time.perf_counter()
    broken = _run(evaluator, world, progress)
    parts = world.gather((evaluator.metric, broken, time.perf_counter() - start))
    if world.rank > 0:
        return None
    for metric, other, _ in parts[1:]:
        evaluator.metric.merge(metric)
        broken |= other
    places = sorted(broken)
    if places and len(places) == len(evaluator.examples):
        reason = broken[places[0]]
        raise ImageError(f"{os.fspath(data)}: none of its images can be used; the first: {reason}")
    return TaskValidation(
        network,
        evaluator,
        evaluator.result([evaluator.examples[place] for place in places]),
        len(evaluator.examples) - len(places),
        tuple(broken[place] for place in places),
        max(seconds for *_, seconds in parts),
    )


def _run(
    evaluator: Evaluator, world: World, progress: Callable[[Progress], None] | None
) -> dict[int, str]:
    """Evaluate this process's images; return why some were skipped, by their positions."""
    places = range(world.rank, len(evaluator.examples), world.size)
    broken: dict[int, str] = {}
    for done, place in enumerate(places, 1):
        try:
            evaluator.update(evaluator.examples[place])
        except ImageError as error:
            broken[place] = str(error)
        if progress is not None:
            progress(Progress(done, len(places)))
    return broken


def _evaluator(
    network: TaskNetwork,
    data: Path,
    options: TaskOptions,
    eleven_points: bool | None,
    detector: Detector | None,
) -> Evaluator:
    task = network.entry.task
    if task in ("detection", "segmentation", "pose") and not data.is_dir():
        raise DatasetError(f"{data}: no such folder; give the folder of the data set")
    if task == "detection":
        folder = find_boxes(data)
        if folder is None and eleven_points is not None:
            raise DatasetError(f"{data}: is COCO, and `--metric` is for Pascal VOC; leave it out")
        if folder is None:
            return CocoEvaluator(network, data)
        return VocEvaluator(network, folder, eleven_points)
    if task == "segmentation":
        return SegmentationEvaluator(network, data, options)
    if task == "pose":
        return PoseEvaluator(network, data, detector)
    if task == "action":
        return ActionEvaluator(network, data, options)
    if task == "classification":
        return ImageClassEvaluator(network, data, options)
    raise CheckpointError(f"{network.path}: no metric is known for {task}")


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    """The values, with None in place of NaN, which JSON does not have."""
    return {name: None if math.isnan(value) else value for name, value in values.items()}
