"""The error of a reference that cannot run on images of some size."""

from __future__ import annotations

from ..errors import ImageSizeError
from ..sources.arrays import Array


def size_error(what: str, images: Array, error: Exception) -> ImageSizeError:
    """Make the error of GluonCV's network or graph.

    Args:
        what: `network` or `graph`.
        images: The images, (N, C, H, W).
        error: What it raised.
    """
    size, reason = "x".join(map(str, images.shape[2:])), str(error).splitlines()[0]
    return ImageSizeError(
        f"GluonCV's {what} cannot run on {size} images ({reason}); choose another `--size`"
    )
