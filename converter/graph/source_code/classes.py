"""The classes of a source: the network's and its blocks', with names and parameters."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any

from .attribute_names import (
    Attributes,
    Place,
    block_attributes,
    is_sequence,
    network_attributes,
)
from .class_names import ClassNames
from .name_groups import NameGroups
from .operations import ABSENT, REQUIRED, Body, Chain, Item, Operation, Slot
from .parameters import Code, Parameter, Parameters, Vector
from .repeated_regions import Block, inlined, result_shape

CLASSES = "num_classes"
CLASSIFIERS = "nn.Linear", "nn.Conv2d"
IMPORTED = frozenset({"torch", "nn", "F", "Tensor"})


@dataclass(eq=False)
class SourceClass:
    """A class of the source.

    Attributes:
        name: Its name.
        body: What it computes; the arguments of the operations are literals or code.
        parameters: Its parameters.
        attributes: Names of its attributes.
        keys: Names of the arrays of its first instance → their keys in the imported module.
        optional: Number of the chain that not all instances have.
        condition: When there is that chain.
        parts: The bodies of its instances.
    """

    name: str
    body: Body
    parameters: Parameters
    attributes: Attributes
    keys: dict[str, str]
    optional: int | None
    condition: str | None
    parts: list[Body]

    @property
    def is_sequence(self) -> bool:
        """Whether it is a sequence of layers."""
        return is_sequence(self.body) and not self.attributes.runs


def make_classes(name: str, root: Body, groups: NameGroups, taken: Set[str]) -> list[SourceClass]:
    """Make the classes of a network, each behind those that it uses; the network's is the last.

    Args:
        name: Name of the network's class, which gets a number if it is taken.
        root: The network.
        groups: The names of its operations.
        taken: Names that the source uses otherwise.
    """
    names = ClassNames(groups, {*taken, *IMPORTED})
    network = names.unique(name)
    maker = _Maker(names)
    maker.make_used(root)
    whole = inlined(root)
    made = _class(network, [whole], None, network_attributes(whole, groups))
    _add_class_count(made)
    return [*maker.made, made]


def _add_class_count(network: SourceClass) -> None:
    """Make the number of classes an argument of a network that ends in a layer of that size."""
    if len(network.body.outputs) != 1:
        return
    for operation in reversed(list(network.body.operations())):
        count = _channels(operation.shape)
        for slot in operation.slots:
            is_size = slot.name in ("out_features", "out_channels") and slot.value == count
            if is_size and count is not None and count > 1 and operation.form in CLASSIFIERS:
                slot.value = Code(CLASSES)
                network.parameters.items.append(Parameter(CLASSES, [count], count))
                return
        if operation.call is None:  # neither an activation nor a flattening
            return


class _Maker:
    def __init__(self, names: ClassNames) -> None:
        self.made: list[SourceClass] = []
        self._names = names
        self._blocks: set[int] = set()

    def make_used(self, body: Body) -> None:
        """Make the classes of the blocks of a body."""
        for operation in body.operations():
            if operation.block is not None and id(operation.block) not in self._blocks:
                self._blocks.add(id(operation.block))
                self._make(operation.block)

    def _make(self, block: Block) -> None:
        """Make the class of a block, and give its instances their arguments."""
        parts = [inlined(body) for body in block.bodies]
        self.make_used(_largest(parts))
        attributes = block_attributes(_largest(parts), block.optional)
        made = _class(self._names.name(block), parts, block.optional, attributes)
        self.made.append(made)
        for number, (use, part) in enumerate(zip(block.uses, parts, strict=True)):
            use.form = made.name
            use.slots = [
                Slot(each.name, each.values[number], each.default, each.default is not REQUIRED)
                for each in made.parameters.items
            ]
            use.keys = _keys(part, attributes)


def _class(
    name: str, parts: list[Body], optional: int | None, attributes: Attributes
) -> SourceClass:
    model, parameters = (
        _largest(parts),
        Parameters(len(parts), {each.split(".")[0] for each in attributes.names.values()}),
    )
    places = [
        (number, index)
        for number, chain in enumerate(model.chains)
        for index in range(len(chain.items))
    ]
    # the optional chain comes last, so that it has the parameters of the others
    places.sort(key=lambda place: place[0] == optional)
    items = {place: _with_code(parts, place, parameters, attributes) for place in places}
    chains = [
        Chain(chain.inputs, [items[number, index] for index in range(len(chain.items))])
        for number, chain in enumerate(model.chains)
    ]
    condition = None
    if optional is not None:
        present = [bool(part.chains[optional].items) for part in parts]
        condition = parameters.condition(present, "has_shortcut")
    parameters.finish()
    body = Body(model.shapes, chains, model.outputs)
    keys = _keys(model, attributes)
    return SourceClass(name, body, parameters, attributes, keys, optional, condition, parts)


def _largest(parts: list[Body]) -> Body:
    return max(parts, key=lambda part: sum(len(chain.items) for chain in part.chains))


def _with_code(
    parts: list[Body], place: Place, parameters: Parameters, attributes: Attributes
) -> Item:
    """The operation at a place, with code for the arguments that differ between the parts."""
    found = [_at(part, place) for part in parts]
    model = next(each for each in found if each is not None)
    slots = []
    for number, slot in enumerate(model.slots):
        values = [ABSENT if each is None else each.slots[number].value for each in found]
        if slot.name == "inplace":
            value: Any = all(each is ABSENT or each for each in values)
        else:
            name = _parameter_name(values, slot.name, parts)
            value = parameters.expression(values, slot.name, name)
        slots.append(replace(slot, value=value))
    return replace(model, slots=slots)


def _at(part: Body, place: Place) -> Operation | None:
    chain, index = place
    items = part.chains[chain].items
    if index >= len(items):
        return None
    item = items[index]
    assert isinstance(item, Operation), "regions have been inlined"
    return item


def _parameter_name(values: Vector, slot: str, parts: list[Body]) -> str:
    """The name of a new parameter; numbers of channels are named by where they are."""
    kind = next((each for each in ("channels", "features") if each in slot), None)
    if kind is None:
        return slot
    inputs = [_channels(part.shapes[0]) for part in parts]
    outputs = [_channels(result_shape(part.chains[-1].items[-1])) for part in parts]

    def equals(others: list[int | None]) -> bool:
        return all(v is ABSENT or v == o for v, o in zip(values, others, strict=True))

    if kind == "features" and slot == "num_features":
        kind = "channels"
    if equals(inputs):
        return kind if equals(outputs) else f"in_{kind}"
    if equals(outputs):
        return f"out_{kind}"
    return f"mid_{kind}"


def _channels(shape: tuple[int, ...] | None) -> int | None:
    return shape[1] if shape is not None and len(shape) > 1 else None


def _keys(part: Body, attributes: Attributes) -> dict[str, str]:
    """Names of a part's arrays in its class → their keys in the imported module."""
    keys = {}
    for place, name in attributes.names.items():
        operation = _at(part, place)
        if operation is None:
            continue
        for own, key in operation.keys.items():
            full = array_name(operation, own, name) if operation.arrays else f"{name}.{own}"
            keys[full] = key
    return keys


def array_name(operation: Operation, slot: str, attribute: str) -> str:
    """The attribute of an array of a call."""
    return attribute if len(operation.arrays) == 1 else f"{attribute}_{slot}"
