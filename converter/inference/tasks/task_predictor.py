"""The predictor of a program, by the task of its network."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch

from ...checkpoints.program import Program, open_program, opened_program
from ...mappings.class_labels import Labels
from ...mappings.preprocessing import FrameCrop, FramePair, ObjectWindows
from ..images.image_file import Paths, each_path, find_images
from ..runner import Setup
from .camera_motion import CameraMotion
from .depth_estimator import DepthEstimator
from .detector import Detector
from .image_classifier import ImageClassifier, VideoClassifier
from .object_tracker import ObjectTracker
from .person_poses import people_detector
from .pose_estimator import PoseEstimator
from .segmenter import Segmenter
from .task_network import TaskNetwork
from .task_options import TaskOptions
from .task_result import TaskResult

PREDICTORS: dict[str, Callable[..., Callable[[str], TaskResult]]] = {
    "classification": ImageClassifier,
    "detection": Detector,
    "segmentation": Segmenter,
    "pose": PoseEstimator,
    "depth": DepthEstimator,
    "action": VideoClassifier,
    "tracking": ObjectTracker,
}
OF_VIDEOS = FrameCrop, FramePair, ObjectWindows  # rules of networks that take videos


class TaskPredictor:
    """A program of a network of mappings/zoo/ that predicts on image files or videos.

    Args:
        program: The opened program.
        options: What is shown of its outputs.
        labels: Names of the classes, in place of those of GluonCV's network.
        detector: The path of a detector's `.pt2`, or the opened file; it finds the people for a
            pose network.
        setup: Device and precision; the CPU by default.

    Raises:
        CheckpointError: If predictions are not known for the network, or the detector does not
            find people.
        ValueError: If a network tracks an object, and the options have no box.
    """

    def __init__(
        self,
        program: Program,
        options: TaskOptions | None = None,
        *,
        labels: Labels | None = None,
        detector: Program | str | os.PathLike[str] | None = None,
        setup: Setup | None = None,
    ) -> None:
        options, setup = options or TaskOptions(), setup or Setup(torch.device("cpu"))
        network = TaskNetwork(program, setup, labels)
        self.task, rule = network.entry.task, network.preprocessing.rule
        self.of_videos = isinstance(rule, OF_VIDEOS)
        make = CameraMotion if isinstance(rule, FramePair) else PREDICTORS[self.task]
        more: dict[str, Any] = {}
        if detector is not None:
            people = opened_program(detector)
            more["detector"] = people_detector(network, people, setup, options, evaluation=False)
        self._predict = make(network, options, **more)

    def __call__(self, path: str | os.PathLike[str]) -> TaskResult:
        """Predict on an image file or a video.

        Raises:
            ImageError: If it cannot be read, or the network does not run on its size.
        """
        return self._predict(os.fspath(path))

    def files(self, paths: Paths) -> list[str]:
        """List what to predict on: image files, also those in folders; or videos as they are.

        A path that does not exist stays, and so does a folder without images: reading them fails.
        """
        if self.of_videos:
            return each_path(paths)
        return find_images(paths)


def predict_task(
    program: str | os.PathLike[str],
    images: Paths,
    options: TaskOptions | None = None,
    **more: Any,
) -> list[TaskResult]:
    """Predict on images or videos with a `.pt2` of a network of mappings/zoo/.

    Args:
        program: Path of the `.pt2`.
        images: Files, or folders of images; a video is a file or a folder of frames. A single one
            need not be in a list.
        options: What is shown of the outputs.
        more: Further keyword arguments of TaskPredictor.

    Raises:
        ConversionError: If the program or an image cannot be read (errors.py).
    """
    predictor = TaskPredictor(open_program(program), options, **more)
    return [predictor(image) for image in predictor.files(images)]
