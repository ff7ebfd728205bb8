"""The most probable classes of images and videos."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import torch

from ...mappings.preprocessing import FrameCrop
from ...sources.arrays import Array
from ..images.clip_input import choose_frames, prepare_frames
from ..images.image_file import read_image
from ..images.normalisation import normalise
from ..images.presets import make_crop
from ..images.video_file import open_video
from ..prediction import top_guesses
from .task_network import TaskNetwork
from .task_options import TaskOptions
from .task_result import TaskResult


class ImageClassifier:
    """A network that returns the logits of one image."""

    def __init__(self, network: TaskNetwork, options: TaskOptions) -> None:
        self._network, self._topk = network, options.topk
        self._facts = network.preprocessing.of_classifier()
        self._crop = make_crop(self._facts, options.preset)

    def __call__(self, path: str) -> TaskResult:
        """Classify an image file.

        Raises:
            ImageError: The file cannot be read.
        """
        return _classified(path, self.logits(path), self._network.names, self._topk)

    def logits(self, path: str) -> Array:
        """The logits of an image file (C,)."""
        pixels = torch.from_numpy(self._crop(read_image(path)).copy())[None]
        logits: Array = self._network(normalise(pixels, self._facts), path)[0][0]
        return logits


class VideoClassifier:
    """A network that returns the logits of a clip, or of single frames; their mean counts."""

    def __init__(self, network: TaskNetwork, options: TaskOptions) -> None:
        self._network, self._topk, self._segments = network, options.topk, options.segments
        rule = network.preprocessing.rule
        assert isinstance(rule, FrameCrop)  # of all networks for actions
        self._rule = rule

    def __call__(self, path: str) -> TaskResult:
        """Classify a video: a file, or a folder of its frames in the order of their names.

        Raises:
            ImageError: The file or a frame cannot be read.
            MissingDependencyError: PyAV is not installed, which reads videos.
        """
        return _classified(path, self.logits(path), self._network.names, self._topk)

    def logits(self, path: str, count: int | None = None) -> Array:
        """The mean logits of a video's clips (C,), in float64.

        Args:
            path: The video.
            count: Number of frames to use, from the first on; all by default.
        """
        video = open_video(path)
        used = video.count if count is None else min(count, video.count)
        clips = choose_frames(used, self._rule, self._segments)
        frames = video.frames({index for clip in clips for index in clip})
        logits = [
            self._network(
                prepare_frames([frames[index] for index in clip], self._network.preprocessing), path
            )[0]
            for clip in clips
        ]
        mean: Array = np.concatenate(logits).mean(0, dtype=np.float64)
        return mean


def _classified(path: str, logits: Array, names: tuple[str, ...], topk: int) -> TaskResult:
    top = top_guesses(torch.from_numpy(logits).double(), names, topk)
    facts = {"top": [asdict(guess) for guess in top]}
    return TaskResult(path, facts, tuple(map(str, top)))
