"""Poses drawn on an image: joints and the limbs between them."""

from __future__ import annotations

import numpy as np

from ...mappings.palettes import Colour
from ...sources.arrays import Array
from ..datasets.coco_persons import JOINTS
from ..images.linear_resize import Image
from .canvas import BLACK, blend, checked_image, line_width

# COCO's joints: nose, then left and right eye, ear, shoulder, elbow, wrist, hip, knee, ankle
LIMBS = (
    *((0, 1), (1, 3), (0, 2), (2, 4)),
    *((5, 6), (5, 7), (7, 9), (6, 8), (8, 10)),
    *((5, 11), (6, 12), (11, 12), (11, 13), (12, 14), (13, 15), (14, 16)),
)
"""Joints that are connected, as in gluoncv.utils.viz.plot_keypoints."""

LEFT: Colour = (86, 180, 233)
RIGHT: Colour = (230, 159, 0)
MIDDLE: Colour = (255, 255, 255)

_FARTHEST = 1e6  # pixels from the image's corner; joints beyond are left out
_SLENDER = 1 / 60  # largest radius of a limb, as a part of the person's size


def draw_poses(image: Image, keypoints: Array, scores: Array, threshold: float) -> Image:
    """Draw the skeletons of people.

    The person's left side is blue, the right side orange, and what connects them is white. A limb
    is drawn where both of its joints have scores above the threshold.

    Args:
        image: (H, W, 3), 8-bit.
        keypoints: X and y of each person's joints in pixels, in COCO's order, (P, 17, 2).
        scores: Confidence of each joint, (P, 17) or (P, 17, 1).
        threshold: Joints with this score or less are left out, and those that are not finite.

    Returns:
        The picture, (H, W, 3), 8-bit.

    Raises:
        ValueError: The image or the arrays are not as described.
    """
    picture = checked_image(image)
    keypoints = np.asarray(keypoints, np.float64)
    if keypoints.shape[1:] != (JOINTS, 2) or np.size(scores) != len(keypoints) * JOINTS:
        raise ValueError(
            f"keypoints of shape {keypoints.shape} and scores of shape {np.shape(scores)}; "
            f"expected (P, {JOINTS}, 2) and (P, {JOINTS})"
        )
    seen = np.asarray(scores).reshape(-1, JOINTS) > threshold
    seen &= (np.abs(keypoints) < _FARTHEST).all(2)  # NaN is not, either
    for joints, visible in zip(keypoints[seen.any(1)], seen[seen.any(1)], strict=True):
        size = float(np.ptp(joints[visible], axis=0).max())
        radius = min(0.6 * line_width(picture), max(size * _SLENDER, 1.0))
        limbs = [(a, b) for a, b in LIMBS if visible[a] and visible[b]]
        strokes = [(joints[a], joints[b], limb_colour(a, b), radius) for a, b in limbs]
        strokes += [
            (joints[j], joints[j], limb_colour(j, j), 1.8 * radius) for j in np.flatnonzero(visible)
        ]
        for start, stop, _, half in strokes:  # a dark edge, seen on light images
            _draw_stroke(picture, start, stop, BLACK, half + max(1.0, radius / 2))
        for start, stop, colour, half in strokes:
            _draw_stroke(picture, start, stop, colour, half)
    return picture


def limb_colour(one: int, other: int) -> Colour:
    """Return the colour of the side on which two joints are; the nose is on both."""
    sides = {LEFT if joint % 2 else RIGHT for joint in (one, other) if joint}
    return sides.pop() if len(sides) == 1 else MIDDLE


def _draw_stroke(picture: Image, start: Array, stop: Array, colour: Colour, radius: float) -> None:
    """Draw a line with round ends in place, smooth at its edges; a point if both ends are one."""
    height, width = picture.shape[:2]
    low = np.floor(np.minimum(start, stop) - radius - 1).clip(0, (width, height)).astype(int)
    high = np.ceil(np.maximum(start, stop) + radius + 2).clip(0, (width, height)).astype(int)
    window = picture[low[1] : high[1], low[0] : high[0]]
    if not window.size:
        return
    x = np.arange(low[0], high[0]) - start[0]
    y = (np.arange(low[1], high[1]) - start[1])[:, None]
    along = stop - start
    length = float(along @ along)
    part = ((x * along[0] + y * along[1]) / length).clip(0, 1) if length else np.zeros(1)
    distance = np.hypot(x - part * along[0], y - part * along[1])
    window[:] = blend(window, colour, (radius + 0.5 - distance).clip(0, 1)[:, :, None])
