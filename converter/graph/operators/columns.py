"""The columns of patches that a convolution is a matrix product with."""

from __future__ import annotations

from typing import Any

from torch import fx

from ..construction.call import Call
from ..functions.patches import columns_of_image, image_of_columns
from ..symbols.attributes import Attributes


def im2col(call: Call) -> fx.Node:
    """The patches of images as columns."""
    window = _window(call.attributes)
    call.attributes.expect(window)
    return call.function(columns_of_image, call.value(0), rank=3, **window)


def col2im(call: Call) -> fx.Node:
    """The images whose patches are the columns; overlapping patches are added."""
    window = _window(call.attributes)
    call.attributes.expect({*window, "output_size"})
    size = _pair(call.attributes, "output_size", None, 1)
    return call.function(image_of_columns, call.value(0), rank=4, output_size=size, **window)


def _window(attributes: Attributes) -> dict[str, Any]:
    return {
        "kernel": _pair(attributes, "kernel", None, 1),
        "stride": _pair(attributes, "stride", 1, 1),
        "dilate": _pair(attributes, "dilate", 1, 1),
        "pad": _pair(attributes, "pad", 0, 0),
    }


def _pair(attributes: Attributes, name: str, default: int | None, least: int) -> tuple[int, ...]:
    """Numbers for height and width.

    Measured on MXNet 1.9.1: it raises an error for one or three dimensions, although its
    documentation names them.
    """
    values = attributes.integers(name, None if default is None else ())
    if not values and default is not None:
        values = (default, default)
    if len(values) != 2 or not all(least <= value < 1 << 16 for value in values):
        raise attributes.unsupported(name)
    return values


OPERATORS = {"im2col": im2col, "col2im": col2im}
