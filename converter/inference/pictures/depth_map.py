"""Depth as a picture."""

from __future__ import annotations

import numpy as np

from ...mappings.palettes import load_palette
from ...sources.arrays import Array
from ..images.linear_resize import Image

_HIGHEST = 95  # percentile of the disparities that has the last colour
_UNKNOWN = (128, 128, 128)


def depth_picture(disparity: Array) -> Image:
    """Show disparities in the colours of magma: near is light, far is dark.

    As in monodepth2's demonstration (test_simple.py): the smallest disparity has the first colour,
    the 95th percentile and all above it the last. Equal disparities all have the first colour;
    values that are not finite are grey.

    Args:
        disparity: Inverse depths in any unit, (H, W).

    Returns:
        (H, W, 3), 8-bit.

    Raises:
        ValueError: The array has another number of dimensions.
    """
    values = np.asarray(disparity, np.float64)
    if values.ndim != 2:
        raise ValueError(f"the disparity has the shape {values.shape}; expected (H, W)")
    picture = np.full((*values.shape, 3), _UNKNOWN, np.uint8)
    known = np.isfinite(values)
    if not known.any():
        return picture
    values = values[known]
    low, high = values.min(), np.percentile(values, _HIGHEST)
    shares = ((values - low) / (high - low)).clip(0, 1) if high > low else np.zeros_like(values)
    picture[known] = _colour_map()[np.minimum(256 * shares, 255).astype(int)]
    return picture


def _colour_map() -> Image:
    """Compute magma's 256 colours, (256, 3), from those in its palette."""
    table = np.array(load_palette("magma").colours)
    places = np.linspace(0, 255, len(table))
    channels = [np.interp(np.arange(256), places, channel) for channel in table.T]
    colours: Image = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    return colours
