"""The operations that a source consists of, and the bodies that they form.

A body is a list of chains. The first operation of a chain takes values of the body, and each other
one takes the result of the operation before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


class _Marker(Enum):
    REQUIRED = "the argument has no default"
    ABSENT = "the instance does not have the operation"


REQUIRED: Final = _Marker.REQUIRED
ABSENT: Final = _Marker.ABSENT


@dataclass
class Slot:
    """An argument of a constructor or a call.

    Attributes:
        name: Its name.
        value: Its value.
        default: Its default; an argument that equals it is not written.
        keyword: Whether it is only written with its name.
    """

    name: str
    value: Any
    default: Any = REQUIRED
    keyword: bool = False


@dataclass(frozen=True)
class Array:
    """A parameter or buffer that a call takes.

    Attributes:
        slot: Name of the slot that has its shape; the text of the call has `{name}` for it, too.
        is_parameter: Whether it is trained.
        dtype: Its data type, if that is not the network's.
    """

    slot: str
    is_parameter: bool
    dtype: str | None = None


@dataclass(eq=False)
class Operation:
    """A layer, a call, or an instance of a block's class.

    Attributes:
        form: What it is, without its arguments: the class of a layer, or the text of a call with
            `{0}`, `{1}` … for its inputs and `{name}` for its arguments.
        name: Its name in the graph.
        slots: Its arguments.
        keys: Names of its arrays → their keys in the imported module.
        call: For a layer, the text of a call that does the same, if it has no arrays.
        is_layer: Whether it is constructed once and then called.
        fixed: Names of a layer's parameters that are not trained.
        arrays: Arrays that the call takes besides its inputs, as `{name}`.
        support: Functions and classes of this package that it uses.
        block: The block that it is an instance of.
        part: The part of the network that it stands for then.
        shape: Shape of its result, if that is one tensor.
        pinned: A number of its own, if other operations use the same arrays. It is equal to no
            other operation then, and so remains in the network's class.
    """

    form: str
    name: str
    slots: list[Slot] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    call: str | None = None
    is_layer: bool = True
    fixed: tuple[str, ...] = ()
    arrays: list[Array] = field(default_factory=list)
    support: tuple[Any, ...] = ()
    block: Any = field(default=None, repr=False)
    part: Body | None = field(default=None, repr=False)
    shape: tuple[int, ...] | None = None
    pinned: int | None = None

    @property
    def signature(self) -> Any:
        """Equal for operations that differ in the values of their arguments alone."""
        return (
            self.form,
            self.pinned,
            self.fixed,
            tuple(slot.name for slot in self.slots),
            tuple(self.keys),
            tuple(self.arrays),
        )


@dataclass(frozen=True)
class Value:
    """A value of a body: an input, or the result of a chain.

    Attributes:
        is_input: Whether it is an input of the body.
        number: Number of the input or the chain.
    """

    is_input: bool
    number: int


@dataclass(eq=False)
class Region:
    """Operations between a value and the next one that all paths from it lead to."""

    body: Body

    @property
    def signature(self) -> Any:
        """Equal for regions that differ in the values of arguments alone."""
        return self.body.signature


Item = Operation | Region


@dataclass(eq=False)
class Chain:
    """Operations and regions, each of which takes the result of the one before it.

    Attributes:
        inputs: What the first one takes.
        items: The operations and regions; there are none where an instance lacks an optional
            chain.
    """

    inputs: tuple[Value, ...]
    items: list[Item]

    def operations(self) -> Iterator[Operation]:
        """All operations, with those in regions."""
        for item in self.items:
            if isinstance(item, Operation):
                yield item
            else:
                yield from item.body.operations()


@dataclass(eq=False)
class Body:
    """Chains that compute values from inputs.

    Attributes:
        shapes: Shapes of the inputs.
        chains: The chains, each after those whose results it takes.
        outputs: The values that are returned.
    """

    shapes: list[tuple[int, ...] | None]
    chains: list[Chain]
    outputs: tuple[Value, ...]

    @property
    def signature(self) -> Any:
        """Equal for bodies that differ in the values of arguments alone."""
        chains = tuple(
            (chain.inputs, tuple(item.signature for item in chain.items)) for chain in self.chains
        )
        return chains, self.outputs

    def operations(self) -> Iterator[Operation]:
        """All operations in order."""
        for chain in self.chains:
            yield from chain.operations()

    def bodies(self) -> Iterator[Body]:
        """This body, and those of all regions in it."""
        yield self
        for chain in self.chains:
            for item in chain.items:
                if isinstance(item, Region):
                    yield from item.body.bodies()
