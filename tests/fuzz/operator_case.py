"""A node of one MXNet operator with its inputs, computed by MXNet and as torch imports it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from torch import fx

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.symbols.precision import limits
from gluon2torch.graph.symbols.symbol import Graph, parse_symbol
from gluon2torch.parity.float64_symbol import in_float64

from . import eigenvectors

Arrays = dict[str, np.ndarray]
LIMITS = {"float16": 2**-8, "float32": 1e-4, "float64": 1e-12}
MEMORY = 8 << 30  # bytes of address space; MXNet itself maps more than one
SECONDS = 60  # of one case
CRASHES, TOO_LONG = "crashes", "takes too long"


@dataclass(frozen=True)
class Case:
    """A node, and what it is given.

    Attributes:
        op: MXNet's operator.
        attributes: As the file stores them, as text.
        data: The graph's inputs by name, which are the node's first inputs.
        arrays: Arrays of the `.params` file, which follow them.
        outputs: How many outputs of the node are heads of the graph.
    """

    op: str
    attributes: dict[str, str]
    data: Arrays
    arrays: Arrays = field(default_factory=dict)
    outputs: int = 1

    def __str__(self) -> str:
        values = [f"{key}={value}" for key, value in self.attributes.items()]
        inputs = {**self.data, **self.arrays}
        values += [f"{name}: {a.dtype}{list(a.shape)}" for name, a in inputs.items()]
        return " ".join([self.op, *values])

    @property
    def dtype(self) -> str:
        """The data type that arrays are imported in."""
        inputs = {**self.data, **self.arrays}.values()
        kinds = {a.dtype.name for a in inputs if a.dtype.kind == "f"}
        if kinds == {"float16"}:
            return "float16"
        return "float32" if "float32" in kinds else "float64"

    def in_half(self) -> Case:
        """The case with all floating point numbers in float16."""
        data, arrays = (
            {k: v.astype(np.float16) if v.dtype.kind == "f" else v for k, v in given.items()}
            for given in (self.data, self.arrays)
        )
        return replace(self, data=data, arrays=arrays)

    def numpy_shapes(self) -> dict[str, Any]:
        """The mark of graphs whose shapes may be (), or have sizes of 0, as NumPy's may."""
        return {"is_np_shape": ["int", 1]} if self.op.startswith("_np") else {}

    def symbol(self) -> str:
        """The graph as JSON."""
        names = [*self.data, *self.arrays]
        nodes: list[dict[str, Any]] = [{"op": "null", "name": each, "inputs": []} for each in names]
        inputs = [[number, 0, 0] for number in range(len(names))]
        nodes.append({"op": self.op, "name": "it", "attrs": self.attributes, "inputs": inputs})
        return json.dumps(
            {
                "nodes": nodes,
                "arg_nodes": list(range(len(names))),
                "heads": [[len(names), output, 0] for output in range(self.outputs)],
                "attrs": {"mxnet_version": ["int", 10901], **self.numpy_shapes()},
            }
        )

    @cached_property
    def graph(self) -> Graph:
        """The graph as the importer reads it."""
        return parse_symbol(self.symbol().encode(), "it")

    @cached_property
    def limits(self) -> dict[str, float]:
        """The precision that MXNet computes the graph with, by data type."""
        return limits(self.graph)


class Rejected(Exception):
    """MXNet does not accept a case, or does not survive it."""


class Oracle:
    """MXNet in a process of its own, with limited memory, since some cases crash it."""

    def __enter__(self) -> Oracle:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def __call__(self, case: Case) -> list[np.ndarray]:
        """The outputs of a case.

        Raises:
            Rejected: MXNet raises an error, crashes, or takes too long.
        """
        self.ask(case)
        return self.answer()

    def ask(self, case: Case) -> None:
        """Begin to compute a case."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `answer` will notice
            self._connection.send((case.symbol(), {**case.data, **case.arrays}))

    def answer(self) -> list[np.ndarray]:
        """The outputs of the case that was asked.

        Raises:
            Rejected: As a call does.
        """
        try:
            answer = self._connection.recv() if self._connection.poll(SECONDS) else TOO_LONG
        except (EOFError, BrokenPipeError, ConnectionResetError):
            answer = CRASHES
        if isinstance(answer, list):
            return answer
        if answer in (CRASHES, TOO_LONG):
            self._process.kill()
            self._process.join()
            self._start()
        raise Rejected(answer)

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_answer, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()


def _answer(connection: Connection) -> None:
    """Compute cases until the other end is closed."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.simplefilter("ignore")
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mx = import_mxnet()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    while True:
        try:
            symbol, arrays = connection.recv()
        except EOFError:
            return
        try:
            with mx.util.np_shape("is_np_shape" in symbol):
                values = _run(mx, mx.sym.load_json(symbol), arrays)
            if any(not each.size for each in values) and all(map(np.size, arrays.values())):
                connection.send("the output is empty, which stands for an unknown shape")
            else:
                connection.send(values)
        except (mx.MXNetError, ValueError, TypeError, IndexError, MemoryError) as error:
            connection.send(str(error).splitlines()[-1] or "an error")


def _run(mx: Any, graph: Any, arrays: Arrays) -> list[np.ndarray]:
    """The outputs of a graph."""
    if all(each.dtype == np.float64 for each in arrays.values()):
        graph, constants = in_float64(mx, graph, arrays)
        arrays = {**arrays, **constants}
    inputs = {k: mx.nd.array(arrays[k], dtype=arrays[k].dtype) for k in graph.list_inputs()}
    found: Any = None
    if inputs:
        # an operator without a gradient cannot be a CachedOp
        with contextlib.suppress(mx.MXNetError):
            found = mx.nd.CachedOp(graph)(*inputs.values())
    if found is None:
        found = graph.bind(mx.cpu(), inputs, grad_req="null").forward()
    outputs = found if isinstance(found, list | tuple) else [found]
    return [output.asnumpy() for output in outputs]


def module_of(case: Case) -> fx.GraphModule:
    """A case's import, which gets the inputs' shapes only if it needs them.

    Raises:
        GraphError: The importer refuses it.
    """
    try:
        return build_module(case.graph, case.arrays, dtype=case.dtype)
    except GraphError as error:
        if "pass the shapes of the graph's inputs" not in str(error):
            raise
    shapes = {name: each.shape for name, each in case.data.items()}
    return build_module(case.graph, case.arrays, dtype=case.dtype, inputs=shapes)


def imported(case: Case, device: str | torch.device = "cpu") -> list[np.ndarray]:
    """The outputs of a case's import, computed on a device.

    Raises:
        GraphError: The importer refuses it.
    """
    module = module_of(case).to(device)
    with torch.no_grad():
        outputs = module(*(torch.tensor(each, device=device) for each in case.data.values()))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return [each.cpu().numpy() for each in outputs]


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        kind: `equal`, `rejected` by MXNet, `refused` by the importer, `wrong`, or `failed` with an
            error that is not the importer's.
        detail: How it is wrong, or the error.
    """

    kind: str
    detail: str = ""


def outcome(case: Case, oracle: Oracle) -> Outcome:
    """Compute a case on both sides, at the same time, and compare."""
    if case.dtype != "float16" and case.dtype not in case.limits:
        return Outcome("rejected", f"MXNet does not compute it in {case.dtype}")
    oracle.ask(case)
    unequal, actual = None, list[np.ndarray]()
    try:
        actual = imported(case)
    except GraphError as error:
        unequal = Outcome("refused", str(error))
    except Exception as error:  # whatever it is, it is a bug
        unequal = Outcome("failed", f"{type(error).__name__}: {error}")
    try:
        expected = oracle.answer()
    except Rejected as error:
        return Outcome("rejected", str(error))
    if unequal:
        return unequal
    if problem := difference(actual, expected, case):
        return Outcome("wrong", problem)
    return Outcome("equal")


def difference(actual: Sequence[np.ndarray], expected: Sequence[np.ndarray], case: Case) -> str:
    """Describe how outputs differ; empty if they do not."""
    inputs = [a for a in {**case.data, **case.arrays}.values() if a.dtype.kind == "f" and a.size]
    largest = max((float(np.abs(a[np.isfinite(a)]).max(initial=0)) for a in inputs), default=0.0)
    if case.op == "log_softmax":
        largest = max(largest, 0.01)  # the sum of exponentials, of at least 1, is rounded: to 1e-6
    if case.op in eigenvectors.OPERATORS:
        actual, expected = eigenvectors.in_order(actual, expected)
    for number, (one, other) in enumerate(zip(actual, expected, strict=True)):
        if one.shape != other.shape:
            return f"output {number} has shape {one.shape}, MXNet's {other.shape}"
        if one.dtype != other.dtype:
            return f"output {number} is {one.dtype}, MXNet's {other.dtype}"
        limit = LIMITS.get(other.dtype.name, 0.0)
        if limit and case.dtype == "float16":  # whatever the output, MXNet computes in float16
            limit = LIMITS["float16"]
        limit = max(limit, case.limits.get(other.dtype.name, limit))
        if problem := _values_differ(one, other, limit, largest):
            return f"output {number}: {problem}"
    return ""


def _values_differ(
    actual: np.ndarray, expected: np.ndarray, limit: float, largest_input: float
) -> str:
    finite = np.isfinite(expected) if limit else np.zeros(expected.shape, bool)
    same = (actual == expected) | ((actual != actual) & (expected != expected))
    if not (same | finite).all():
        place = tuple(np.argwhere(~(same | finite))[0])
        return f"{actual[place]!r} instead of {expected[place]!r} at {tuple(map(int, place))}"
    if not finite.any():
        return ""
    error = float(np.abs(actual[finite] - expected[finite]).max())
    scale = max(float(np.abs(expected[finite]).max()), largest_input) or 1.0  # sums can cancel
    return "" if error <= limit * scale else f"differs by {error / scale:.1e} of the largest"
