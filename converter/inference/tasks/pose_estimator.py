"""Keypoints of the people in images, found by a pose network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ImageError
from ...mappings.task_options import TaskOptions
from ..images.image_file import read_image
from ..images.linear_resize import Image
from ..images.person_input import prepare_person
from ..pictures.skeletons import draw_poses
from .detector import Detector
from .task_network import TaskNetwork
from .task_result import TaskResult

PERSON = "person"  # the class of COCO and Pascal VOC


class PoseEstimator:
    """A network that takes one person and returns a heat map of each joint.

    Args:
        network: The network.
        options: The lowest score of a joint.
        detector: Finds the people; without it, each image is taken to show one person.
    """

    def __init__(
        self, network: TaskNetwork, options: TaskOptions, detector: Detector | None = None
    ) -> None:
        self._network, self._detector = network, detector
        self._threshold = options.joint_threshold

    def __call__(self, path: str) -> TaskResult:
        """Find the people's keypoints in an image file.

        Raises:
            ImageError: The file cannot be read, or a person's box has no pixels of the image.
        """
        image = read_image(path)
        people: list[dict[str, Any]] = []
        joints, confidences = np.zeros((0, 17, 2)), np.zeros((0, 17))
        for box, score in self._people(image, path):
            try:
                person = prepare_person(image, box, self._network.preprocessing)
            except ImageError as error:
                raise ImageError(f"{path}: {error}") from error
            heat_maps = self._network(person.pixels, path)[0][0]
            points, scores = person.keypoints(heat_maps)
            scores = np.asarray(scores).reshape(-1)
            joints = np.concatenate([joints, points[None]])
            confidences = np.concatenate([confidences, scores[None]])
            triples = np.concatenate([points, scores[:, None]], axis=1)
            left, top, right, bottom = box
            people.append(
                {
                    "keypoints": triples.reshape(-1).tolist(),
                    "bbox": [left, top, right - left + 1, bottom - top + 1],
                    "score": score,
                }
            )
        height, width = image.shape[:2]
        lines = tuple(
            f"{each['score']:6.1%}  person with {int((scores > self._threshold).sum())} of "
            f"{len(scores)} joints above {self._threshold}"
            for each, scores in zip(people, confidences, strict=True)
        )
        pictures = {"poses": lambda: draw_poses(image, joints, confidences, self._threshold)}
        facts = {"width": width, "height": height, "people": people}
        return TaskResult(path, facts, lines, pictures)

    def _people(self, image: Image, path: str) -> list[tuple[tuple[float, ...], float]]:
        """Boxes of the people, and their scores."""
        if self._detector is None:
            height, width = image.shape[:2]
            return [((0.0, 0.0, width - 1.0, height - 1.0), 1.0)]
        objects = self._detector.objects(image, path)
        return [(each.box, each.score) for each in objects if each.label == PERSON]
