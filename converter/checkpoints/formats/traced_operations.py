"""Which of torch's operations each node of a module computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode

from ...graph.inputs.input_spec import in_dtype
from .job import GraphJob


@dataclass(frozen=True)
class TracedNode:
    """What a node of a module computes.

    Attributes:
        node: The node.
        operations: Names of torch's operations, such as `aten.sort`.
        is_float: Whether its result is one tensor of floating-point numbers.
    """

    node: fx.Node
    operations: frozenset[str]
    is_float: bool


def traced_nodes(job: GraphJob) -> list[TracedNode]:
    """The nodes of a job's module in the order of computation, for inputs of its shapes."""
    inputs = in_dtype({name: spec.zeros() for name, spec in job.specs.items()}, "float32")
    tracer = _Tracer(job.module)
    with torch.no_grad():
        tracer.run(*map(torch.from_numpy, inputs.values()))
    return tracer.found


class _Tracer(fx.Interpreter):
    """Runs a module node by node, and notes what each computes."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.found: list[TracedNode] = []

    def run_node(self, n: fx.Node) -> Any:
        seen: set[str] = set()
        with _Recorder(seen):
            result = super().run_node(n)
        is_float = isinstance(result, Tensor) and result.is_floating_point()
        self.found.append(TracedNode(n, frozenset(seen), is_float))
        return result


class _Recorder(TorchDispatchMode):
    """Notes the names of the operations that torch computes."""

    def __init__(self, seen: set[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seen = seen

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self._seen.add(str(func).rpartition(".")[0])
        return func(*args, **(kwargs or {}))
