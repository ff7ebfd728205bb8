"""Comparisons and logic, which give 0 and 1 in the data type of their inputs."""

from __future__ import annotations

from ..functions.elementwise import LOGIC, unary
from .declaration import Declared, of_two, with_number

OPERATORS = {
    **{f"_{name}": of_two(name) for name in LOGIC},
    **{f"broadcast_{name}": of_two(name) for name in LOGIC},
    **{f"_{name}_scalar": with_number(name) for name in LOGIC},
    "logical_not": Declared(unary, given={"name": "logical_not"}),
}
