"""A camera's motion through the frames of a video, found by a pose network of monodepth2."""

from __future__ import annotations

import numpy as np
import torch

from ...errors import ImageError
from ...mappings.preprocessing import FramePair
from ...sources.arrays import Array
from ..camera_poses import camera_poses, motion_matrix
from ..images.image_resize import resize
from ..images.task_input import as_input
from ..images.video_file import Video, frame_of, open_video
from ..pictures.camera_path import path_picture
from .task_network import TaskNetwork
from .task_options import TaskOptions
from .task_result import TaskResult


class CameraMotion:
    """A network that returns the rotation and the translation between two frames."""

    def __init__(self, network: TaskNetwork, _options: TaskOptions) -> None:
        rule = network.preprocessing.rule
        assert isinstance(rule, FramePair)  # of all networks of two frames
        self._network, self._rule = network, rule

    def __call__(self, path: str) -> TaskResult:
        """Follow the camera through a video: a file, or a folder of its frames.

        Raises:
            ImageError: The video cannot be read, or has one frame only.
            MissingDependencyError: PyAV is not installed, which reads videos.
        """
        video = open_video(path)
        if video.count < 2:
            raise ImageError(f"{path}: has one frame, and motion is from one frame to the next")
        motions = self.motions(video, path)
        poses = camera_poses(motion_matrix(*motion) for motion in motions)
        facts = {
            "motions": [
                {"axis_angle": turn.tolist(), "translation": move.tolist()}
                for turn, move in motions
            ],
            "poses": poses[:, :3].reshape(len(poses), -1).tolist(),
        }
        x, y, z = poses[-1, :3, 3]
        length = float(np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).sum())
        lines = (
            f"{video.count} frames; path of length {length:.3f}",
            f"last place {x:.3f} to the right, {y:.3f} down, {z:.3f} forward",
        )
        return TaskResult(path, facts, lines, {"path": lambda: path_picture(poses[:, :3, 3])})

    def motions(self, video: Video, path: str) -> list[tuple[Array, Array]]:
        """Axis-angle (3,) and translation (3,) from each frame to the next; the path is for errors.

        As in GluonCV's evaluation, they are the first of the two that the network returns.
        """
        motions, before = [], self._pixels(video, 0)
        for number in range(1, video.count):
            after = self._pixels(video, number)
            turns, moves = self._network(torch.cat([before, after], dim=1), path)
            motions.append((turns[0, 0].reshape(3), moves[0, 0].reshape(3)))
            before = after
        return motions

    def _pixels(self, video: Video, number: int) -> torch.Tensor:
        frame = resize(frame_of(video, number), self._rule.size, self._rule.interpolation)
        return as_input(frame, self._network.preprocessing)
