"""Graphs as they stand in files: what is read, and what is refused."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.symbols.attributes import Attributes
from gluon2torch.graph.symbols.symbol import MAX_BYTES, Node, parse_symbol, read_symbol

LIMIT = 0.05  # seconds of the processor


def variable(name: str) -> dict[str, Any]:
    return {"op": "null", "name": name, "inputs": []}


def network() -> dict[str, Any]:
    """y = relu(W x + b)"""
    layer = {"op": "FullyConnected", "name": "fc1", "attrs": {"num_hidden": "3"}}
    return {
        "nodes": [
            *(variable(name) for name in ("data", "fc1_weight", "fc1_bias")),
            {**layer, "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]},
            {"op": "relu", "name": "relu0", "inputs": [[3, 0, 0]]},
        ],
        "arg_nodes": [0, 1, 2],
        "heads": [[4, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }


ARRAYS = {
    "fc1_weight": np.arange(6, dtype=np.float32).reshape(3, 2) - 2,
    "fc1_bias": np.ones(3, np.float32),
}


def run(table: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> list[float]:
    module = build_module(parse_symbol(json.dumps(table).encode(), "net"), arrays or ARRAYS)
    result: list[float] = module(torch.tensor([[1.0, 2.0]])).flatten().tolist()
    return result


def test_a_graph_computes() -> None:
    assert run(network()) == [0.0, 3.0, 9.0]
    module = build_module(parse_symbol(json.dumps(network()).encode(), "net"), ARRAYS)
    assert list(module.state_dict()) == ["fc1.weight", "fc1.bias"]


@pytest.mark.parametrize("place", ["attrs", "attr", "param"])
def test_attributes_stand_in_three_places(place: str) -> None:
    table = network()
    table["nodes"][3][place] = table["nodes"][3].pop("attrs")
    assert run(table) == [0.0, 3.0, 9.0]
    table["nodes"][3][place] = {"num_hidden": "4"}  # it is read, and not left out
    with pytest.raises(GraphError, match="weight has shape"):
        run(table)


def test_graphs_of_0_8_leave_statistics_versions_and_two_element_heads_out() -> None:
    table = {
        "nodes": [
            *(variable(name) for name in ("data", "bn_gamma", "bn_beta")),
            {
                "op": "BatchNorm",
                "param": {"fix_gamma": "False", "eps": "0.5"},
                "name": "bn",
                "inputs": [[0, 0], [1, 0], [2, 0]],
                "backward_source_id": -1,
            },
            {"op": "Activation", "param": {"act_type": "relu"}, "name": "a", "inputs": [[3, 0]]},
        ],
        "arg_nodes": [0, 1, 2],
        "heads": [[4, 0]],
    }
    graph = parse_symbol(json.dumps(table).encode(), "net")
    assert graph.version is None
    assert [node.name for node in graph.variables()][-2:] == ["bn_moving_mean", "bn_moving_var"]
    arrays = {
        "bn_gamma": np.array([2, 3], np.float32),
        "bn_beta": np.array([1, -1], np.float32),
        "bn_moving_mean": np.array([0, 1], np.float32),
        "bn_moving_var": np.array([0.5, 3.5], np.float32),
    }
    assert run(table, arrays) == [3.0, 0.5]


def test_real_graphs_of_many_versions(data: Path) -> None:
    versions = {
        path.name.removesuffix("-symbol.json"): read_symbol(path).version
        for path in (data / "params").glob("*-symbol.json")
    }
    assert versions == {
        "cifar_resnet20_v1": "2.0.0",
        "cifar_resnet56_v2": "2.0.0",
        "fc_v2": "0.11.0",
        "mlp_v1": "1.8.0",
        "mnist_v0": "0.9.4",
        "mobilefacenet": "1.3.1",
    }


def changed(*path: Any, value: Any) -> bytes:
    table = copy.deepcopy(network())
    place: Any = table
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(table).encode()


HOSTILE = {
    "empty": (b"", "does not begin with {"),
    "a web page": (b"<!DOCTYPE html><html>", "a web page"),
    "a .params file": (b"\x12\x01" + bytes(30), "a .params file"),
    "cut short": (json.dumps(network()).encode()[:-40], "is not JSON"),
    "not UTF-8": (b'{"nodes": "\xff"}', "is not JSON"),
    "deep lists": (b'{"nodes": ' + b"[" * 1_000_000, "nested too deeply"),
    "deep objects": (b'{"a":' * 1_000_000, "nested too deeply"),
    "deep attributes": (changed("nodes", 3, "attrs", value={"a": [[[]]]}), "'a' is not a string"),
    "too large": (b"{" + b" " * MAX_BYTES, "is larger than"),
    "endless digits": (
        b'{"nodes": [' + b"9" * 100_000 + b'], "heads": [1]}',
        "a number of 100000 digits",
    ),
    "no nodes": (b'{"nodes": [], "heads": []}', "no nodes or no heads"),
    "nodes of other kinds": (changed("nodes", 3, value=7), "node 3: is not a node"),
    "a cycle": (changed("nodes", 3, "inputs", 0, value=[4, 0, 0]), "a graph has no cycles"),
    "a node that takes itself": (changed("nodes", 3, "inputs", 0, value=[3, 0, 0]), "no cycles"),
    "an input far away": (changed("nodes", 3, "inputs", 0, value=[10**9, 0, 0]), "do not exist"),
    "a negative input": (changed("nodes", 3, "inputs", 0, value=[-1, 0, 0]), "do not exist"),
    "a negative output": (changed("nodes", 3, "inputs", 0, value=[0, -1, 0]), "output -1"),
    "an input of one number": (changed("nodes", 3, "inputs", 0, value=[0]), "is not \\[node"),
    "an input that is no number": (changed("nodes", 3, "inputs", 0, value=[0.5, 0]), "is not \\["),
    "a head far away": (changed("heads", 0, value=[77, 0, 0]), "head 0: is output 0 of node 77"),
    "a variable with inputs": (
        changed("nodes", 1, "inputs", value=[[0, 0, 0]]),
        "its inputs are invalid for a variable",
    ),
    "an attribute that is huge": (
        changed("nodes", 3, "attrs", "num_hidden", value="1" * 5_000_000),
        "has 5000000 characters",
    ),
    "a name that is huge": (changed("nodes", 3, "name", value="x" * 1_000_000), "1000000 char"),
    "an attribute that is no text": (
        changed("nodes", 3, "attrs", "num_hidden", value=3),
        "is not a string",
    ),
    "a subgraph": (
        changed("nodes", 3, "subgraphs", value=[network()]),
        "has 1 subgraphs; expected 0",
    ),
    "a loop": (changed("nodes", 4, "op", value="_foreach"), "node 4 \\(_foreach 'relu0'\\)"),
    "a condition": (changed("nodes", 4, "op", value="_cond"), "has 0 subgraphs; expected 3"),
    "a subgraph that is no graph": (
        changed("nodes", 3, "subgraphs", value=[3]),
        "its subgraphs are not a list of graphs",
    ),
}
# sound as graphs, and no networks
HOSTILE_TO_IMPORT = {
    "an output that does not exist": (
        changed("nodes", 4, "inputs", 0, value=[3, 1, 0]),
        "uses output 1 of FullyConnected 'fc1', which has 1",
    ),
    "an array that does not exist": (changed("nodes", 1, "name", value="x"), "array 'x' is not in"),
    "too few inputs": (changed("nodes", 3, "inputs", value=[[0, 0, 0]]), "expected more"),
    "too many inputs": (
        changed("nodes", 4, "inputs", value=[[3, 0, 0]] * 1000),
        "has 1000 inputs; expected 1",
    ),
    "a size of another array": (
        changed("nodes", 3, "attrs", "num_hidden", value="1000000000000"),
        ": weight has shape",
    ),
    "a size that is none": (
        changed("nodes", 3, "attrs", "num_hidden", value="0x3"),
        "is not an integer",
    ),
    "a size below 1": (changed("nodes", 3, "attrs", "num_hidden", value="-3"), "less than 1"),
    "endless outputs": (
        changed(
            "nodes",
            4,
            value={
                "op": "SliceChannel",
                "name": "s",
                "attrs": {"num_outputs": "999999999"},
                "inputs": [[3, 0]],
            },
        ),
        "num_outputs='999999999' is not supported",
    ),
    "an unknown operator": (changed("nodes", 4, "op", value="Custom"), "1 × Custom \\(relu0\\)"),
}


@pytest.mark.parametrize("what", [*HOSTILE, *HOSTILE_TO_IMPORT])
def test_a_hostile_graph_is_refused_fast(what: str) -> None:
    text, message = {**HOSTILE, **HOSTILE_TO_IMPORT}[what]
    start = time.process_time()
    with pytest.raises(GraphError, match=message) as error:
        build_module(parse_symbol(text, "net-symbol.json"), ARRAYS)
    seconds = time.process_time() - start
    assert len(str(error.value)) < 2000
    assert seconds < LIMIT, what
    if what in HOSTILE:
        assert str(error.value).startswith("net-symbol.json: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="cannot be read"):
        read_symbol(tmp_path / "no-symbol.json")


def test_unknown_operators_are_reported_all_at_once() -> None:
    table = network()
    for number in range(5):
        node = {
            "op": "Unheard" if number else "Nameless",
            "name": f"n{number}",
            "inputs": [[4, 0, 0]],
        }
        table["nodes"].append(node)
        table["heads"].append([5 + number, 0, 0])
    with pytest.raises(GraphError) as error:
        run(table)
    assert error.value.problems == ("1 × Nameless (n0)", "4 × Unheard (n1, n2, n3, …)")


def test_what_cannot_be_imported_is_reported_all_at_once() -> None:
    table = network()
    table["nodes"][4]["op"] = "Pad"
    del table["nodes"][3]["inputs"][2]
    with pytest.raises(GraphError) as error:
        run(table, {**ARRAYS, "extra": np.ones(1, np.float32)})
    assert any("FullyConnected 'fc1': has 2 inputs" in problem for problem in error.value.problems)
    assert "'extra': no node uses this array" in error.value.problems


def test_names_from_a_file_are_no_code() -> None:
    table = network()
    hostile = "x):\n    import os  #"
    table["nodes"][0]["name"] = "self"
    table["nodes"][3]["name"] = hostile
    table["nodes"][4]["name"] = "__class__"
    table["nodes"].append({"op": "Flatten", "name": "forward", "inputs": [[4, 0, 0]]})
    table["nodes"].append({"op": "elemwise_add", "name": "torch", "inputs": [[5, 0, 0]] * 2})
    table["nodes"].append({"op": "Flatten", "name": "torch", "inputs": [[6, 0, 0]]})
    table["nodes"].append(
        {
            "op": "clip",
            "name": "lambda",
            "attrs": {"a_min": "0", "a_max": "99"},
            "inputs": [[7, 0, 0]],
        }
    )
    table["heads"] = [[8, 0, 0]]
    assert run(table) == [0.0, 6.0, 18.0]
    module = build_module(parse_symbol(json.dumps(table).encode(), "net"), ARRAYS)
    assert "import os" not in module.code


def test_a_long_chain_needs_no_recursion() -> None:
    table = network()
    for number in range(4, 3000):
        table["nodes"].append({"op": "relu", "name": f"r{number}", "inputs": [[number, 0, 0]]})
    table["heads"] = [[len(table["nodes"]) - 1, 0, 0]]
    assert run(table) == [0.0, 3.0, 9.0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(3, 2)", (3, 2)),
        ("[3,2]", (3, 2)),
        ("3", (3,)),
        ("(3,)", (3,)),
        ("(3L, 2L)", (3, 2)),
        ("()", ()),
    ],
)
def test_sizes_are_written_in_many_ways(text: str, value: tuple[int, ...]) -> None:
    attributes = Attributes(Node("Pooling", "it", {"kernel": text}, ()))
    assert attributes.integers("kernel", ()) == value


def test_scalars_are_rounded_as_mxnet_stores_them() -> None:
    attributes = Attributes(Node("clip", "it", {"a_max": "0.1"}, ()))
    assert attributes.single("a_max") == float(np.float32(0.1)) != 0.1
    assert attributes.number("a_max") == 0.1
