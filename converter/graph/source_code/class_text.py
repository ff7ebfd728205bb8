"""The text of a class."""

from __future__ import annotations

import itertools
import keyword
import re
import textwrap
from collections.abc import Collection, Iterator, Sequence

from .classes import SourceClass, array_name
from .constructors import init_lines
from .forward_text import forward_lines
from .fx_operations import Flow
from .operations import Operation
from .parameters import Parameter
from .repeated_regions import result_shape
from .text_layout import INDENT, WIDTH

Shape = tuple[int, ...] | None
IMAGES = 4  # dimensions of a batch of images
AXES = "HW"
# what the text of a source may call by its name
_CALLED = "float", "int", "len", "list", "max", "min", "range", "slice", "sum", "tuple", "zip"
_TAKEN = frozenset({*keyword.kwlist, *_CALLED, "self", "torch", "nn", "F", "Tensor"})
MOST_NAMED = 4


def class_lines(made: SourceClass, flow: Flow | None, taken: Collection[str] = ()) -> list[str]:
    """The lines of a class.

    Args:
        made: The class.
        flow: The inputs and outputs of the network, for its class.
        taken: Names that the source defines, which its inputs cannot have.
    """
    inputs = ["x"] if flow is None else input_names(flow.inputs, taken)
    sequence = made.is_sequence and flow is None
    base = "nn.Sequential" if sequence else "nn.Module"
    document = block_document(made) if flow is None else network_document(inputs, flow)
    found = [f"class {made.name}({base}):", *_docstring(document), "", *_buffers(made)]
    found += init_lines(made)
    if flow is not None:
        found += list(_ties(made, flow))
    if not sequence:
        found += ["", *forward_lines(made, inputs)]
    return found


def _ties(made: SourceClass, flow: Flow) -> Iterator[str]:
    """Lines that give the network's parameters that are one to each of their layers."""
    own = {original: key for key, original in made.keys.items()}
    for key, first in flow.tied:
        one, other = (re.sub(r"\.(\d+)\b", r"[\1]", own[each]) for each in (key, first))
        yield f"        self.{one} = self.{other}"


def _docstring(text: str) -> list[str]:
    one = f'    """{text}"""'
    if len(one) <= WIDTH:
        return [one]
    title, separator, shapes = text.partition(": ")
    rest = textwrap.wrap(shapes if separator else text, WIDTH - len(INDENT) - 3)  # quotes
    found = [f"{title}.", "", *rest] if separator else rest
    return [f'    """{found[0]}', *(f"    {line}".rstrip() for line in found[1:]), '    """']


def _buffers(made: SourceClass) -> list[str]:
    """Annotations of buffers, which register_buffer does not give them."""
    names = [
        array_name(item, array.slot, made.attributes.names[number, index])
        for number, chain in enumerate(made.body.chains)
        for index, item in enumerate(chain.items)
        if isinstance(item, Operation)
        for array in item.arrays
        if not array.is_parameter
    ]
    return [*(f"    {name}: Tensor" for name in dict.fromkeys(names)), ""] if names else []


def input_names(given: Collection[str], taken: Collection[str] = ()) -> list[str]:
    """The arguments of the network's `forward`: its inputs' names where these can be used."""
    allowed = [each.isidentifier() and each not in {*_TAKEN, *taken} for each in given]
    used = {each for each, may in zip(given, allowed, strict=True) if may} | {*taken}
    free = (name for at in itertools.count() if (name := f"input{at}") not in used)
    return [each if may else next(free) for each, may in zip(given, allowed, strict=True)]


def network_document(names: Sequence[str], flow: Flow) -> str:
    """The docstring of the network: names and shapes of its inputs, shapes of its outputs."""
    inputs = [
        f"{name} {_shape_text(shape)}"
        for name, shape in zip(names, flow.inputs.values(), strict=True)
    ]
    outputs = [_shape_text(shape) for shape in flow.results]
    return f"{', '.join(inputs)} → {', '.join(outputs)}"


def _shape_text(shape: Sequence[int]) -> str:
    return f"({', '.join(['N', *map(str, shape[1:])])})"


def block_document(made: SourceClass) -> str:
    """The docstring of a block: what it is, and the shapes of its input and result."""
    parts = made.parts
    inputs = [part.shapes[0] for part in parts]
    outputs = [result_shape(part.chains[-1].items[-1]) for part in parts]
    title = _title(made)
    if not all(shape is not None and len(shape) == IMAGES for shape in [*inputs, *outputs]):
        return f"{title}."
    before = _size(made.parameters.items, [shape[1] for shape in inputs if shape], "C")
    after = _size(made.parameters.items, [shape[1] for shape in outputs if shape], "C'")
    pairs = [(i, o) for i, o in zip(inputs, outputs, strict=True) if i and o]
    sides = [_side(axis, pairs, made.parameters.items) for axis in (2, 3)]
    return f"{title}: (N, {before}, H, W) → (N, {after}, {', '.join(sides)})."


def _size(parameters: Sequence[Parameter], values: list[int], unknown: str) -> str:
    """A number of channels in terms of the parameters; `unknown` if it is in no simple relation."""
    if len(set(values)) == 1:
        return str(values[0])
    numbers = [each for each in parameters if all(type(v) is int for v in each.values)]
    for each in numbers:
        if each.values == values:
            return each.name
    for each in numbers:
        pairs = list(zip(values, each.values, strict=True))
        times, rest = divmod(values[0], each.values[0] or 1)
        if not rest and all(value == own * times for value, own in pairs):
            return f"{each.name} * {times}"
        more = values[0] - each.values[0]
        if more > 0 and all(value == own + more for value, own in pairs):
            return f"{each.name} + {more}"
    return unknown


def _side(
    axis: int, pairs: list[tuple[tuple[int, ...], tuple[int, ...]]], parameters: Sequence[Parameter]
) -> str:
    letter = AXES[axis - 2]
    if all(before[axis] == after[axis] for before, after in pairs):
        return letter
    if all(after[axis] == 1 for _, after in pairs):
        return "1"
    for each in parameters:
        if each.name.startswith("stride") and all(
            type(step) is int and after[axis] == -(-before[axis] // step)
            for (before, after), step in zip(pairs, each.values, strict=True)
        ):
            return f"{letter} / {each.name}"
    for step in (2, 4):
        if all(before[axis] == after[axis] * step for before, after in pairs):
            return f"{letter} / {step}"
        if all(before[axis] * step == after[axis] for before, after in pairs):
            return f"{letter} * {step}"
    return f"{letter}'"


def _list_of(forms: Sequence[str]) -> str:
    names = [form.split(".")[-1] for form in forms]
    if len(names) > MOST_NAMED:
        return "A sequence of layers"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _title(made: SourceClass) -> str:
    if made.is_sequence:
        return _list_of([item.form for item in made.body.operations()])
    last = made.body.chains[-1]
    takes_input = any(value.is_input for value in last.inputs) or made.optional is not None
    forms = [item.form for item in last.items if isinstance(item, Operation)]
    if "{0} + {1}" in forms:
        return "The sum of layers and a shortcut" if takes_input else "The sum of branches"
    if any(form.startswith("torch.cat") for form in forms):
        return "Layers, concatenated to their input" if takes_input else "Concatenated branches"
    if "{0} * {1}" in forms:
        return "The input, multiplied by a gate" if takes_input else "The product of branches"
    return "A block of layers"
