"""How a network of mappings/zoo/ is run, and what is shown of its outputs."""

from __future__ import annotations

from dataclasses import dataclass

from ...mappings.choices import PRESETS


@dataclass(frozen=True)
class TaskOptions:
    """How a network is run, and what is shown of its outputs.

    Attributes:
        threshold: lowest score of an object.
        topk: number of classes of an image or a video.
        segments: number of clips of a video whose logits are averaged; of frames for a network
            that takes single frames.
        preset: how images of classifiers are prepared, one of PRESETS.
    """

    threshold: float = 0.5
    topk: int = 5
    segments: int = 1
    preset: str = PRESETS[0]
