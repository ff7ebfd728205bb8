"""Other names of operators: known to MXNet as the same, to the reader, and to no other table."""

from __future__ import annotations

import ctypes
import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon2torch import graph
from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module, unknown_operators
from gluon2torch.graph.inputs import training_batch
from gluon2torch.graph.inputs.initial_states import state_names
from gluon2torch.graph.inputs.ranks import input_ranks
from gluon2torch.graph.inputs.shapes import example_shape
from gluon2torch.graph.operators import OPERATORS, merged
from gluon2torch.graph.operators.unsupported import REASONS, reason_of
from gluon2torch.graph.summary import summarize
from gluon2torch.graph.symbols import labels, roles
from gluon2torch.graph.symbols.aliases import ALIASES, FIRST_NAMES
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.graph.symbols.symbol_writer import symbol_json
from gluon2torch.sources.mxnet_compat import import_mxnet

from .fuzz.operator_case import Case, imported

IMPORTED = 708  # of MXNet 1.9.1's names, as the documentation says


def table(*nodes: tuple[str, str, dict[str, str], list[int]]) -> bytes:
    """A graph of nodes: operator, name, attributes and inputs; the last one is the head."""
    rows = [
        {"op": op, "name": name, "attrs": attributes, "inputs": [[each, 0, 0] for each in inputs]}
        for op, name, attributes, inputs in nodes
    ]
    return json.dumps({"nodes": rows, "heads": [[len(rows) - 1, 0, 0]]}).encode()


def variable(name: str) -> tuple[str, str, dict[str, str], list[int]]:
    return ("null", name, {}, [])


@pytest.mark.mxnet
def test_an_alias_is_the_same_operator_in_mxnet() -> None:
    import_mxnet()
    from mxnet.base import _LIB

    def handle(name: str) -> int | None:
        found = ctypes.c_void_p()
        assert _LIB.NNGetOpHandle(name.encode(), ctypes.byref(found)) == 0, name
        return found.value

    assert not [other for other, name in FIRST_NAMES.items() if handle(other) != handle(name)]


@pytest.mark.mxnet
def test_how_many_of_mxnets_names_are_imported() -> None:
    import_mxnet()
    from mxnet.operator import get_all_registered_operators

    names = get_all_registered_operators()
    assert len(names) == 1167
    assert len([name for name in names if FIRST_NAMES.get(name, name) in OPERATORS]) == IMPORTED


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings((*value, *value.values()))
    elif isinstance(value, set | frozenset | tuple | list):
        for each in value:
            yield from strings(each)


def test_no_other_table_names_an_alias() -> None:
    found, tables = [], 0
    for each in pkgutil.walk_packages(graph.__path__, f"{graph.__name__}."):
        if ".source_code." in each.name:
            continue  # its names are torch's
        for name, value in vars(importlib.import_module(each.name)).items():
            own = value is ALIASES or value is FIRST_NAMES
            # an attribute, and not an operator, is called pad, too
            if own or name.startswith("__") or name == "_SHOWN":
                continue
            named = list(strings(value))
            tables += len(named) > 1
            found += [(each.name, name, one) for one in named if one in FIRST_NAMES]
    assert tables > 100
    assert found == []


def test_every_first_name_is_imported_or_refused_with_a_reason() -> None:
    assert not [name for name in ALIASES if name not in OPERATORS and reason_of(name) is None]
    assert not FIRST_NAMES.keys() & OPERATORS.keys()
    assert not FIRST_NAMES.keys() & ALIASES.keys()


def test_two_groups_that_define_an_operator_are_an_error() -> None:
    with pytest.raises(ValueError, match="operators are defined twice: Pooling, relu"):
        merged({"relu": len, "Pooling": len}, {"tanh": len, "relu": len, "Pooling": len})


def test_a_node_keeps_the_name_that_was_written(tmp_path: Path) -> None:
    read = parse_symbol(table(variable("data"), ("flatten", "it", {}, [0])), "net")
    node = read.nodes[1]
    assert (node.op, node.written_op, str(node)) == ("Flatten", "flatten", "flatten 'it'")
    assert json.loads(symbol_json(read))["nodes"][1]["op"] == "flatten"
    assert summarize(read).operators == {"flatten": 1}
    plain = parse_symbol(table(variable("data"), ("Flatten", "it", {}, [0])), "net").nodes[1]
    assert (plain.op, plain.alias, plain.written_op) == ("Flatten", None, "Flatten")
    with pytest.raises(GraphError, match="batch_norm 'it'.*axis='9' is not supported"):
        build_module(
            parse_symbol(
                table(
                    *map(variable, "dgbmv"), ("_npx_batch_norm", "it", {"axis": "9"}, [*range(5)])
                ),
                "net",
            ),
            dict.fromkeys("gbmv", np.ones(3, np.float32)),
            inputs={"d": (2, 3)},
        )


def test_layers_of_mxnet_numpy_have_arrays() -> None:
    attributes = {"kernel": "(3, 3)", "num_filter": "4", "no_bias": "True"}
    read = parse_symbol(
        table(
            variable("data"),
            variable("weight"),
            ("_npx_activation", "first", {"act_type": "relu"}, [0]),
            ("_npx_convolution", "layer", attributes, [2, 1]),
        ),
        "net",
    )
    found = roles.roles(read)
    assert (found.inputs, found.arrays) == (("data",), ("weight",))
    assert input_ranks(read)[0] == 4
    weight = np.ones((4, 5, 3, 3), np.float32)
    assert example_shape(read, {"weight": weight}, (8, 9)) == (5, 8, 9)


def test_a_label_of_an_output_layer_of_another_name() -> None:
    read = parse_symbol(
        table(
            variable("data"),
            variable("label"),
            ("_sparse_LinearRegressionOutput", "it", {}, [0, 1]),
        ),
        "net",
    )
    assert labels.label_names(read) == ["label"]


def test_states_of_a_recurrent_layer_of_another_name() -> None:
    attributes = {"mode": "lstm", "state_size": "3", "num_layers": "1"}
    read = parse_symbol(
        table(
            *map(variable, ("data", "parameters", "hidden", "cell")),
            ("_npx_rnn", "it", attributes, [0, 1, 2, 3]),
        ),
        "net",
    )
    assert state_names(read) == ["hidden", "cell"]


def test_a_training_batch_behind_operators_of_other_names() -> None:
    read = parse_symbol(
        table(
            ("null", "data", {"__shape__": "(32, 6)"}, []),
            ("_npx_activation", "one", {"act_type": "relu"}, [0]),
            ("_npx_batch_flatten", "two", {}, [1]),
            ("reshape", "it", {"shape": "(32, 2, -1)"}, [2]),
        ),
        "net",
    )
    assert training_batch.replaced_batch(read) == 32


@pytest.mark.parametrize("name", ["_image_flip_left_right", "_npx__image_flip_left_right"])
def test_an_operator_that_cannot_be_imported_is_refused_by_either_name(name: str) -> None:
    case = Case(name, {}, {"data": np.zeros((2, 3, 4))})
    assert unknown_operators(parse_symbol(case.symbol().encode(), "it")) == {name: ["it"]}
    with pytest.raises(GraphError, match="unwritten") as error:
        imported(case)
    assert f"1 × {name} (it): " in str(error.value)
    assert reason_of(name) in REASONS
