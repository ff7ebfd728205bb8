"""Arrays whose names in the file differ from the graph's: matched where that is certain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch import import_graph
from gluon2torch.errors import GraphError
from gluon2torch.graph.array_names import match_names
from gluon2torch.graph.importer import build_module, read_arrays
from gluon2torch.graph.symbols.precision import EXACT
from gluon2torch.graph.symbols.symbol import Graph, parse_symbol, read_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params

from .exported import export_symbol
from .mxnet_run import run_by_mxnet
from .test_graph_reader import network, variable

NORM = ("gamma", "beta", "moving_mean", "moving_var")
NAMES = (*(f"net0_conv{n}_weight" for n in (0, 1)), *(f"net0_bn_{each}" for each in NORM))


def graph(names: tuple[str, ...] = NAMES, shape: str | None = None) -> Graph:
    """data → two 1×1 convolutions of two channels → BatchNorm."""
    options = {"kernel": "(1, 1)", "num_filter": "2", "no_bias": "True"}
    nodes = [variable("data"), *map(variable, names)]
    if shape is not None:
        nodes[1]["attrs"] = {"__shape__": shape}
    conv = {"op": "Convolution", "attrs": options}
    nodes += [
        {**conv, "name": "net0_conv0", "inputs": [[0, 0], [1, 0]]},
        {**conv, "name": "net0_conv1", "inputs": [[7, 0], [2, 0]]},
        {"op": "BatchNorm", "name": "net0_bn", "inputs": [[n, 0] for n in (8, 3, 4, 5, 6)]},
    ]
    table = {"nodes": nodes, "heads": [[9, 0]]}
    return parse_symbol(json.dumps(table).encode(), "net")


def arrays(names: tuple[str, ...] = NAMES) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    values = [rng.random((2, 2, 1, 1)) for _ in range(2)] + [rng.random(2) for _ in NORM]
    return dict(zip(names, values, strict=True))


def renamed(old: str, new: str) -> tuple[str, ...]:
    return tuple(name.replace(old, new) for name in NAMES)


@pytest.mark.parametrize(
    ("in_graph", "in_file", "notes"),
    [
        (NAMES, NAMES, []),
        (NAMES, renamed("moving", "running"), ["2 running statistics"]),
        (renamed("moving", "running"), NAMES, ["2 running statistics"]),
        (NAMES, renamed("net0_", "net12_"), ["'net0' in the graph and 'net12' in the file"]),
        (NAMES, renamed("net0_", ""), ["'net0_' in the graph and '' in the file"]),
        (renamed("net0_", ""), NAMES, ["'' in the graph and 'net0_' in the file"]),
        (
            renamed("moving", "running"),
            renamed("net0", "net1"),
            ["2 running statistics", "'net0' in the graph and 'net1' in the file"],
        ),
    ],
)
def test_names_that_match_one_to_one(
    in_graph: tuple[str, ...], in_file: tuple[str, ...], notes: list[str]
) -> None:
    found = match_names(graph(in_graph), dict(reversed(arrays(in_file).items())))
    assert found.arrays.keys() == set(in_graph)
    for name, array in arrays(in_graph).items():
        assert np.array_equal(found.arrays[name], array)
    assert len(found.notes) == len(notes)
    assert all(part in note for part, note in zip(notes, found.notes, strict=True))


@pytest.mark.parametrize(
    ("in_file", "problem"),
    [
        # some names match as they are, so the others are not those of a prefix
        ((*NAMES[:2], *renamed("net0", "net1")[2:]), "'net1_bn_gamma': no node uses this array"),
        # two prefixes
        (
            ("a_conv0_weight", "b_conv1_weight", *renamed("net0", "a")[2:]),
            "array 'net0_conv0_weight' is not in the .params file; "
            "the nearest name in the file is 'a_conv0_weight'",
        ),
        # a number that is no prefix
        (renamed("conv1", "conv2"), "'net0_conv2_weight': no node uses this array"),
        # one of two spellings for two variables
        ((*NAMES[:5], "net0_bn_running_mean"), "array 'net0_bn_moving_var' is not in the"),
    ],
)
def test_names_that_do_not_match_are_refused(in_file: tuple[str, ...], problem: str) -> None:
    with pytest.raises(GraphError, match="cannot be imported with this .params file") as error:
        match_names(graph(), arrays(in_file))
    assert problem in "\n".join(error.value.problems)


def test_names_of_save_parameters_are_recognized() -> None:
    with pytest.raises(GraphError) as error:
        match_names(graph(), arrays(tuple(f"{number}.weight" for number in range(len(NAMES)))))
    assert error.value.problems[-1].startswith("`save_parameters` writes names with dots")


def test_two_arrays_for_one_variable_are_refused() -> None:
    """Both spellings of a statistic, in a file with another prefix."""
    file = arrays(renamed("net0_", ""))
    with pytest.raises(GraphError, match="7 arrays belong to no node"):
        match_names(graph(), {**file, "bn_running_mean": file["bn_moving_mean"] + 1})


def test_a_shape_in_the_graph_that_differs_is_refused() -> None:
    file = arrays(renamed("net0_", ""))
    for shape in ("(2, 2, 1, 1)", "(2, 0, 1, 1)", "(2, -1, None, 1)"):
        assert match_names(graph(shape=shape), file).notes
    for shape in ("(2, 3, 1, 1)", "(2, 2, 1)", "(2, 2, 1, 1, 1)"):
        with pytest.raises(GraphError, match="6 of the graph's 6 arrays are missing"):
            match_names(graph(shape=shape), file)


def test_a_shape_that_the_layer_refuses_is_refused(tmp_path: Path) -> None:
    file = arrays(renamed("net0_", ""))
    file["conv1_weight"] = file["conv1_weight"].reshape(4, 1, 1, 1)
    with pytest.raises(GraphError, match="weight has shape"):
        build_module(graph(), match_names(graph(), file).arrays)


def test_a_hundred_arrays_of_another_network_are_a_few_lines() -> None:
    names = [f"other{n}_weight" for n in range(100)]
    file = {name: np.ones(1) for name in names}
    with pytest.raises(GraphError) as error:
        match_names(graph(), file)
    assert str(error.value).splitlines()[0] == (
        "net: cannot be imported with this .params file, where 6 of the graph's 6 arrays are "
        "missing and 100 arrays belong to no node:"
    )
    assert len(error.value.problems) == 6


def test_a_file_without_some_of_gluons_arrays_is_refused() -> None:
    table = network()
    table["nodes"][1]["attrs"] = {"__init__": "None"}
    found = parse_symbol(json.dumps(table).encode(), "net")
    with pytest.raises(GraphError, match="1 of the graph's 2 arrays are missing and 0 arrays"):
        match_names(found, {"fc1_bias": np.ones(3)})


@pytest.mark.mxnet
def test_import_graph_warns_and_computes_as_mxnet(tmp_path: Path) -> None:
    mx = import_mxnet()
    data = mx.sym.var("data")
    conv = mx.sym.Convolution(data, kernel=(3, 3), num_filter=4, name="net0_conv0")
    symbol = mx.sym.BatchNorm(conv, fix_gamma=False, name="net0_bn0")
    paths = export_symbol(symbol, tmp_path / "net", {"data": (1, 3, 8, 8)})
    inputs = np.random.default_rng(1).standard_normal((2, 3, 8, 8))
    values = {**read_arrays(paths[1]), "data": inputs}
    (expected,) = run_by_mxnet(symbol, values, "float64")
    write_params(
        paths[1],
        {
            f"arg:{name.replace('net0', 'net7').replace('moving', 'running')}": array
            for name, array in read_arrays(paths[1]).items()
        },
    )
    with pytest.warns(UserWarning, match="net-0000.params: ") as caught:
        module = import_graph(*paths, dtype="float64")
    assert [str(each.message).partition(": ")[2][:24] for each in caught] == [
        "2 running statistics are",
        "all 6 arrays were matche",
    ]
    assert caught[0].filename == __file__
    actual = module(torch.from_numpy(inputs)).detach().numpy()
    assert np.abs(actual - expected).max() <= EXACT * np.abs(expected).max()


def twins(mx: Any) -> Any:
    """Two layers with variables of the same names, as code that creates a layer twice has them."""
    data = mx.sym.var("data")
    for name in ("a", "b"):
        weight, scale = mx.sym.var("w"), mx.sym.var("scale", shape=(1, 3))
        data = mx.sym.FullyConnected(data, weight, num_hidden=3, no_bias=True, name=name)
        data = mx.sym.broadcast_mul(data, scale)
    return data


@pytest.mark.mxnet
@pytest.mark.filterwarnings("ignore:Cannot decide")
def test_variables_of_one_name_are_one_array_as_in_gluon(tmp_path: Path) -> None:
    mx = import_mxnet()
    assert twins(mx).list_inputs() == ["data", "w", "scale", "w", "scale"]
    paths = export_symbol(twins(mx), tmp_path / "net", {"data": (1, 3)})
    module = import_graph(*paths, dtype="float64")
    assert sorted(module.state_dict()) == ["a.weight", "scale"]
    block = mx.gluon.SymbolBlock.imports(str(paths[0]), ["data"], str(paths[1]))
    block.cast("float64")
    data = np.random.default_rng(1).standard_normal((2, 3))
    expected = block(mx.nd.array(data, dtype="float64")).asnumpy()
    actual = module(torch.from_numpy(data)).detach().numpy()
    assert np.abs(actual - expected).max() <= EXACT * np.abs(expected).max()
    # the counter-example: with another array for the second, the result differs
    file = read_arrays(paths[1])
    inputs = [data, file["w"], file["scale"], file["w"][::-1], file["scale"]]
    other = mx.nd.CachedOp(twins(mx))(*(mx.nd.array(each, dtype="float64") for each in inputs))
    assert np.abs(actual - other.asnumpy()).max() > 0.01


def test_inputs_of_one_name_are_refused() -> None:
    table = network()
    table["nodes"] += [variable("data"), {"op": "_Plus", "name": "s", "inputs": [[4, 0], [5, 0]]}]
    table["heads"] = [[6, 0]]
    found = parse_symbol(json.dumps(table).encode(), "net")
    weights = {"fc1_weight": np.ones((3, 2)), "fc1_bias": np.ones(3)}
    with pytest.raises(GraphError, match="two inputs are named 'data'"):
        build_module(found, weights)


def test_real_files_match_as_they_are(data: Path) -> None:
    for path in sorted((data / "params").glob("*-symbol.json")):
        params = sorted((data / "params").glob(f"{path.name.removesuffix('symbol.json')}*.params"))
        assert not match_names(read_symbol(path), read_arrays(params[0])).notes
