"""Frames of a video as the input of an action recognition network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...mappings.preprocessing import FrameCrop
from .linear_resize import Image, resize_linear
from .normalisation import normalise

if TYPE_CHECKING:
    from ...mappings.preprocessing import TaskPreprocessing


def choose_frames(count: int, rule: FrameCrop, segments: int = 1) -> list[list[int]]:
    """Choose frames of a video, as GluonCV's data sets do in test mode.

    The video is divided into equal segments, and a clip is taken from the middle of each. A video
    that is too short repeats its last frames.

    Args:
        count: Number of frames of the video.
        rule: Of the network.
        segments: Number of clips; or of frames, for a network that takes single frames.

    Returns:
        For each segment the indices of its frames, in the order of the network's input.
    """
    length = (rule.frames or 1) * rule.step
    spare = max(0, count - length + 1)
    starts = [int(spare / segments / 2 + spare / segments * number) for number in range(segments)]
    return [_clip(start, count, length, rule) for start in starts]


def _clip(start: int, count: int, length: int, rule: FrameCrop) -> list[int]:
    if rule.slow_step is None:
        return _steps(start, count, length // rule.step, rule.step)
    # SlowFast takes the last frame of each step
    every = _steps(start, count, length, 1)
    return every[rule.step - 1 :: rule.step] + every[rule.slow_step - 1 :: rule.slow_step]


def _steps(start: int, count: int, number: int, step: int) -> list[int]:
    """List `number` indices; as GluonCV, stop where the next one would be the last or beyond."""
    indices = [start]
    while len(indices) < number:
        following = indices[-1] + step
        indices.append(following if following < count - 1 else indices[-1])
    return indices


def prepare_frames(frames: Sequence[Image], preprocessing: TaskPreprocessing) -> torch.Tensor:
    """Prepare frames as GluonCV's VideoGroupValTransform does, in float64 until the end.

    Args:
        frames: Each (H, W, 3), 8-bit RGB.
        preprocessing: That of the network (`ZooEntry.preprocessing`).

    Returns:
        float32: A clip (1, 3, T, H, W), or frames (T, 3, H, W) for a network that takes these.

    Raises:
        TypeError: The network does not take frames.
    """
    rule = preprocessing.rule
    if not isinstance(rule, FrameCrop):
        raise TypeError(f"{type(rule).__name__} does not take frames")
    rows, columns = map(_centre, rule.resized, rule.size)
    crops = np.stack([resize_linear(frame, rule.resized, rows, columns) for frame in frames])
    pixels = normalise(torch.from_numpy(crops), preprocessing, torch.float64).float()
    return pixels if rule.frames is None else pixels.transpose(0, 1)[None]


def _centre(whole: int, part: int) -> tuple[int, int]:
    start = round((whole - part) / 2)
    return start, start + part
