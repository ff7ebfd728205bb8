"""What all pictures share: sizes of lines and text, contrast of colours, blending."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...mappings.palettes import Colour
from ...sources.arrays import Array
from ..images.image_file import require_pillow
from ..images.linear_resize import Image

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


def contrast(one: Colour, other: Colour) -> float:
    """Compute the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def legible_on(colour: Colour) -> Colour:
    """Return black or white, whichever has the higher contrast; it is at least 4.58 = √21."""
    return max(BLACK, WHITE, key=lambda text: contrast(text, colour))


def blend(pixels: Image, colour: Any, share: Any) -> Image:
    """Mix a colour into pixels.

    Args:
        pixels: (..., 3), 8-bit.
        colour: (3,), or one for each pixel, 0 to 255.
        share: The colour's share, 0 to 1; a number, or an array that broadcasts with the pixels.
    """
    mixed: Array = pixels + (np.asarray(colour, np.float32) - pixels) * np.asarray(
        share, np.float32
    )
    return np.rint(mixed).astype(np.uint8)


def checked_image(image: Array) -> Image:
    """Return a copy of an image to draw on.

    Raises:
        ValueError: It is not (H, W, 3), 8-bit, with at least one pixel.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            f"the image is {image.dtype} of shape {image.shape}; expected uint8 of shape (H, W, 3)"
        )
    return np.array(image)


def line_width(image: Image) -> int:
    """Return the thickness of lines on an image, in pixels: 3 on one of 480 rows, 2 at least."""
    return max(2, round(min(image.shape[:2]) / 180))


def text_font(image: Image) -> Any:
    """Return Pillow's font for text on an image: 13 pixels on one of 480 rows, 12 at least.

    Raises:
        MissingDependencyError: Pillow is not installed.
    """
    require_pillow()
    from PIL import ImageFont

    return ImageFont.load_default(size=max(12, round(min(image.shape[:2]) / 36)))


def _luminance(colour: Colour) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.2)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
