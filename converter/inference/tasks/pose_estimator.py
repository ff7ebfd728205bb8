"""Keypoints of the people in images, found by a pose network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...mappings.class_labels import dataset_labels
from ..datasets.coco_persons import JOINTS
from ..images.image_file import read_image
from ..pictures.skeletons import draw_poses
from .detector import Detector
from .person_poses import PERSON, Pose, poses_in
from .task_network import TaskNetwork
from .task_options import TaskOptions
from .task_result import TaskResult

JOINT_THRESHOLD = 0.2  # lowest score of a joint that is drawn


class PoseEstimator:
    """A network that takes one person and returns a heat map of each joint.

    Args:
        network: The network.
        detector: Finds the people; without it, each image is taken to show one person.
    """

    def __init__(
        self, network: TaskNetwork, _options: TaskOptions, detector: Detector | None = None
    ) -> None:
        self._network, self._detector = network, detector

    def __call__(self, path: str) -> TaskResult:
        """Find the people's keypoints in an image file.

        Raises:
            ImageError: The file cannot be read, or has too few pixels.
        """
        image = read_image(path)
        height, width = image.shape[:2]
        whole = (0.0, 0.0, width - 1.0, height - 1.0)
        poses = list(poses_in(image, path, self._network, [whole], self._detector))
        joints = np.array([pose.points for pose in poses]).reshape(-1, JOINTS, 2)
        confidences = np.array([pose.confidences for pose in poses]).reshape(-1, JOINTS)
        lines = tuple(
            f"{pose.score:6.1%}  person with {int((pose.confidences > JOINT_THRESHOLD).sum())} of "
            f"{len(pose.confidences)} joints above {JOINT_THRESHOLD}"
            for pose in poses
        )
        pictures = {"poses": lambda: draw_poses(image, joints, confidences, JOINT_THRESHOLD)}
        facts = {"width": width, "height": height, "people": [_as_dict(pose) for pose in poses]}
        return TaskResult(path, facts, lines, pictures)


def _as_dict(pose: Pose) -> dict[str, Any]:
    left, top, right, bottom = pose.box
    triples = np.concatenate([pose.points, pose.confidences[:, None]], axis=1)
    return {
        "label": PERSON,
        "category_id": dataset_labels("coco").names.index(PERSON),
        "keypoints": triples.reshape(-1).tolist(),
        "bbox": [left, top, right - left + 1, bottom - top + 1],
        "score": pose.score,
    }
