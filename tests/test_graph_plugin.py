"""Operators that users register: the documented example, and `--plugin`, against MXNet."""

from __future__ import annotations

import copy
import doctest
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import gluon2torch.graph
from gluon2torch import open_program
from gluon2torch.cli import main
from gluon2torch.errors import GraphError, ParityError
from gluon2torch.graph import import_graph, load_plugin, register_operator, registry
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params import dense_arrays

from .exported import export_symbol
from .mxnet_run import run_by_mxnet

SHAPE = (2, 3, 8, 7)
PLUGIN = '''
"""An operator for MXNet and for torch."""
import torch
from gluon2torch.graph import register_operator
from gluon2torch.sources.mxnet_compat import import_mxnet

mx = import_mxnet()


class Scaled(mx.operator.CustomOp):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], self.scale * mx.nd.tanh(in_data[0]) + in_data[1])


@mx.operator.register("scaled_tanh_of_tests")
class ScaledProp(mx.operator.CustomOpProp):
    def __init__(self, scale="1"):
        super().__init__(need_top_grad=True)
        self.scale = float(scale)

    def list_arguments(self):
        return ["data", "shift"]

    def infer_shape(self, in_shape):
        return [in_shape[0], [1]], [in_shape[0]], []

    def create_operator(self, ctx, shapes, dtypes):
        return Scaled(self.scale)


def scaled_tanh(data, shift, scale):
    return SCALE * scale * torch.tanh(data) + shift


@register_operator("Custom", op_type="scaled_tanh_of_tests")
def import_scaled(call):
    scale = call.attributes.number("scale", 1.0)
    return call.function(scaled_tanh, call.value(0), call.value(1), scale)
'''


@pytest.fixture(autouse=True)
def _own_operators() -> Iterator[None]:
    before = registry.registered()
    yield
    registry.forget(registry.registered() - before)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "my ops.py"
    path.write_text(PLUGIN.replace("SCALE *", "1 *"))
    return path


@pytest.fixture
def paths(plugin: Path, tmp_path: Path) -> tuple[Path, Path]:
    load_plugin(plugin)
    sym = import_mxnet().sym
    conv = sym.Convolution(sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    scaled = sym.Custom(
        conv, sym.var("shift"), op_type="scaled_tanh_of_tests", scale="1.5", name="scaled"
    )
    return export_symbol(sym.sigmoid(scaled, name="end"), tmp_path / "net", {"data": SHAPE})


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_the_documented_example_runs() -> None:
    names: dict[str, Any] = {}
    finder = doctest.DocTestFinder()
    (example,) = finder.find(register_operator, "register_operator", globs=names)
    assert len(example.examples) == 4
    runner = doctest.DocTestRunner()
    runner.run(example, clear_globs=False)
    assert runner.summarize(verbose=False) == (0, 4)
    assert ("Custom", "scaled_tanh") in registry.registered()


@pytest.mark.mxnet
@pytest.mark.parametrize("format_", ["pt2", "pth"])
def test_a_custom_operator_is_proved_and_used(
    format_: str, paths: tuple[Path, Path], plugin: Path, tmp_path: Path
) -> None:
    options = ["--symbol", paths[0], "--params", paths[1], "-o", tmp_path / "out"]
    given = ["--input", "data=2,3,8,7", "--format", format_, "--json", "-"]
    result = run("convert", *options, *given, "--plugin", plugin)
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.output)
    assert record["parity"]["passed"] is True
    assert {each["dtype"] for each in record["parity"]["checks"]} == {"float64", "float32"}
    module = open_program(record["file"]).module()
    data = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    arrays = {name.partition(":")[2]: array for name, array in dense_arrays(paths[1]).items()}
    (expected,) = run_by_mxnet(paths[0].read_text(), {**arrays, "data": data})
    for each in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        found = each(torch.from_numpy(data)).detach().numpy()
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()
    assert run("verify", record["file"], "--plugin", plugin).exit_code == 0
    back = run("to-gluon", record["file"], "-o", tmp_path / "back.params")
    assert back.exit_code == 0, back.output
    assert (tmp_path / "back.params").read_bytes() == paths[1].read_bytes()


@pytest.mark.mxnet
def test_a_plugin_that_computes_otherwise_is_caught(
    paths: tuple[Path, Path], plugin: Path, tmp_path: Path
) -> None:
    """Also that a file is run again, and its operators are replaced."""
    plugin.write_text(PLUGIN.replace("SCALE *", "(1 + 1e-9) *"))
    load_plugin(plugin)
    with pytest.raises(ParityError, match="the first stage that differs is head0"):
        convert_graph(*paths, out=tmp_path / "out", inputs={"data": SHAPE})


@pytest.mark.mxnet
def test_without_the_plugin_the_operator_is_named(
    paths: tuple[Path, Path], plugin: Path, tmp_path: Path
) -> None:
    registry.forget(registry.registered())
    listed = run("graph", paths[0])
    assert "Custom       1  not supported (scaled): it calls code" in listed.output
    assert "can be converted up to: conv (--output)" in listed.output
    listed = run("graph", paths[0], "--plugin", plugin)
    assert "can be imported" in listed.output


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("import torch\nx = 1 +\n", 2, "SyntaxError: invalid syntax"),
        ("\n\n\nimport no_such_module\n", 4, "ModuleNotFoundError: No module named"),
        (
            "from gluon2torch.graph import register_operator\nregister_operator('Convolution')\n",
            2,
            "ValueError: the operator 'Convolution' is imported already",
        ),
    ],
)
def test_an_error_in_a_plugin_names_its_file_and_line(
    text: str, line: int, message: str, paths: tuple[Path, Path], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(text)
    result = run("graph", paths[0], "--plugin", wrong)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert f"the plugin failed at {wrong}, line {line}: {message}" in result.output
    result = run("graph", paths[0], "--plugin", tmp_path / "none.py")
    assert result.exit_code == 1
    assert "none.py: cannot be read (No such file or directory)" in result.output
    assert run("graph", paths[0], "--plugin", tmp_path / "net-symbol.json").exit_code == 1


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('number("scale", 1.0)', 'number("scal")', "Custom 'scaled': scal is missing"),
        ("call.value(1), scale", "call.value(7), scale", "Custom 'scaled': has 2 inputs"),
        ("scale = call", "scale = undefined + call", "line 41: NameError: name 'undefined'"),
        ("torch.tanh(data)", "torch.tanh(data, 1, 2)", "line 36: TypeError: tanh() takes"),
    ],
)
def test_an_error_in_a_registered_function_is_one_line(
    old: str, new: str, message: str, paths: tuple[Path, Path], plugin: Path, tmp_path: Path
) -> None:
    plugin.write_text(PLUGIN.replace("SCALE *", "1 *").replace(old, new))
    options = ["--symbol", paths[0], "--params", paths[1], "-o", tmp_path / "out"]
    result = run("convert", *options, "--input", "data=2,3,8,7", "--plugin", plugin)
    assert result.exit_code == 1
    assert message in result.stderr
    assert ("Traceback" in result.stderr) is False
    assert not (tmp_path / "out").exists()


def test_wrong_registrations() -> None:
    for name in ("Convolution", "_Plus", "broadcast_add"):
        with pytest.raises(ValueError, match="is imported already"):
            register_operator(name)
    with pytest.raises(ValueError, match="op_type is for Custom, not for 'Own'"):
        register_operator("Own", op_type="x")
    register_operator("Own")(lambda call: call.value(0))
    with pytest.raises(ValueError, match="'Own' was registered before"):
        register_operator("Own")
    register_operator("Custom", op_type="a")(lambda call: call.value(0))
    with pytest.raises(ValueError, match="'Custom' with op_type 'a' was registered before"):
        register_operator("Custom", op_type="a")


def test_a_private_operator_is_imported_by_its_name(tmp_path: Path) -> None:
    """As of a changed MXNet, with arrays of its own that need not be finite numbers."""
    nodes = [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "packed", "inputs": []},
        {"op": "OwnScale", "name": "own", "inputs": [[0, 0], [1, 0]]},
    ]
    (tmp_path / "net-symbol.json").write_text(json.dumps({"nodes": nodes, "heads": [[2, 0]]}))
    from gluon2torch.sources.params_writer import write_params

    packed = np.array([3.0, np.nan], np.float32)
    write_params(tmp_path / "net.params", {"arg:packed": packed})
    paths = tmp_path / "net-symbol.json", tmp_path / "net.params"
    with pytest.raises(GraphError, match="1 × OwnScale"):
        import_graph(*paths)

    @register_operator("OwnScale")
    def own(call: Any) -> Any:
        layer = torch.nn.Linear(1, 1, bias=False)
        layer.weight = torch.nn.Parameter(call.array(1).detach()[:1, None].clone())
        return call.module(layer, call.value(0), rank=2)

    assert import_graph(*paths)(torch.ones(2, 1)).tolist() == [[3], [3]]
    record = convert_graph(*paths, out=tmp_path, reference="none", inputs={"data": (1, 1)})
    assert record.inputs[0].shape == (None, 1)


def test_the_public_names_of_the_folder() -> None:
    assert sorted(gluon2torch.graph.__all__) == [
        "Call",
        "import_graph",
        "load_plugin",
        "register_operator",
    ]
    for name in gluon2torch.graph.__all__:
        assert getattr(gluon2torch.graph, name)
