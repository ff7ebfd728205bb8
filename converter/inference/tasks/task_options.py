"""How a network of mappings/zoo/ is run, and what is shown of its outputs."""

from __future__ import annotations

from dataclasses import dataclass

from ...mappings.choices import PRESETS


@dataclass(frozen=True)
class TaskOptions:
    """How a network is run, and what is shown of its outputs.

    Attributes:
        threshold: Lowest score of an object.
        topk: Number of classes of an image or a video.
        segments: Number of clips of a video whose logits are averaged; of frames for a network
            that takes single frames.
        box: Of the object to track in the first frame, as left, top, width and height in pixels.
        preset: How images of classifiers are prepared, one of PRESETS.
        scales: Scales at which a segmentation network is evaluated in crops, as GluonCV's
            MultiEvalModel does; none to evaluate each image once, as a whole.
        flip: Whether the mirror images of the crops count, too.
        base_size: Length of an image's longer side at scale 1, in pixels; None for that of
            GluonCV's evaluation on the data set.
    """

    threshold: float = 0.5
    topk: int = 5
    segments: int = 1
    box: tuple[float, float, float, float] | None = None
    preset: str = PRESETS[0]
    scales: tuple[float, ...] = ()
    flip: bool = False
    base_size: int | None = None
