"""Loops, conditions and graphs in nodes, held against MXNet."""

from __future__ import annotations

import copy
import json
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx, nn

from gluon2torch.errors import ConversionError, GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.layers.loops import Condition, Foreach, WhileLoop
from gluon2torch.graph.summary import summarize
from gluon2torch.graph.symbols.roles import roles
from gluon2torch.graph.symbols.symbol import MAX_DEPTH, parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

from .mxnet_run import run_by_mxnet

pytestmark = pytest.mark.mxnet
RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


@dataclass
class Network:
    """A symbol of MXNet's with its inputs and its arrays."""

    symbol: Any
    data: dict[str, np.ndarray]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        table: dict[str, Any] = json.loads(self.symbol.tojson())
        return table

    def expected(self) -> list[np.ndarray]:
        return run_by_mxnet(self.symbol, {**self.data, **self.arrays})

    def imported(self, table: dict[str, Any] | None = None) -> fx.GraphModule:
        graph = parse_symbol(json.dumps(table or self.table()).encode(), "net")
        return build_module(graph, self.arrays, dtype="float64")

    def actual(self, module: nn.Module) -> list[np.ndarray]:
        names = [name for name in self.symbol.list_inputs() if name in self.data]
        found = module(*(torch.from_numpy(self.data[name]) for name in names))
        return [each.detach().numpy() for each in (found if isinstance(found, tuple) else [found])]


def largest_difference(actual: list[np.ndarray], expected: list[np.ndarray]) -> float:
    assert [each.shape for each in actual] == [each.shape for each in expected]
    return max(
        float(np.abs(one - other).max() / (np.abs(other).max() or 1.0))
        for one, other in zip(actual, expected, strict=True)
    )


def recurrent_loop() -> Network:
    """A loop with two sequences, two states, two outputs and three captured arrays."""
    sym = import_mxnet().sym

    def body(steps: list[Any], states: list[Any]) -> tuple[list[Any], list[Any]]:
        joined = sym.concat(*steps, states[0], dim=1)
        hidden = sym.FullyConnected(joined, sym.var("weight"), sym.var("bias"), num_hidden=3)
        gated = sym.broadcast_mul(sym.tanh(hidden), sym.var("scale"))
        return [gated, hidden * 2], [gated, states[1] + gated]

    sequences = [sym.var("data"), sym.var("other")]
    outputs, states = sym.contrib.foreach(body, sequences, [sym.var("h"), sym.var("total")])
    data = {"data": normal(5, 2, 4), "other": normal(5, 2, 1), "h": normal(2, 3)}
    data |= {"total": normal(2, 3), "scale": normal(1, 3)}
    return Network(sym.Group(outputs + states), data, {"weight": normal(3, 8), "bias": normal(3)})


def nested_loops() -> Network:
    """A loop in a loop, both of which use an array and a value from outside."""
    sym = import_mxnet().sym
    shift = sym.var("shift") * 2

    def inner(step: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        result = sym.broadcast_add(step * states[0], sym.var("bias")) + shift
        return result, [sym.tanh(result)]

    def outer(step: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        output, last = sym.contrib.foreach(inner, step, [states[0]])
        return output, [last[0] - shift]

    output, last = sym.contrib.foreach(outer, sym.var("data"), [sym.var("h")])
    data = {"data": normal(3, 4, 2, 3), "h": normal(2, 3), "shift": normal(2, 3)}
    return Network(sym.Group([output, *last]), data, {"bias": normal(3)})


def loop_with_condition() -> Network:
    """A loop whose condition and body capture values."""
    sym = import_mxnet().sym

    def goes_on(number: Any, value: Any) -> Any:
        return sym.relu(sym.var("end") - number)

    def body(number: Any, value: Any) -> tuple[list[Any], list[Any]]:
        new = sym.FullyConnected(value, sym.var("weight"), no_bias=True, num_hidden=3)
        return [sym.broadcast_mul(new, number), value], [number + 1, sym.tanh(new)]

    variables = [sym.var("number"), sym.var("value")]
    outputs, last = sym.contrib.while_loop(goes_on, body, variables, max_iterations=7)
    data = {"number": np.array([1.0]), "value": normal(1, 3), "end": np.array([5.0])}
    return Network(sym.Group([*outputs, *last]), data, {"weight": normal(3, 3)})


def branches(chosen: float) -> Network:
    """A condition; its two branches share an input, and each has an array of its own."""
    sym = import_mxnet().sym
    value = sym.var("data")

    def branch(name: str, factor: int) -> Callable[[], list[Any]]:
        def compute() -> list[Any]:
            weight = sym.var(f"{name}_weight")
            product = sym.FullyConnected(value, weight, no_bias=True, num_hidden=3)
            return [product, value * factor]

        return compute

    outputs = sym.contrib.cond(sym.var("chosen"), branch("one", 3), branch("two", 5))
    data = {"chosen": np.array([chosen], np.float32), "data": normal(2, 4)}
    return Network(
        sym.Group(outputs), data, {"one_weight": normal(3, 4), "two_weight": normal(3, 4)}
    )


INNER_GRAPHS = ("_CachedOp", "_CachedOpThreadSafe")
LOOPS = {
    "recurrent": recurrent_loop,
    "nested": nested_loops,
    "one branch": lambda: branches(1.0),
    "the other branch": lambda: branches(0.0),
}


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_control_flow_is_mxnets(make: Callable[[], Network]) -> None:
    network = make()
    module = network.imported()
    expected = network.expected()
    assert largest_difference(network.actual(module), expected) <= 1e-14
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert largest_difference(network.actual(again), expected) <= 1e-14


@pytest.mark.parametrize("end", [1.5, 5.0, 50.0])
def test_a_loop_with_a_condition(end: float) -> None:
    """MXNet does not write what follows the last step; here it is 0."""
    network = loop_with_condition()
    network.data["end"][:] = end
    module = network.imported()
    actual, expected = network.actual(module), network.expected()
    steps = int(min(7, np.ceil(end - 1)))
    assert [len(each) for each in actual[:2]] == [7, 7]
    for place in (0, 1):
        assert not actual[place][steps:].any()
        actual[place], expected[place] = actual[place][:steps], expected[place][:steps]
    assert largest_difference(actual, expected) <= 1e-14


def test_a_loop_that_takes_no_step() -> None:
    network = loop_with_condition()
    network.data["end"][:] = 0
    products, values, number, value = network.actual(network.imported())
    assert products.shape == values.shape == (7, 1, 3)
    assert not products.any()
    assert number == 1
    assert np.array_equal(value, network.data["value"])


@pytest.mark.parametrize(
    ("make", "attribute", "value"),
    [
        (recurrent_loop, "in_state_locs", swap := "swapped"),
        (recurrent_loop, "in_data_locs", swap),
        (loop_with_condition, "max_iterations", "3"),
        (lambda: branches(1.0), "subgraphs", swap),
    ],
)
def test_a_mutation_is_caught(make: Callable[[], Network], attribute: str, value: str) -> None:
    network = make()
    table = network.table()
    node = next(node for node in table["nodes"] if "subgraphs" in node)
    if attribute == "subgraphs":
        node["subgraphs"][1:] = reversed(node["subgraphs"][1:])
    elif value == "swapped":
        node["attrs"][attribute] = str(json.loads(node["attrs"][attribute])[::-1])
    else:
        node["attrs"][attribute] = value
    try:
        wrong = network.actual(network.imported(table))
    except (RuntimeError, GraphError):
        return  # it does not even fit
    expected = network.expected()
    shapes = [each.shape for each in wrong] == [each.shape for each in expected]
    assert not shapes or largest_difference(wrong, expected) > 1e-3


def test_a_loop_has_the_order_of_the_bodys_variables_without_remain_locs() -> None:
    """As MXNet 1.3 wrote it: the inputs are numbered as the variables of the body."""
    network = recurrent_loop()
    table = network.table()
    node = next(node for node in table["nodes"] if "subgraphs" in node)
    attributes = node["attrs"]
    names = ("in_data_locs", "in_state_locs", "remain_locs")
    order = [place for name in names for place in json.loads(attributes[name])]
    node["inputs"] = [node["inputs"][order.index(place)] for place in range(len(order))]
    del attributes["remain_locs"]
    module = network.imported(table)
    assert largest_difference(network.actual(module), network.expected()) <= 1e-14


def test_arrays_become_parameters_of_the_bodys_layers() -> None:
    network = recurrent_loop()
    module = network.imported()
    assert {name.rpartition(".")[2] for name, _ in module.named_parameters()} == {"weight", "bias"}
    (loop,) = (each for each in module.modules() if isinstance(each, Foreach))
    assert any(isinstance(each, nn.Linear) for each in loop.modules())
    graph = parse_symbol(json.dumps(network.table()).encode(), "net")
    assert set(roles(graph).arrays) == {"weight", "bias"}
    assert {"_foreach": 1, "FullyConnected": 1}.items() <= summarize(graph).operators.items()


@pytest.mark.parametrize(("make", "name"), [(nested_loops, "data"), (loop_with_condition, "value")])
def test_gradients_are_those_of_mxnets_outputs(make: Callable[[], Network], name: str) -> None:
    """MXNet's own gradients of nested loops are wrong, and those of `_while_loop` an error."""
    network, step = make(), 1e-5
    names = [each for each in network.symbol.list_inputs() if each in network.data]
    given = {each: torch.from_numpy(network.data[each].copy()) for each in names}
    given[name].requires_grad_()
    network.imported()(*given.values())[-1].square().sum().backward()
    direction, losses = normal(*given[name].shape), []
    for sign in (1, -1):
        moved = network.data[name] + sign * step * direction
        changed = Network(network.symbol, {**network.data, name: moved}, network.arrays)
        losses.append(float(np.square(changed.expected()[-1]).sum()))
    assert given[name].grad is not None
    slope = float((given[name].grad.numpy() * direction).sum())
    assert abs((losses[0] - losses[1]) / (2 * step) - slope) <= 1e-6 * abs(slope)


def test_gradients_are_mxnets() -> None:
    network = recurrent_loop()
    mx = import_mxnet()
    arrays = {**network.data, **network.arrays}
    inputs = {name: mx.nd.array(a, dtype=a.dtype) for name, a in arrays.items()}
    for array in inputs.values():
        array.attach_grad()
    with mx.autograd.record():
        found = mx.nd.CachedOp(network.symbol)(*(inputs[k] for k in network.symbol.list_inputs()))
        total = sum((each * each).sum() for each in found[-1:])
    total.backward()
    module = network.imported()
    names = [name for name in network.symbol.list_inputs() if name in network.data]
    given = [torch.from_numpy(network.data[name]).requires_grad_() for name in names]
    module(*given)[-1].square().sum().backward()
    for name, value in zip(names, given, strict=True):
        if value.grad is not None:
            expected = inputs[name].grad.asnumpy()
            assert np.abs(value.grad.numpy() - expected).max() <= 1e-12, name
    for parameter in module.parameters():
        (expected,) = (
            inputs[name].grad.asnumpy()
            for name, array in network.arrays.items()
            if np.array_equal(array, parameter.detach().numpy())
        )
        assert parameter.grad is not None
        assert np.abs(parameter.grad.numpy() - expected).max() <= 1e-12 * np.abs(expected).max()


def test_a_loop_of_fixed_length_is_exported() -> None:
    network = recurrent_loop()
    names = [name for name in network.symbol.list_inputs() if name in network.data]
    given = tuple(torch.from_numpy(network.data[name]) for name in names)
    program = torch.export.export(network.imported(), given)
    assert largest_difference(network.actual(program.module()), network.expected()) <= 1e-14


def test_both_branches_are_exported() -> None:
    network, other = branches(1.0), branches(0.0)
    names = [name for name in network.symbol.list_inputs() if name in network.data]
    module = network.imported()
    given = [
        tuple(torch.from_numpy(each.data[name]) for name in names) for each in (network, other)
    ]
    program = torch.export.export(module, given[0])
    for inputs in given:
        for one, same in zip(program.module()(*inputs), module(*inputs), strict=True):
            assert torch.equal(one, same)


def fused() -> Network:
    """A convolution, its norm and its activation as oneDNN's operator, and the same apart."""
    sym = import_mxnet().sym
    layer = sym.Convolution(sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    layer = sym.Activation(sym.BatchNorm(layer, fix_gamma=False, name="norm"), act_type="relu")
    output = sym.FullyConnected(layer, num_hidden=5, name="fc")
    arrays = {"conv_weight": normal(4, 2, 3, 3), "conv_bias": normal(4)}
    arrays |= {"norm_gamma": normal(4), "norm_beta": normal(4), "norm_moving_mean": normal(4)}
    arrays |= {"norm_moving_var": 1 + normal(4) ** 2, "fc_weight": normal(5, 144)}
    return Network(output, {"data": normal(2, 2, 8, 8)}, {**arrays, "fc_bias": normal(5)})


def test_a_part_that_onednn_computes_in_one_step() -> None:
    network = fused()
    table = json.loads(network.symbol.get_backend_symbol("MKLDNN").tojson())
    operators = {node["op"] for node in table["nodes"]} - {"null"}
    assert operators == {"_sg_mkldnn_conv", "_sg_mkldnn_fully_connected"}
    module = network.imported(table)
    assert largest_difference(network.actual(module), network.expected()) <= 1e-12
    convolution = next(node for node in table["nodes"] if node["op"] == "_sg_mkldnn_conv")
    convolution["attrs"]["quantized"] = "true"
    with pytest.raises(GraphError, match="which is not what its parts need"):
        network.imported(table)
    del convolution["attrs"]["quantized"], convolution["subgraphs"]
    with pytest.raises(GraphError, match="export the plain network"):
        network.imported(table)


@pytest.mark.parametrize("op", INNER_GRAPHS)
def test_a_graph_in_a_node(op: str) -> None:
    network = fused()
    inner = network.table()
    names = network.symbol.list_inputs()
    nodes = [{"op": "null", "name": name, "inputs": []} for name in names]
    inputs = [[number, 0, 0] for number in range(len(names))]
    nodes.append({"op": op, "name": "it", "inputs": inputs, "subgraphs": [inner]})
    module = network.imported({"nodes": nodes, "heads": [[len(names), 0, 0]]})
    assert largest_difference(network.actual(module), network.expected()) <= 1e-12


@pytest.mark.parametrize(
    ("make", "changes", "problem"),
    [
        (recurrent_loop, {"in_data_locs": "[]"}, "in_data_locs='\\[\\]' is not supported"),
        (recurrent_loop, {"in_state_locs": "[1, 9]"}, "in_state_locs='\\[1, 9\\]' is not supp"),
        (recurrent_loop, {"in_state_locs": "[1, 1]"}, "do not assign each input to one variable"),
        (recurrent_loop, {"num_out_data": "1"}, "its graph has 4 results"),
        (recurrent_loop, {"num_outputs": "3"}, "its graph has 4 results; expected 3"),
        (loop_with_condition, {"max_iterations": "0"}, "max_iterations=0 is less than 1"),
        (loop_with_condition, {"max_iterations": "99999999"}, "max_iterations='99999999' is not"),
        (loop_with_condition, {"func_var_locs": "[0, 7]"}, "func_var_locs='\\[0, 7\\]' is not"),
        (loop_with_condition, {"cond_input_locs": "[0]"}, "has 2 inputs; 1 are given"),
        (lambda: branches(1), {"num_outputs": "3"}, "its graph has 2 results; expected 3"),
    ],
)
def test_attributes_that_cannot_be(
    make: Callable[[], Network], changes: dict[str, str], problem: str
) -> None:
    network = make()
    table = network.table()
    next(node for node in table["nodes"] if "subgraphs" in node)["attrs"].update(changes)
    with pytest.raises(GraphError, match=problem):
        network.imported(table)


def test_unsupported_operators_of_a_body_are_reported() -> None:
    network = recurrent_loop()
    table = network.table()
    (body,) = next(node for node in table["nodes"] if "subgraphs" in node)["subgraphs"]
    next(node for node in body["nodes"] if node["op"] == "tanh")["op"] = "Custom"
    with pytest.raises(GraphError) as error:
        network.imported(table)
    assert error.value.problems[0].startswith("1 × Custom (tanh")


def test_graphs_nested_too_deeply_are_refused() -> None:
    nodes = [{"op": "null", "name": "data", "inputs": []}]
    table: dict[str, Any] = {"nodes": nodes, "heads": [[0, 0, 0]]}
    for _ in range(MAX_DEPTH + 1):
        node = {"op": "_CachedOp", "name": "it", "inputs": [[0, 0, 0]], "subgraphs": [table]}
        table = {"nodes": [*nodes, node], "heads": [[1, 0, 0]]}
    with pytest.raises(GraphError, match="nested more than 16 deep"):
        parse_symbol(json.dumps(table).encode(), "net")


def test_the_modules_say_what_they_are() -> None:
    shown = [repr(make().imported()) for make in (recurrent_loop, loop_with_condition)]
    assert "sequences=(0, 1), states=(2, 4), outputs=2" in shown[0]
    assert "outputs=2, limit=7" in shown[1]
    assert {Foreach, WhileLoop, Condition} >= {
        type(each)
        for make in (recurrent_loop, loop_with_condition, lambda: branches(1))
        for each in make().imported().children()
    }


VALUES = ("[]", "[0]", "[1]", "[-1]", "[0, 0]", "[99]", "None", "x", "0", "-3", "9" * 12, "True")
OPERATORS = (
    "_foreach",
    "_cond",
    "_while_loop",
    "_CachedOp",
    "RNN",
    "relu",
    "FullyConnected",
    "null",
)


def all_nodes(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a graph and of the graphs in them."""
    inner = (graph for node in table["nodes"] for graph in node.get("subgraphs", ()))
    return [*table["nodes"], *(node for graph in inner for node in all_nodes(graph))]


def mutated(rng: random.Random, table: dict[str, Any]) -> dict[str, Any]:
    table = copy.deepcopy(table)
    for node in rng.choices(all_nodes(table), k=rng.randint(1, 3)):
        attributes, kind = node.setdefault("attrs", {}), rng.random()
        if kind < 0.5 and attributes:
            attributes[rng.choice(list(attributes))] = rng.choice(VALUES)
        elif kind < 0.6 and attributes:
            del attributes[rng.choice(list(attributes))]
        elif kind < 0.75 and node.get("inputs"):
            node["inputs"] = node["inputs"][: rng.randint(0, len(node["inputs"]))]
        elif kind < 0.85:
            node["op"] = rng.choice(OPERATORS)
        elif "subgraphs" in node:
            node["subgraphs"] = rng.choice([node["subgraphs"][::-1], node["subgraphs"][:1], []])
        else:
            node["name"] = rng.choice(["data", "weight", "other"])
    return table


def test_mutated_graphs_are_imported_or_refused() -> None:
    rng, refused = random.Random(0), 0
    makers = (recurrent_loop, nested_loops, loop_with_condition, lambda: branches(1), fused)
    networks = [(network, network.table()) for network in (make() for make in makers)]
    for _ in range(600):
        network, table = rng.choice(networks)
        try:
            network.imported(mutated(rng, table))
        except ConversionError:
            refused += 1
    assert 200 < refused < 550
