"""Segments of classes: as an image of class indices with a palette, and laid over the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...mappings.palettes import Palette
from ...sources.arrays import Array
from ..images.image_file import require_pillow
from ..images.linear_resize import Image
from .canvas import blend, checked_image
from .legend import draw_legend

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

_SHARE = 0.6  # of the class's colour inside its segments; the rest is the image's


def palette_image(classes: Array, palette: Palette) -> PillowImage:
    """Make an 8-bit image whose pixels are class indices, shown in a palette's colours.

    The values are those of the data set's annotations, as GluonCV's `get_color_pallete` writes
    them: class k has the value `palette.first` + k, and −1, a pixel without class, wraps around
    to 255 where class 0 has the value 0.

    Args:
        classes: Class of each pixel, (H, W), integers; −1 for none.
        palette: The colours.

    Returns:
        A Pillow image of mode P.

    Raises:
        ValueError: The classes are not as described, or not among 256 values.
        MissingDependencyError: Pillow is not installed.
    """
    _check(classes)
    lowest, highest = int(classes.min()), int(classes.max())
    if lowest < -1 or highest > 255 - palette.first:
        raise ValueError(
            f"the classes are {lowest} to {highest}; -1 to {255 - palette.first} are expected"
        )
    values = (classes.astype(np.int64) + palette.first).astype(np.uint8)
    picture: PillowImage = require_pillow().fromarray(values)
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette.colours)] = palette.colours
    picture.putpalette(colours.tobytes())
    return picture


def overlay(image: Image, classes: Array, palette: Palette, names: Sequence[str]) -> Image:
    """Lay the colours of the classes over an image, with a legend below.

    The colours are translucent, and opaque at the edges of segments. The legend lists the classes
    in the image by their area, the largest first. The background and pixels without a class stay
    as they are.

    Args:
        image: (H, W, 3), 8-bit.
        classes: Class of each pixel, (H, W), integers; −1 for none.
        palette: The colours.
        names: Names of the classes; a class beyond them is named by its index.

    Returns:
        The picture, (H + the legend's height, W, 3), 8-bit.

    Raises:
        ValueError: The image is not as described, or the classes are not of its size.
        MissingDependencyError: Pillow is not installed.
    """
    picture = checked_image(image)
    _check(classes)
    if classes.shape != picture.shape[:2]:
        raise ValueError(f"classes of shape {classes.shape} for an image of {picture.shape[:2]}")
    painted = classes >= 0
    if palette.background is not None:
        painted &= classes != palette.background
    present, where, areas = np.unique(classes[painted], return_inverse=True, return_counts=True)
    colours = [palette.colour(index) for index in present.tolist()]
    if colours:
        shares = np.where(_edges(classes), 1, _SHARE)[painted][:, None]
        picture[painted] = blend(picture[painted], np.array(colours)[where], shares)
    entries = []
    for number in np.argsort(-areas, kind="stable"):
        index = int(present[number])
        name = names[index] if index < len(names) else str(index)
        entries.append((f"{name} {_per_cent(areas[number] / classes.size)}", colours[number]))
    return np.concatenate([picture, draw_legend(entries, picture)])


def _check(classes: Array) -> None:
    if classes.ndim != 2 or not np.issubdtype(classes.dtype, np.integer) or not classes.size:
        raise ValueError(
            f"the classes are {classes.dtype} of shape {classes.shape}; expected integers of "
            "shape (H, W)"
        )


def _edges(classes: Array) -> Array:
    """Which pixels have a neighbour of another class, (H, W) boolean."""
    across, down = np.diff(classes, axis=1) != 0, np.diff(classes, axis=0) != 0
    edges = np.zeros(classes.shape, bool)
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "< 1 %"
