"""Keypoints of the people in an image, in given boxes or in those of a detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...checkpoints.program import Program
from ...errors import CheckpointError, ImageError
from ...sources.arrays import Array
from ..images.linear_resize import Image
from ..images.person_input import prepare_person
from ..images.placement import Box
from ..runner import Setup
from .detector import Detector
from .task_network import TaskNetwork
from .task_options import TaskOptions

PERSON = "person"  # the class of COCO and Pascal VOC


@dataclass(frozen=True, eq=False)
class Pose:
    """The keypoints of a person.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the image.
        score: That of the box, 0 to 1; 1 if no detector found it.
        points: X and y of each keypoint in pixels of the image, (K, 2).
        confidences: The maximum of each heat map, (K,).
    """

    box: Box
    score: float
    points: Array
    confidences: Array


def poses_in(
    image: Image,
    path: str,
    network: TaskNetwork,
    boxes: Sequence[Box],
    detector: Detector | None = None,
) -> Iterator[Pose]:
    """Find the keypoints of each person in an image.

    Args:
        image: (H, W, 3), 8-bit RGB.
        path: Its name, for errors.
        network: The pose network.
        boxes: The people's boxes, as (x0, y0, x1, y1); not used if there is a detector.
        detector: Finds the people. Of its boxes, those without pixels of the image are left out.

    Raises:
        ImageError: One of `boxes` has no pixels of the image, or a network does not run.
    """
    found: list[tuple[Box, float]] = [(box, 1.0) for box in boxes]
    if detector is not None:
        objects = detector.objects(image, path)
        found = [(each.box, each.score) for each in objects if each.label == PERSON]
    for box, score in found:
        try:
            person = prepare_person(image, box, network.preprocessing)
        except ImageError as error:
            if detector is not None:
                continue
            raise ImageError(f"{path}: {error}") from error
        points, confidences = person.keypoints(network(person.pixels, path)[0][0])
        yield Pose(box, score, points, np.reshape(confidences, -1))


def people_detector(
    network: TaskNetwork, program: Program, setup: Setup, options: TaskOptions, *, evaluation: bool
) -> Detector:
    """Open a detector that finds the people for a pose network.

    Args:
        network: The pose network.
        program: The detector's program.
        setup: Device and precision.
        options: The lowest score of a person.
        evaluation: Prepare images as GluonCV's evaluation does, not as its demonstration.

    Raises:
        CheckpointError: The network does not take people, the program is no detector, or it has no
            class `person`.
    """
    if network.entry.task != "pose":
        raise CheckpointError(
            f"{network.path}: is for {network.entry.task}; a detector is for pose networks"
        )
    found = TaskNetwork(program, setup, evaluation=evaluation)
    if found.entry.task != "detection":
        raise CheckpointError(f"{program.path}: is not a detector")
    if PERSON not in found.names:
        raise CheckpointError(
            f"{program.path}: has no class named {PERSON!r}, and so cannot find people; give a "
            "detector with GluonCV's classes of COCO or Pascal VOC"
        )
    return Detector(found, options)
