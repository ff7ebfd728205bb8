"""Comparisons and logic, which give 0 and 1 in the data type of their inputs."""

from __future__ import annotations

from ..functions.elementwise import LOGIC, binary, unary, with_scalar
from .declaration import Declared, flag, largest, number

SCALAR = {"scalar": number(1.0), "is_int": flag(True)}


def with_number(name: str, *, reverse: bool = False) -> Declared:
    """A function of an input and the attribute `scalar`, which `reverse` puts first."""
    return Declared(with_scalar, 1, SCALAR, {"name": name, "reverse": reverse})


def of_two(name: str) -> Declared:
    """A function of two inputs."""
    return Declared(binary, 2, given={"name": name}, rank=largest)


OPERATORS = {
    **{f"_{name}": of_two(name) for name in LOGIC},
    **{f"broadcast_{name}": of_two(name) for name in LOGIC},
    **{f"_{name}_scalar": with_number(name) for name in LOGIC},
    "logical_not": Declared(unary, given={"name": "logical_not"}),
}
