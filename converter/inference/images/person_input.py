"""A person of an image as the input of a pose network, and the way back from its heat maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...errors import ImageError
from ...mappings.preprocessing import PaddedPersonCrop, PersonCrop, PersonWarp
from ...sources.arrays import Array
from .affine_warp import centring_matrix, solve_affine, third_point, warp_affine
from .cubic_resize import FloatImage, resize_cubic_float
from .heat_maps import find_peaks
from .linear_resize import Image, Size
from .placement import Box, Placement
from .task_input import as_input

if TYPE_CHECKING:
    from ...mappings.preprocessing import TaskPreprocessing

_LARGE = 100  # pixels: AlphaPose enlarges narrower boxes more
_LEAST = 5  # pixels: AlphaPose's shortest side


@dataclass(frozen=True)
class PersonInput:
    """The input of a pose network.

    Attributes:
        pixels: (1, 3, H, W), float32.
        placement: Maps points of the input to the image.
        refine: Whether GluonCV moves the points by a quarter of a heat map's pixel.
    """

    pixels: torch.Tensor
    placement: Placement
    refine: bool

    def keypoints(self, heat_maps: Any) -> tuple[Array, Array]:
        """Find the keypoints in this person's heat maps (K, h, w).

        Returns:
            Points (K, 2) as (x, y) in the image's pixels, and scores (K,).
        """
        points, scores = find_peaks(np.asarray(heat_maps)[None], refine=self.refine)
        sizes = zip(self.pixels.shape[:1:-1], heat_maps.shape[:0:-1], strict=True)
        stride = [pixels / cells for pixels, cells in sizes]
        return self.placement.points_to_image(points[0] * stride), scores[0]


def prepare_person(image: Image, box: Box, preprocessing: TaskPreprocessing) -> PersonInput:
    """Prepare one person of an image for a pose network.

    Args:
        image: (H, W, 3), 8-bit RGB.
        box: The person's, as (x0, y0, x1, y1) in pixels.
        preprocessing: That of the network (`ZooEntry.preprocessing`, or `demo`).

    Raises:
        ImageError: The box has no pixels of the image.
        TypeError: The network does not take persons.
    """
    rule = preprocessing.rule
    pixels: Image | FloatImage
    if not np.isfinite(box).all():
        raise _empty(box)
    if isinstance(rule, PersonWarp):
        pixels, placement = _warp(image, box, rule)
    elif isinstance(rule, PersonCrop):
        pixels, placement = _crop(image, box, rule)
    elif isinstance(rule, PaddedPersonCrop):
        pixels, placement = _padded_crop(image, box, rule.size)
    else:
        raise TypeError(f"{type(rule).__name__} does not take a person")
    refine = not isinstance(rule, PersonCrop)
    return PersonInput(as_input(pixels, preprocessing), placement, refine)


def _warp(image: Image, box: Box, rule: PersonWarp) -> tuple[Image, Placement]:
    """Follow GluonCV's SimplePoseDefaultValTransform, which computes the box in float32."""
    height, width = rule.size
    aspect = width / height
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        raise _empty(box)
    centre = np.array([x0 + (x1 - x0) * 0.5, y0 + (y1 - y0) * 0.5], np.float32)
    side = np.float32(max(x1 - x0, (y1 - y0) * aspect)) * np.float32(rule.enlarge)
    x, y = centre.tolist()
    matrix = centring_matrix((x, y), float(side), rule.size)
    scale = width / float(side)
    offset = (height / 2 - y * scale, width / 2 - x * scale)
    placement = Placement((image.shape[0], image.shape[1]), (scale, scale), offset)
    return warp_affine(image, matrix, rule.size), placement


def _crop(image: Image, box: Box, rule: PersonCrop) -> tuple[FloatImage, Placement]:
    """Follow GluonCV's detector_to_simple_pose."""
    sides = (image.shape[1], image.shape[0])
    half = [(box[axis + 2] - box[axis]) / 2 for axis in (0, 1)]
    centre = [box[axis] + half[axis] for axis in (0, 1)]
    first = [max(centre[axis] - half[axis] * rule.enlarge, 0) for axis in (0, 1)]
    last = [min(centre[axis] + half[axis] * rule.enlarge, sides[axis]) for axis in (0, 1)]
    (left, top), (right, bottom) = map(int, first), map(int, last)
    if right <= left or bottom <= top:
        raise _empty(box)
    # GluonCV converts the pixels to float32 first, and so does not round them again
    part = image[top:bottom, left:right].astype(np.float32)
    pixels = resize_cubic_float(part, rule.size)
    # points come back by the enlarged box, before its corners are cut to whole pixels
    down, across = (rule.size[1 - axis] / (last[axis] - first[axis]) for axis in (1, 0))
    offset = (-first[1] * down, -first[0] * across)
    return pixels, Placement((image.shape[0], image.shape[1]), (down, across), offset)


def _padded_crop(image: Image, box: Box, size: Size) -> tuple[Image, Placement]:
    """Follow GluonCV's detector_to_alpha_pose."""
    (left, top), (right, bottom) = _alpha_pose_box(image, box)
    inside = np.zeros_like(image)
    inside[top:bottom, left:right] = image[top:bottom, left:right]
    height, width = size
    box_height, box_width = bottom - 1 - top, right - 1 - left
    padded_height = max(box_height, box_width * height / width)
    padded_width = padded_height * width / height
    pad = ((padded_width - box_width) // 2, (padded_height - box_height) // 2)
    source = _corners((left - pad[0], top - pad[1]), (right - 1 + pad[0], bottom - 1 + pad[1]))
    target = _corners((0, 0), (width - 1, height - 1))
    pixels = warp_affine(inside, solve_affine(source, target), size)
    return pixels, _alpha_pose_placement(image, (left, top), (right, bottom), size)


def _alpha_pose_box(image: Image, box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
    """Clip a box and enlarge it, in float32; return its corners (x, y)."""
    sides = (image.shape[1], image.shape[0])
    values = np.array(box, np.float32)
    low = [np.clip(values[axis], np.float32(0), np.float32(sides[axis] - 1)) for axis in (0, 1)]
    high = [
        np.clip(values[axis + 2], np.float32(0), np.float32(sides[axis] - 1)) for axis in (0, 1)
    ]
    rate = 0.2 if high[0] - low[0] > _LARGE else 0.3
    margin = [(high[axis] - low[axis]) * np.float32(rate) / 2 for axis in (0, 1)]
    left, top = (int(max(0, low[axis] - margin[axis])) for axis in (0, 1))
    right, bottom = (
        int(min(sides[axis] - 1, max(corner + _LEAST, high[axis] + margin[axis])))
        for axis, corner in ((0, left), (1, top))
    )
    if right <= left or bottom <= top:
        raise _empty(box)
    return (left, top), (right, bottom)


def _alpha_pose_placement(
    image: Image, first: tuple[int, int], last: tuple[int, int], size: Size
) -> Placement:
    """Follow GluonCV's transformBoxInvert, which differs from the crop by about a pixel."""
    width, height = (end - start for start, end in zip(first, last, strict=True))
    padded_height = max(height, width * size[0] / size[1])
    padded_width = padded_height * size[1] / size[0]
    scale = size[0] / padded_height
    down, across = max(0.0, (padded_height - height) / 2), max(0.0, (padded_width - width) / 2)
    offset = ((down - first[1]) * scale, (across - first[0]) * scale)
    return Placement((image.shape[0], image.shape[1]), (scale, scale), offset)


def _corners(first: tuple[float, float], last: tuple[float, float]) -> Any:
    start, end = np.array(first, np.float32), np.array(last, np.float32)
    return np.stack([start, end, third_point(start, end)])


def _empty(box: Box) -> ImageError:
    return ImageError(f"the box {tuple(map(float, box))} has no pixels of the image")
