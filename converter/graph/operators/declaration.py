"""Operators that are one call of a function, declared by their inputs and attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx

from ...sources.arrays import MAX_NDIM
from ..construction.builder import Values
from ..construction.call import Call
from ..functions.elementwise import binary, with_scalar
from ..symbols.attributes import Attributes

Reader = Callable[[Attributes, str], Any]
Ranks = list["int | None"]
Named = Mapping[str, Any]
"""A node's attributes by name."""

DTYPES = {"float16": torch.float16, "float32": torch.float32, "float64": torch.float64}
DTYPES |= {name: getattr(torch, name) for name in ("bool", "int8", "int32", "int64", "uint8")}
# what MXNet's frontends add, and attributes without influence on the result
_IGNORED = frozenset(
    {
        "ctx",
        "num_args",
        "ctx_group",
        "lr_mult",
        "wd_mult",
        "force_mirroring",
        "mirror_stage",
    }
)


def integer(default: int | None = None) -> Reader:
    """An integer; required without a default."""
    return lambda attributes, name: attributes.integer(name, default)


def optional_integer(default: int | None = None) -> Reader:
    """An integer or None. The text `None` is None; without the attribute, it is the default."""

    def read(attributes: Attributes, name: str) -> int | None:
        if attributes.has(name):
            return attributes.integer(name)
        return None if attributes.is_given(name) else default

    return read


def integers(default: tuple[int, ...] | None = None, most: int = MAX_NDIM) -> Reader:
    """Integers; required without a default."""
    return lambda attributes, name: attributes.integers(name, default, most)


def optional_integers(attributes: Attributes, name: str) -> tuple[int, ...] | None:
    """Integers or None, which is the default."""
    return attributes.integers(name) if attributes.has(name) else None


def ends(attributes: Attributes, name: str) -> tuple[int | None, ...]:
    """A slice's begin, end or step of each axis, or None."""
    return attributes.integers_or_none(name)


def number(default: float | None = None) -> Reader:
    """A number, which may be infinite; required without a default."""
    return lambda attributes, name: attributes.any_number(name, default)


def single(default: float | None = None) -> Reader:
    """A number rounded to float32; required without a default."""
    return lambda attributes, name: attributes.single(name, default)


def optional_number(attributes: Attributes, name: str) -> float | None:
    """A number or None, which is the default."""
    return attributes.any_number(name) if attributes.has(name) else None


def numbers(attributes: Attributes, name: str) -> tuple[float, ...]:
    """Numbers, written `(0, 0.5)`."""
    return attributes.numbers(name)


def text(default: str | None = None) -> Reader:
    """Any text; required without a default."""
    return lambda attributes, name: attributes.text(name, default)


def flat_pairs(attributes: Attributes, name: str) -> tuple[int, ...]:
    """Pairs of integers, written `((0, 1), (2, 3))`, one after the other."""
    return attributes.flat_pairs(name)


def flag(default: bool) -> Reader:
    """A boolean."""
    return lambda attributes, name: attributes.flag(name, default)


def choice(default: str | None, *choices: str) -> Reader:
    """A keyword; required without a default."""
    return lambda attributes, name: attributes.choice(name, default, choices)


def dtype(default: str | None = "float32") -> Reader:
    """A data type; required without a default."""
    return lambda attributes, name: DTYPES[attributes.choice(name, default, list(DTYPES))]


def optional_dtype(attributes: Attributes, name: str) -> torch.dtype | None:
    """A data type or None, which is the default."""
    return DTYPES[attributes.choice(name, None, list(DTYPES))] if attributes.has(name) else None


def same(ranks: Ranks, attributes: Named) -> int | None:
    """The first input's number of dimensions."""
    return ranks[0] if ranks else None


def largest(ranks: Ranks, attributes: Named) -> int | None:
    """The largest number of dimensions, which is that of a broadcast result."""
    known = [rank for rank in ranks if rank is not None]
    return max(known) if known and len(known) == len(ranks) else None


def unknown(ranks: Ranks, attributes: Named) -> None:
    """A number of dimensions that does not follow from those of the inputs."""
    return


def one(ranks: Ranks, attributes: Named) -> int:
    """A vector."""
    return 1


def one_more(ranks: Ranks, attributes: Named) -> int | None:
    """One more than the first input's number of dimensions."""
    return None if ranks[0] is None else ranks[0] + 1


def reduced(ranks: Ranks, attributes: Named) -> int | None:
    """The input's number of dimensions without the axes that are reduced, but at least 1.

    The attributes are `axis`, `keepdims` and `exclude`; without axes, all are reduced.
    """
    (rank,), given = ranks, len(attributes["axis"] or ())
    if attributes["keepdims"]:
        return rank
    if not given:
        return 1
    if attributes["exclude"]:
        return given
    return None if rank is None else max(rank - given, 1)


@dataclass(frozen=True)
class Declared:
    """An operator that is one call of a function.

    Attributes:
        function: It is given the inputs, and then the attributes by their names.
        inputs: How many there are; None if any number.
        attributes: Reader of each attribute.
        given: Further arguments, which do not depend on the node.
        ignored: Attributes without influence on the result.
        numpy_shapes: Whether the function has an argument of this name: if shapes are NumPy's.
        rank: Number of dimensions of the results, of those of the inputs and the attributes.
        outputs: The number of outputs, of the attributes and the number of inputs, where the
            function returns a tuple; None if it does not.
    """

    function: Callable[..., Any]
    inputs: int | None = 1
    attributes: Mapping[str, Reader] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    numpy_shapes: bool = False
    rank: Callable[[Ranks, Named], int | None] = same
    outputs: Callable[[Named, int], int | None] | None = None

    def __call__(self, call: Call) -> fx.Node | Values:
        """Add the call to the graph."""
        if self.inputs is None:
            values = call.values()
        else:
            values = [call.value(index) for index in range(self.inputs)]
        count = len(values)
        call.attributes.expect({*self.attributes, *self.ignored, *_IGNORED})
        named = {name: read(call.attributes, name) for name, read in self.attributes.items()}
        if self.numpy_shapes:
            named["numpy_shapes"] = call.numpy_shapes
        rank = self.rank([call.rank(index) for index in range(count)], named)
        result = call.function(self.function, *values, rank=rank, **self.given, **named)
        parts = self.outputs(named, count) if self.outputs else None
        if parts is None:
            return result
        if not 0 < parts <= 1 << 12:
            raise call.error(f"would have {parts} outputs")
        ranks = [call.rank(index) for index in range(count)]
        return call.parts(result, ranks if self.outputs is as_inputs else [rank] * parts)


def outputs(count: int) -> Callable[[Named, int], int]:
    """A fixed number of outputs."""
    return lambda attributes, inputs: count


def as_inputs(attributes: Named, inputs: int) -> int:
    """As many outputs as inputs."""
    return inputs


SCALAR = {"scalar": number(1.0), "is_int": flag(True)}
"""The attributes of an operator of an input and a number."""


def with_number(name: str, *, reverse: bool = False) -> Declared:
    """A function of `elementwise` of an input and a number, which `reverse` puts first."""
    return Declared(with_scalar, 1, SCALAR, {"name": name, "reverse": reverse})


def of_two(name: str) -> Declared:
    """A function of `elementwise` of two inputs."""
    return Declared(binary, 2, given={"name": name}, rank=largest)
