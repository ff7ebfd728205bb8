"""Shapes and data types of a graph's inputs, as they are given in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, TypeGuard

InputShape = Sequence[int] | tuple[Sequence[int], str]


def input_shapes(
    inputs: Mapping[str, InputShape] | None,
) -> dict[str, tuple[tuple[int, ...], str]] | None:
    """Give each input's shape a data type, `float32` by default.

    Raises:
        ValueError: If a shape is not a sequence of sizes; names the input.
    """
    if inputs is None:
        return None
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for name, value in inputs.items():
        shape: object = value
        dtype: object = "float32"
        if _is_sequence(value) and len(value) == 2 and isinstance(value[1], str):
            shape, dtype = value
        sizes = _sizes(shape)
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"inputs: the shape of {name!r} is {shape!r}; expected sizes above 0, such as "
                '(1, 3, 224, 224), or a shape and a data type, such as ((1, 128), "int32")'
            )
        found[name] = sizes, str(dtype)
    return found


def _sizes(shape: object) -> tuple[int, ...]:
    """The sizes of a shape; none if it is not a sequence of integers."""
    if not _is_sequence(shape) or not all(isinstance(size, Integral) for size in shape):
        return ()
    return tuple(int(size) for size in shape)


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)
