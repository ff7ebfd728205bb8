"""Options of predictions by networks of mappings/zoo/."""

from __future__ import annotations

from dataclasses import dataclass

from .choices import PRESETS


@dataclass(frozen=True)
class TaskOptions:
    """What is shown of a network's outputs.

    Attributes:
        threshold: lowest score of an object.
        joint_threshold: lowest score of a joint.
        topk: number of classes of an image or a video.
        segments: number of clips of a video whose logits are averaged; of frames for a network
            that takes single frames.
        preset: how images of classifiers are prepared, one of PRESETS.
    """

    threshold: float = 0.5
    joint_threshold: float = 0.2
    topk: int = 5
    segments: int = 1
    preset: str = PRESETS[0]
