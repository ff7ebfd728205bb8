"""One object in the frames of a video, followed from its box in the first one."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...errors import ImageError
from ...mappings.preprocessing import ObjectWindows
from ..detected_objects import DetectedObject
from ..images.linear_resize import Image
from ..images.object_windows import cut_window, window_side
from ..images.placement import Box
from ..images.video_file import Video, frame_of, open_video
from ..object_track import find_object
from ..pictures.object_boxes import draw_objects
from .task_network import TaskNetwork
from .task_options import TaskOptions
from .task_result import TaskResult

Tracked = tuple[Box, float | None]
"""Left, top, width and height of the object in a frame, and the score; None in the first frame."""


class ObjectTracker:
    """A network that looks for an object's first appearance in the surroundings of its last place.

    Args:
        network: The network.
        options: The object's box in the first frame.

    Raises:
        ValueError: There is no box.
    """

    def __init__(self, network: TaskNetwork, options: TaskOptions) -> None:
        rule = network.preprocessing.rule
        assert isinstance(rule, ObjectWindows)  # of all networks for tracking
        if options.box is None:
            raise ValueError("tracking needs the object's box in the first frame: TaskOptions.box")
        self._network, self._rule, self._box = network, rule, options.box

    def __call__(self, path: str) -> TaskResult:
        """Follow the object through a video: a file, or a folder of its frames.

        Raises:
            ImageError: The video cannot be read, or the box is not in its first frame.
            MissingDependencyError: PyAV is not installed, which reads videos.
        """
        video = open_video(path)
        height, width = frame_of(video, 0).shape[:2]
        track = self.track(video, path)
        boxes = [
            {"frame": number, "bbox": list(box), "score": score}
            for number, (box, score) in enumerate(track)
        ]
        facts = {"width": width, "height": height, "boxes": boxes}
        digits = len(str(video.count - 1))
        pictures = {
            f"{number:0{digits}}-track": partial(_draw, video, number, *each)
            for number, each in enumerate(track)
        }
        return TaskResult(path, facts, _lines(track), pictures)

    def track(self, video: Video, path: str) -> list[Tracked]:
        """The object in each frame, as GluonCV's SiamRPNTracker finds it; the path is for errors.

        Raises:
            ImageError: The box is not in the first frame, or larger.
        """
        frame, rule = frame_of(video, 0), self._rule
        left, top, width, height = self._box
        if not (-width < left < frame.shape[1] and -height < top < frame.shape[0]):
            raise ImageError(
                f"{path}: the box {','.join(f'{side:g}' for side in self._box)} is not in the "
                f"first frame, which has {frame.shape[1]}×{frame.shape[0]} pixels"
            )
        if width > frame.shape[1] or height > frame.shape[0]:  # the window would take its square
            raise ImageError(
                f"{path}: the box has {width:g}×{height:g} pixels, more than the first frame with "
                f"{frame.shape[1]}×{frame.shape[0]}"
            )
        # the middle of the first and the last pixel; but of the edges in the frames that follow
        centre, size = (left + (width - 1) / 2, top + (height - 1) / 2), (width, height)
        fill, side = frame.mean(axis=(0, 1)), window_side(*size, rule.context)
        if round(side) < 1:
            raise ImageError(f"{path}: the box has {width:g}×{height:g} pixels, less than one")
        template = cut_window(frame, centre, round(side), rule.template, fill)
        track: list[Tracked] = [(self._box, None)]
        for number in range(1, video.count):
            frame = frame_of(video, number)
            side = window_side(*size, rule.context)
            wider = round(side * (rule.search / rule.template))
            search = cut_window(frame, centre, wider, rule.search, fill)
            logits, offsets = self._network.run({"template": template, "search": search}, path)
            found = find_object(
                logits,
                offsets,
                (centre, size),
                rule.template / side,
                (frame.shape[0], frame.shape[1]),
            )
            centre, size = found.centre, found.size
            corner = centre[0] - size[0] / 2, centre[1] - size[1] / 2
            track.append(((*corner, *size), found.score))
        return track


def _draw(video: Video, number: int, box: Box, score: float | None) -> Image:
    left, top, width, height = box
    corners = left, top, left + width - 1, top + height - 1
    found = DetectedObject("object", 0, 1.0 if score is None else score, corners)
    return draw_objects(frame_of(video, number), [found])


def _lines(track: list[Tracked]) -> tuple[str, ...]:
    last = ", ".join(f"{side:.1f}" for side in track[-1][0])
    lines = [f"{len(track)} frames; left, top, width, height in the last: {last}"]
    if scores := [score for _, score in track if score is not None]:
        low, middle, high = (float(np.quantile(scores, share)) for share in (0, 0.5, 1))
        lines.append(f"score {low:.3f} … {high:.3f}, median {middle:.3f}")
    return tuple(lines)
