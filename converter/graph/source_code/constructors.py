"""The text of `__init__`: layers, runs of layers, and arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .attribute_names import Place
from .classes import SourceClass, array_name
from .operations import REQUIRED, Operation, Slot
from .parameters import Code, text_of
from .text_layout import INDENT, CallExpression, Expression, flat, lines

LEAST_LOOP = 3


def init_lines(made: SourceClass) -> list[str]:
    """The lines of a class's constructor."""
    parameters = made.parameters.items
    texts = [
        f"{each.name}: {each.annotation}"
        + ("" if each.default is REQUIRED else f" = {text_of(each.default)}")
        for each in parameters
    ]
    found = lines(CallExpression("def __init__", ["self", *texts]), 1, after=" -> None:")
    found.append("        super().__init__()")
    found += [f"        self.{name} = {name}" for name in _stored_parameters(made)]
    done: set[str] = set()
    for number, chain in enumerate(made.body.chains):
        index = 0
        while index < len(chain.items):
            run = made.attributes.runs.get((number, index))
            operation = chain.items[index]
            assert isinstance(operation, Operation)
            end = run.end if run is not None else index + 1
            name = made.attributes.names.get((number, index))
            if name in done:  # of arrays that several operations use
                index = end
                continue
            done |= {name} if name is not None and run is None else set()
            if run is not None:
                layers = [each for each in chain.items[index:end] if isinstance(each, Operation)]
                value: Expression = CallExpression("nn.Sequential", list(_elements(layers)))
                fixed = [
                    f"self.{run.name}[{place}].{parameter}"
                    for place, each in enumerate(layers)
                    for parameter in each.fixed
                ]
                found += _stored(made, run.name, value, number, fixed)
            elif name is not None and operation.is_layer:
                fixed = [f"self.{name}.{parameter}" for parameter in operation.fixed]
                found += _stored(made, name, constructor(operation), number, fixed)
            elif name is not None:
                for array in operation.arrays:
                    found += _array_lines(operation, array.slot, name)
            index = end
    return found


def _stored_parameters(made: SourceClass) -> list[str]:
    """The parameters that calls in `forward` take."""
    codes = [
        slot.value.text
        for number, chain in enumerate(made.body.chains)
        for index, item in enumerate(chain.items)
        if isinstance(item, Operation) and _is_call(made, item, (number, index))
        for slot in item.slots
        if isinstance(slot.value, Code) and slot.name not in {each.slot for each in item.arrays}
    ]
    words = {word for code in codes for word in re.findall(r"\w+", code)}
    return [each.name for each in made.parameters.items if each.name in words]


def _is_call(made: SourceClass, item: Operation, place: Place) -> bool:
    return place not in made.attributes.names or not item.is_layer


def _stored(
    made: SourceClass, name: str, value: Expression, chain: int, fixed: Sequence[str]
) -> list[str]:
    """The lines that store a layer, and those that keep some of its parameters fixed."""
    before = f"self.{name} = "
    depth = 2 if chain != made.optional else 3
    layer = lines(value, depth, before)
    layer += [f"{INDENT * depth}{parameter}.requires_grad_(False)" for parameter in fixed]
    if chain != made.optional:
        return layer
    one = lines(value, 2, before, f" if {made.condition} else nn.Identity()")
    if len(one) == 1 and not fixed:
        return one
    return [f"        {before}nn.Identity()", f"        if {made.condition}:", *layer]


def _array_lines(operation: Operation, slot: str, attribute: str) -> list[str]:
    array = next(each for each in operation.arrays if each.slot == slot)
    shape = next(each.value for each in operation.slots if each.name == slot)
    name = array_name(operation, slot, attribute)
    dtype = f", dtype={array.dtype}" if array.dtype else ""
    zeros = f"torch.zeros({text_of(shape)}{dtype})"
    if array.is_parameter:
        return [f"        self.{name} = nn.Parameter({zeros})"]
    return [f'        self.register_buffer("{name}", {zeros})']


def constructor(operation: Operation) -> Expression:
    """The call that constructs a layer."""
    return CallExpression(operation.form, _arguments(operation.slots))


def _arguments(slots: Sequence[Slot]) -> list[str]:
    texts, positional = [], True
    for slot in slots:
        if _is_default(slot):
            positional = False
            continue
        text = text_of(slot.value)
        positional = positional and not slot.keyword
        texts.append(text if positional else f"{slot.name}={text}")
    return texts


def _is_default(slot: Slot) -> bool:
    value, default = slot.value, slot.default
    return not isinstance(value, Code) and type(value) is type(default) and bool(value == default)


def _elements(operations: Sequence[Operation]) -> Iterator[Expression]:
    """Layers of a run; three or more equal ones, or with a growing number, are a loop."""
    start = 0
    while start < len(operations):
        same = _equal(operations, start)
        growing, slot, step = _growing(operations, start)
        if max(same, growing) < LEAST_LOOP:
            yield constructor(operations[start])
            start += 1
        elif same >= growing:
            yield f"*({flat(constructor(operations[start]))} for _ in range({same}))"
            start += same
        else:
            yield _growing_loop(operations[start], slot, step, growing)
            start += growing


def _equal(operations: Sequence[Operation], start: int) -> int:
    """How many equal layers there are from a place on."""
    count = 1
    for one, other in pairwise(operations[start:]):
        if not _is_equal(one, other):
            break
        count += 1
    return count


def _is_equal(one: Operation, other: Operation) -> bool:
    return one.block is not None and flat(constructor(one)) == flat(constructor(other))


def _growing(operations: Sequence[Operation], start: int) -> tuple[int, int, int]:
    """How many layers differ in one number that grows evenly; the number's place, and the step."""
    first = operations[start]
    if first.block is None:
        return 1, 0, 0
    count, place, step = 1, 0, 0
    for one, other in pairwise(operations[start:]):
        if one.form != other.form:
            break
        differing = [
            number
            for number, (a, b) in enumerate(zip(one.slots, other.slots, strict=True))
            if a.value != b.value
        ]
        if len(differing) != 1:
            break
        a, b = one.slots[differing[0]].value, other.slots[differing[0]].value
        if type(a) is not int or type(b) is not int:
            break
        if count > 1 and (differing[0], b - a) != (place, step):
            break
        place, step, count = differing[0], b - a, count + 1
    return count, place, step


def _growing_loop(operation: Operation, place: int, step: int, count: int) -> str:
    slots = list(operation.slots)
    slot = slots[place]
    start = slot.value
    slots[place] = Slot(slot.name, Code(slot.name), slot.default, slot.keyword)
    call = flat(CallExpression(operation.form, _arguments(slots)))
    numbers = f"range({start}, {start + step * count}, {step})"
    return f"*({call} for {slot.name} in {numbers})"
