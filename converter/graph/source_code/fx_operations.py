"""The operations of an imported module, and the values that they take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from ...errors import GraphError
from .call_text import CallText, call_operation
from .layer_text import FUNCTIONS_AS_LAYERS, layer_operation
from .operations import Array, Operation, Slot


@dataclass(frozen=True)
class Flow:
    """The operations of a module in order.

    Values are numbered: the module's inputs first, and then the results of the operations.

    Attributes:
        inputs: Names of the module's inputs, with the shapes of their examples.
        operations: The operations, each with the numbers of its inputs.
        outputs: Numbers of the values that the module returns.
        results: Shapes of these.
        tied: Keys of parameters that are one with that of another key: (key, other key).
    """

    inputs: dict[str, tuple[int, ...]]
    operations: list[tuple[Operation, tuple[int, ...]]]
    outputs: tuple[int, ...]
    results: tuple[tuple[int, ...], ...]
    tied: tuple[tuple[str, str], ...] = ()


def read_flow(module: fx.GraphModule, examples: Mapping[str, Tensor]) -> Flow:
    """Read a module's operations.

    Args:
        module: The imported module.
        examples: Its inputs, by name, for the shapes and data types of its values.

    Raises:
        GraphError: If it contains what has no source, such as a loop.
    """
    reader = _Reader(module, tuple(examples.values()))
    inputs = dict(zip(examples, (tuple(each.shape) for each in examples.values()), strict=True))
    for node in module.graph.nodes:
        if node.op in ("call_module", "call_function"):
            reader.read(node)
    tied = tuple(_tied(module))
    _pin_shared(reader.operations, {key for pair in tied for key in pair})
    output = module.graph.output_node().args[0]
    heads: list[Any] = list(output) if isinstance(output, tuple) else [output]
    return Flow(
        inputs,
        reader.operations,
        tuple(map(reader.number_of, heads)),
        tuple(tuple(reader.values[head].shape) for head in heads),
        tied,
    )


class _Values(fx.Interpreter):
    """Runs a module and keeps all values: tensors as tensors without memory."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.kept: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        self.kept[n] = result.to("meta") if isinstance(result, Tensor) else result
        return result


class _Reader:
    def __init__(self, module: fx.GraphModule, examples: tuple[Tensor, ...]) -> None:
        interpreter = _Values(module)
        with torch.no_grad():
            interpreter.run(*examples)
        self.values = interpreter.kept
        inputs = [node for node in module.graph.nodes if node.op == "placeholder"]
        self.numbers = {node: number for number, node in enumerate(inputs)}
        self.operations: list[tuple[Operation, tuple[int, ...]]] = []
        self._module = module
        self._inputs = len(inputs)
        self._same: dict[fx.Node, fx.Node] = {}  # results of identities -> their inputs

    def number_of(self, node: fx.Node) -> int:
        """The number of a value.

        Raises:
            GraphError: It is an array of the module.
        """
        node = self._same.get(node, node)
        if node not in self.numbers:
            raise GraphError(
                f"{node.target}: source cannot be written for an output that is an array; choose "
                "another `--format`"
            )
        return self.numbers[node]

    def read(self, node: fx.Node) -> None:
        """Add the operation of a node, which is a call."""
        call = CallText(node, self.values.__getitem__)
        if node.op == "call_module":
            operation = self._layer(node, call)
        else:
            write = FUNCTIONS_AS_LAYERS.get(node.target)
            is_real = write is not None and self.values[node].is_floating_point()
            is_real = is_real and all(isinstance(each, (int, float)) for each in node.args[1:])
            operation = (
                write(call, *node.args, **node.kwargs)
                if write is not None and is_real
                else call_operation(call)
            )
        inputs = [self._same.get(each, each) for each in call.inputs]
        if operation.form == "nn.Identity":
            self._same[node] = inputs[0]
            return
        value = self.values[node]
        operation.shape = tuple(value.shape) if isinstance(value, Tensor) else None
        operation, inputs = self._with_arrays(operation, inputs)
        self.numbers[node] = self._inputs + len(self.operations)
        numbers = tuple(self.numbers[each] for each in inputs)
        if not numbers and len(node.users) > 1:
            # it depends on arrays alone: its place is after the first input, which it does not use
            numbers = (0,)
        self.operations.append((operation, numbers))

    def _layer(self, node: fx.Node, call: CallText) -> Operation:
        target = str(node.target)
        module = self._module.get_submodule(target)
        if any(isinstance(each, fx.GraphModule) for each in module.modules()):
            raise GraphError(
                f"{target}: source cannot be written for loops and conditions, whose bodies are "
                "graphs themselves; choose another `--format`"
            )
        keys = {name: f"{target}.{name}" for name in module.state_dict()}
        return layer_operation(module, call, keys)

    def _with_arrays(
        self, operation: Operation, inputs: list[fx.Node]
    ) -> tuple[Operation, list[fx.Node]]:
        """Take the arrays of the module from the inputs of an operation."""
        arrays = [node for node in inputs if node.op == "get_attr"]
        if not arrays:
            return operation, inputs
        if operation.is_layer and operation.call is not None and not operation.keys:
            operation = replace(operation, form=operation.call, is_layer=False)
        if operation.is_layer:
            raise GraphError(
                f"{operation.name}: source cannot be written for {operation.form} of an array; "
                "choose another `--format`"
            )
        others = list(dict.fromkeys(node for node in inputs if node.op != "get_attr"))
        form = operation.form
        for place, node in enumerate(inputs):
            target = str(node.target)
            text = f"<{target}>" if node.op == "get_attr" else f"<{others.index(node)}>"
            form = form.replace(f"{{{place}}}", text)
        for place in range(len(others)):
            form = form.replace(f"<{place}>", f"{{{place}}}")
        for number, node in enumerate(arrays):
            target, tensor = str(node.target), getattr(self._module, str(node.target))
            slot = f"array{number}"
            form = form.replace(f"<{target}>", f"{{{slot}}}")
            operation.slots.append(Slot(slot, tuple(tensor.shape)))
            dtype = None if tensor.is_floating_point() else str(tensor.dtype)
            operation.arrays.append(Array(slot, isinstance(tensor, nn.Parameter), dtype))
            operation.keys[slot] = target
        return replace(operation, form=form), others


def _tied(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Parameters that layers of different arguments have together, as tied embeddings do.

    Yields:
        The key of one, and that of the first with the same parameter.
    """
    names: dict[int, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        first = names.setdefault(id(parameter), name)
        if first != name:
            yield name, first


def _pin_shared(operations: list[tuple[Operation, tuple[int, ...]]], tied: Collection[str]) -> None:
    """Mark the operations whose arrays others use, too, which the network's class has.

    Args:
        operations: The operations.
        tied: Keys of arrays that others are one with.
    """
    counts = Counter(key for operation, _ in operations for key in set(operation.keys.values()))
    for number, (operation, _) in enumerate(operations):
        if any(counts[key] > 1 or key in tied for key in operation.keys.values()):
            operation.pinned = number
