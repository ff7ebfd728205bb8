"""OpenCV's affine warp of 8-bit images, bit for bit, in NumPy.

`cv::warpAffine` with INTER_LINEAR (modules/imgproc/src/imgwarp.cpp): positions have a resolution of
1/32 pixel, and the four neighbours are weighted in integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .linear_resize import Image, Size

Matrix = np.ndarray[Any, np.dtype[np.float64]]
_POSITION = 10  # bits of a pixel in sums of positions
_FRACTION = 5  # bits of a pixel that select the weights
_ROUND = 1 << _POSITION - _FRACTION - 1
_STEPS = 1 << _FRACTION


def warp_affine(image: Image, matrix: Matrix, size: Size) -> Image:
    """Transform an image; what lies outside it is black.

    Args:
        image: (H, W, C), 8-bit.
        matrix: (2, 3), from positions (x, y) in the image to those in the result.
        size: Height and width of the result, in pixels.
    """
    back = _inverse(matrix)
    across, down = np.arange(size[1]), np.arange(size[0])
    x = _positions(back[0], across, down)
    y = _positions(back[1], across, down)
    framed = np.pad(image, ((1, 1), (1, 1), (0, 0))).astype(np.int32)
    total = np.full((*size, image.shape[2]), _STEPS * _STEPS // 2, np.int32)
    for lower in (0, 1):
        for right in (0, 1):
            weight = _weight(x, right) * _weight(y, lower)
            rows = ((y >> _FRACTION) + lower + 1).clip(0, image.shape[0] + 1)
            columns = ((x >> _FRACTION) + right + 1).clip(0, image.shape[1] + 1)
            total += framed[rows, columns] * weight[..., None]
    pixels: Image = (total >> 2 * _FRACTION).astype(np.uint8)
    return pixels


def solve_affine(source: Any, target: Any) -> Matrix:
    """Compute the matrix that maps three points to three others, as `cv::getAffineTransform` does.

    It eliminates in OpenCV's order: warps round positions, which depend on the last bits.

    Args:
        source, target: (3, 2) float32 arrays of (x, y).
    """
    equations = np.zeros((6, 6))
    for number, (x, y) in enumerate(np.asarray(source, np.float64)):
        equations[2 * number, :3] = equations[2 * number + 1, 3:] = x, y, 1
    values = np.asarray(target, np.float64).ravel().copy()
    for column in range(6):
        pivot = column + int(np.abs(equations[column:, column]).argmax())
        equations[[column, pivot]] = equations[[pivot, column]]
        values[[column, pivot]] = values[[pivot, column]]
        for row in range(column + 1, 6):
            factor = equations[row, column] * (-1 / equations[column, column])
            equations[row] += factor * equations[column]
            values[row] += factor * values[column]
    for row in reversed(range(6)):
        for column in range(row + 1, 6):
            values[row] -= equations[row, column] * values[column]
        values[row] /= equations[row, row]
    return values.reshape(2, 3)


def centring_matrix(centre: tuple[float, float], width: float, size: Size) -> Matrix:
    """Compute the matrix that moves a point to the middle of the result.

    Args:
        centre: The point (x, y) in the image.
        width: Width of the image's part that fills the width of the result, in pixels.
        size: Height and width of the result, in pixels.
    """
    # GluonCV's get_affine_transform without rotation: the centre, and two corners of a square
    return solve_affine(_corner(centre, width), _corner((size[1] / 2, size[0] / 2), size[1]))


def _corner(centre: tuple[float, float], width: float) -> Any:
    middle = np.array(centre, np.float32)
    above = middle + np.array([0, np.float32(width) * -0.5], np.float32)
    return np.stack([middle, above, third_point(middle, above)])


def third_point(first: Any, second: Any) -> Any:
    """Return the second point moved by the vector between the two, turned by 90 degrees."""
    x, y = first - second
    return second + np.array([-y, x], np.float32)


def _inverse(matrix: Matrix) -> Matrix:
    """Invert an affine matrix with the operations of `cv::warpAffine`."""
    (a, b, e), (c, d, f) = matrix.tolist()
    factor = 1 / (a * d - b * c)
    a, b, c, d = d * factor, -b * factor, -c * factor, a * factor
    return np.array([[a, b, -a * e - b * f], [c, d, -c * e - d * f]])


def _positions(row: Any, across: Any, down: Any) -> Any:
    """Positions in the image on one axis, (down, across), in units of 1/32 pixel."""
    unit = 1 << _POSITION
    along = np.rint(row[0] * across * unit).astype(np.int64)
    start = np.rint((row[1] * down + row[2]) * unit).astype(np.int64) + _ROUND
    return (start[:, None] + along) >> _POSITION - _FRACTION


def _weight(positions: Any, second: int) -> Any:
    fraction = (positions & _STEPS - 1).astype(np.int32)
    return fraction if second else _STEPS - fraction
