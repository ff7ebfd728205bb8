"""The text of `forward`: statements from top to bottom."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from .attribute_names import base_name, is_large
from .classes import SourceClass, array_name
from .operations import Operation, Value
from .parameters import stored_text
from .text_layout import INDENT, WIDTH, CallExpression, lines

WEIGHTED = "nn.Conv", "nn.Linear"
MOST_TYPES = 8  # of results, each with its own
DEEPEST = 3  # calls within one another in a statement
INLINED = 90  # columns up to which a result is written where it is taken
_JOINED = re.compile(r"^\{0\} [-+*/] \{1\}$|^torch.cat\(")


def forward_lines(made: SourceClass, inputs: Sequence[str]) -> list[str]:
    """The lines of a class's `forward`.

    Args:
        made: The class.
        inputs: Names of the inputs.
    """
    outputs = made.body.outputs
    result = "Tensor" if len(outputs) == 1 else f"tuple[{', '.join(['Tensor'] * len(outputs))}]"
    if len(outputs) > MOST_TYPES:
        result = "tuple[Tensor, ...]"
    texts = [f"{name}: Tensor" for name in inputs]
    head = lines(CallExpression("def forward", ["self", *texts]), 1, after=f" -> {result}:")
    return [*head, *_Statements(made, inputs).lines()]


class _Statements:
    def __init__(self, made: SourceClass, inputs: Sequence[str]) -> None:
        self._made, self._body = made, made.body
        self._names: dict[Value, str] = {
            Value(True, number): name for number, name in enumerate(inputs)
        }
        words = {
            w for each in made.body.operations() for w in re.findall(r"[a-zA-Z]\w*", each.form)
        }
        self._words = {*inputs, *words, "self"} - {"x", "out"}
        self._found: list[str] = []
        self._inline: dict[Value, str] = {}

    def lines(self) -> list[str]:
        """The statements."""
        for number in range(len(self._body.chains)):
            self._add_chain(number)
        outputs = [self._text(value) for value in self._body.outputs]
        if len(outputs) == 1 and self._found and self._found[-1].startswith(f"{outputs[0]} = "):
            self._found[-1] = "return " + self._found[-1].removeprefix(f"{outputs[0]} = ")
        else:
            self._found.append(f"return {', '.join(outputs)}")
        *before, last = self._found
        found = [line for text in before for line in _statement_lines(text)]
        if len(INDENT * 2 + last) > WIDTH and len(outputs) > 1:
            return [*found, *lines(CallExpression("return ", outputs), 2)]
        return [*found, *_statement_lines(last)]

    def _text(self, value: Value) -> str:
        if value in self._inline:
            return self._inline[value]
        return self._names[value]

    def _add_chain(self, number: int) -> None:
        chain = self._body.chains[number]
        inputs = [self._text(value) for value in chain.inputs]
        if number == self._made.optional:
            run = self._made.attributes.runs.get((number, 0))
            stored = run.name if run is not None else self._made.attributes.names[number, 0]
            self._finish(number, f"self.{stored}({inputs[0]})", None)
            return
        name: str | None = None
        depth = index = 0
        text = inputs[0] if inputs else ""
        while index < len(chain.items):
            operation = chain.items[index]
            assert isinstance(operation, Operation)
            run = self._made.attributes.runs.get((number, index))
            values = inputs if index == 0 else [text]
            before = chain.items[index - 1] if index else None
            if (
                len(values) == 1
                and not values[0].isidentifier()
                and (
                    depth >= DEEPEST
                    or run is not None
                    or _starts_statement(operation, before)
                    or (not operation.is_layer and operation.form.count("{0}") > 1)
                )
            ):
                name = name or self._new_name(number)
                self._found.append(f"{name} = {values[0]}")
                values, depth = [name], 0
            if run is not None:
                text, index = f"self.{run.name}({values[0]})", run.end
            else:
                text = self._call(operation, values, (number, index))
                if len(text) > INLINED and len(values) == 1 and not values[0].isidentifier():
                    name = name or self._new_name(number)
                    self._found.append(f"{name} = {values[0]}")
                    text, depth = self._call(operation, [name], (number, index)), 0
                index += 1
            depth += 1
        if not chain.items:
            text = inputs[0]
        self._finish(number, text, name)

    def _finish(self, number: int, text: str, name: str | None) -> None:
        """Assign a chain's result to a variable, or leave it to the statement that takes it."""
        result = Value(False, number)
        users = [chain for chain in self._body.chains if result in chain.inputs]
        is_output = result in self._body.outputs
        if text == name and not is_output:
            self._names[result] = name
            return
        if (
            not is_output
            and len(users) == 1
            and len(users[0].inputs) == 2
            and users[0].inputs.count(result) == 1
            and isinstance(users[0].items[0], Operation)
            and _JOINED.search(users[0].items[0].form)
            and len(text) < INLINED // 2
            and self._body.chains[number + 1] is users[0]
        ):
            self._inline[result] = text
            return
        name = name or self._new_name(number)
        if text != name:
            self._found.append(f"{name} = {text}")
        self._names[result] = name

    def _new_name(self, number: int) -> str:
        """The variable of a chain: that of its input, if nothing else takes this any more."""
        chain = self._body.chains[number]
        later = [each for other in self._body.chains[number + 1 :] for each in other.inputs]
        later += self._body.outputs
        alive = {self._names[value] for value in later if value in self._names}
        if not _is_tensor(chain.items[-1]):
            return self._unique("parts", {*self._names.values()})
        result = Value(False, number)
        joins = [other for other in self._body.chains[number + 1 :] if result in other.inputs]
        if joins and len(set(joins[0].inputs)) > 2:
            return self._unique("branch1", alive)
        if number == self._made.optional:
            return self._unique("shortcut", alive)
        if "x" not in alive:
            return "x"
        known = [self._names[value] for value in chain.inputs if value in self._names]
        names = [name for name in ["out", *known] if name not in alive]
        if names and names[0] not in self._words:
            return names[0]
        return self._unique(base_name(_operation(chain.items[-1])), alive)

    def _unique(self, name: str, alive: Set[str] = frozenset()) -> str:
        """A name that no value that is still needed has."""
        base = name.rstrip("0123456789")
        number = int(name[len(base) :] or 1)
        while name in self._words or name in alive:
            number += 1
            name = f"{base}{number}"
        return name

    def _call(self, operation: Operation, values: list[str], place: tuple[int, int]) -> str:
        name = self._made.attributes.names.get(place)
        if operation.is_layer and name is not None:
            return f"self.{name}({', '.join(values)})"
        form = operation.call if operation.is_layer else operation.form
        assert form is not None
        arrays = {each.slot for each in operation.arrays}
        given = {
            slot.name: f"self.{array_name(operation, slot.name, name or '')}"
            if slot.name in arrays
            else stored_text(slot.value, [each.name for each in self._made.parameters.items])
            for slot in operation.slots
        }
        return filled(form, values, given)


def _starts_statement(operation: Operation, before: object) -> bool:
    """Whether an operation is not written into the same statement as the one before it."""
    assert isinstance(before, Operation), "the first one takes a variable"
    large = any(each.block is not None and is_large(each) for each in (operation, before))
    activated = (
        before.is_layer and before.block is None and (bool(before.call) or "Norm" in before.form)
    )
    flattened = before.form == "nn.Flatten"
    weighted = operation.block is not None or operation.form.startswith(WEIGHTED)
    return large or (activated and not flattened and weighted)


def filled(form: str, values: Sequence[str], arguments: dict[str, str]) -> str:
    """The text of a call with its inputs and arguments; sums within it get parentheses."""

    def place(match: re.Match[str]) -> str:
        key = match[1]
        value = values[int(key)] if key.isdigit() else arguments[key]
        before, after = form[: match.start()], form[match.end() :]
        is_alone = (not before or before.endswith(("(", "[", ", ", "="))) and (
            not after or after.startswith((")", "]", ","))
        )
        return value if is_alone or not _is_joined(value) else f"({value})"

    return re.sub(r"\{(\w+)\}", place, form)


def _is_joined(text: str) -> bool:
    """Whether a text is a sum or the like, outside parentheses."""
    depth, outside = 0, ""
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        outside += letter if depth == 0 else ""
    return " " in outside or outside.startswith("-")


def _operation(item: object) -> Operation:
    assert isinstance(item, Operation), "regions have been inlined"
    return item


def _is_tensor(item: object) -> bool:
    return isinstance(item, Operation) and item.shape is not None


def _statement_lines(text: str) -> list[str]:
    one = INDENT * 2 + text
    if len(one) <= WIDTH:
        return [one]
    before, separator, value = (
        text.partition(" = ") if " = " in text.split("(")[0] else ("", "", text)
    )
    if not separator and text.startswith("return "):
        before, separator, value = "return", " ", text.removeprefix("return ")
    return lines(value, 2, before + separator)
