"""--format py: files of sources, and the proof that refuses a wrong one."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from gluon2torch import convert
from gluon2torch.checkpoints.formats import python_source
from gluon2torch.cli import main
from gluon2torch.errors import CheckpointError, GraphError
from gluon2torch.graph.importer import read_arrays
from gluon2torch.graph.source_code.call_text import CallText
from gluon2torch.graph.source_code.layer_text import layer_operation
from gluon2torch.graph.source_code.source_program import SourceProgram, write_source
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params

from .exported import export_symbol
from .mxnet_run import run_by_mxnet
from .source_module import file_case

INPUTS = {"data": (1, 3, 64, 64)}
SMALL = "mobilenet0.25"
NAME = "odd_net_of_many_words"


def test_a_network_of_the_zoo_has_a_source_and_its_weights(tmp_path: Path) -> None:
    options: dict[str, Any] = {"init": "random", "inputs": INPUTS, "reference": "none"}
    records = [
        convert_zoo(SMALL, out=tmp_path / folder, formats=["py"], **options) for folder in "ab"
    ]
    assert records[0].sha256 == records[1].sha256
    names = [sorted(path.name for path in (tmp_path / folder).iterdir()) for folder in "ab"]
    assert names[0] == names[1]
    source = Path(records[0].file)
    assert source.name.startswith("gluon_mobilenet0.25-")
    assert source.suffix == ".py"
    (weights,) = source.parent.glob("*.safetensors")
    text = source.read_text()
    assert f'load_file("{weights.name}")' in text
    assert "GluonCV's mobilenet0.25, whose licence is apache-2.0" in text
    assert "import gluon2torch" not in text


def test_a_network_of_the_catalogue_has_a_source(tmp_path: Path) -> None:
    name = "cifar_resnet20_v1"
    record = convert(name, init="random", out=tmp_path, formats=["py"], reference="none")
    code = "import importlib.util, safetensors.torch, sys; sys.modules['gluon2torch'] = None\n"
    code += f"spec = importlib.util.spec_from_file_location('net', {str(record.file)!r})\n"
    code += "net = importlib.util.module_from_spec(spec); spec.loader.exec_module(net)\n"
    (weights,) = tmp_path.glob("*.safetensors")
    code += (
        f"network = net.CifarResnet20V1(); arrays = safetensors.torch.load_file({str(weights)!r})"
    )
    code += "\nprint(network.load_state_dict(arrays))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "<All keys matched successfully>"
    assert json.loads(Path(record.file).with_suffix(".json").read_text())["format"] == "py"


def test_libraries_are_found_where_this_process_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch can be installed in the user's own folder, or in one of PYTHONPATH."""

    def with_import(*args: Any) -> SourceProgram:
        program = write_source(*args)
        return replace(program, code=f"import only_here\n{program.code}")

    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "only_here.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "libraries")
    monkeypatch.setattr(python_source, "write_source", with_import)
    options: dict[str, Any] = {"init": "random", "inputs": INPUTS, "reference": "none"}
    assert Path(convert_zoo(SMALL, out=tmp_path / "out", formats=["py"], **options).file).is_file()


def test_a_wrong_literal_is_refused_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_wrong_eps(*args: Any) -> SourceProgram:
        program = write_source(*args)
        code = program.code.replace(
            "BatchNorm2d(out_channels)", "BatchNorm2d(out_channels, 1.1e-5)"
        )
        assert code != program.code
        return replace(program, code=code)

    monkeypatch.setattr(python_source, "write_source", with_wrong_eps)
    with pytest.raises(CheckpointError, match="the source differs from the graph by"):
        convert_zoo(
            SMALL, init="random", inputs=INPUTS, reference="none", out=tmp_path, formats=["py"]
        )
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_does_not_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> SourceProgram:
        program = write_source(*args)
        return replace(program, code=program.code.replace("flatten(1)", "flatten(7)"))

    monkeypatch.setattr(python_source, "write_source", broken)
    with pytest.raises(CheckpointError, match=r"the source does not run \(IndexError"):
        convert_zoo(
            SMALL, init="random", inputs=INPUTS, reference="none", out=tmp_path, formats=["py"]
        )
    assert list(tmp_path.iterdir()) == []


def unusual() -> Any:
    """Shared weights, arrays without a layer, a fixed gamma, and three outputs."""
    sym = import_mxnet().sym
    data, weight = sym.var("data"), sym.var("shared_weight")
    options: dict[str, Any] = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 3, "no_bias": True}
    one = sym.Convolution(data, weight, name="first", **options)
    one = sym.BatchNorm(one, fix_gamma=True, name="norm")
    two = sym.Convolution(sym.relu(one), weight, name="second", **options)
    scaled = sym.broadcast_mul(two, sym.var("scale_weight", shape=(1, 3, 1, 1)), name="scaled")
    left, right = sym.split(scaled, num_outputs=2, axis=3, name="halves")
    logits = sym.FullyConnected(sym.exp(left - 2 * right), num_hidden=4, name="fc")
    return sym.Group([logits, sym.reshape(right, shape=(0, -1), name="flat"), two])


@pytest.mark.mxnet
def test_a_graph_file_has_a_source_equal_to_mxnet(tmp_path: Path) -> None:
    symbol, params = export_symbol(unusual(), tmp_path / NAME, {"data": (2, 3, 6, 8)})
    out = tmp_path / "out"
    record = convert_graph(
        symbol, params, inputs={"data": (2, 3, 6, 8)}, out=out, formats=["py"], reference="gluon"
    )
    assert record.parity.passed
    namespace: dict[str, Any] = {}
    text = Path(record.file).read_text()
    exec(compile(text, record.file, "exec"), namespace)
    assert max(map(len, text.splitlines())) <= 100
    network = namespace["OddNetOfManyWords"]()
    (weights,) = out.glob("*.safetensors")
    arrays = load_file(weights)
    network.load_state_dict(arrays)
    assert sum(value.shape == (3, 3, 3, 3) for value in arrays.values()) == 1
    assert f"the graph {NAME} and {NAME}-0000.params" in " ".join(text.split())
    images = np.random.default_rng(1).standard_normal((2, 3, 6, 8))
    values = {**read_arrays(params), "data": images}
    expected = run_by_mxnet(symbol.read_text(), values, "float64")
    outputs = network.double().eval()(torch.from_numpy(images))
    for one, other in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(
            one.detach().numpy(), other, rtol=0, atol=1e-12 * abs(other).max()
        )
    frozen = [key for key, each in network.named_parameters() if not each.requires_grad]
    assert len(frozen) == 1


@pytest.mark.posix  # Windows has no such names
def test_a_files_name_runs_nothing_in_a_source(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    layer = sym.FullyConnected(sym.var("data"), num_hidden=3, name="fc")
    stem = tmp_path / 'a"""; raise SystemExit; b="""\\x'
    paths = export_symbol(layer, stem, {"data": (1, 4)})
    inputs = {"data": (1, 4)}
    record = convert_graph(
        *paths, out=tmp_path / "out", inputs=inputs, formats=["py"], reference="none"
    )
    document = ast.get_docstring(ast.parse(Path(record.file).read_text())) or ""
    assert f"the graph {stem.name} and {stem.name}-0000.params" in " ".join(document.split())


def test_the_command_writes_a_source(tmp_path: Path) -> None:
    options = ["--init", "random", "--reference", "none", "--format", "py", "-o", str(tmp_path)]
    result = CliRunner().invoke(
        main, ["convert", "cifar_resnet20_v1", *options], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert ".py" in result.output


@pytest.mark.parametrize("mask", [False, True])
def test_a_deformable_convolution_has_a_source(mask: bool, tmp_path: Path) -> None:
    sym = import_mxnet().sym
    data = sym.var("data")
    inputs = [data, sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=18, name="offset")]
    if mask:
        inputs.append(sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=9, name="mask"))
    layer = (
        sym.contrib.ModulatedDeformableConvolution if mask else sym.contrib.DeformableConvolution
    )
    out = layer(*inputs, kernel=(3, 3), pad=(1, 1), num_filter=6, name="deformable")
    shape = {"data": (2, 4, 7, 9)}
    each = file_case(*export_symbol(out, tmp_path / "net", shape), shape["data"])
    assert "class DeformableConvolution(nn.Module):" in each.program.code
    with torch.no_grad():
        expected, found = (
            net(each.inputs["data"]) for net in (each.module, each.network(tmp_path))
        )
        assert torch.equal(found, expected)


def test_an_int8_layer_is_refused_with_the_reason() -> None:
    from gluon2torch.graph.layers.quantized_linear import QuantizedLinear

    root, graph = torch.nn.Module(), torch.fx.Graph()
    layer = QuantizedLinear.__new__(QuantizedLinear)
    torch.nn.Module.__init__(layer)
    root.add_module("fc", layer)
    node = graph.call_module("fc", (graph.placeholder("data"),))
    graph.output(node)
    with pytest.raises(GraphError, match="fc: source .* an int8 layer.*--dequantize"):
        layer_operation(layer, CallText(node, {}.__getitem__), {})


def test_what_has_no_source_is_named() -> None:
    class Loop(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = torch.fx.symbolic_trace(torch.nn.Identity())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x) * 2

    root, graph = torch.nn.Module(), torch.fx.Graph()
    root.add_module("while_loop", Loop())
    graph.output(graph.call_module("while_loop", (graph.placeholder("data"),)))
    module = torch.fx.GraphModule(root, graph)
    with pytest.raises(GraphError, match="while_loop: source cannot be written for loops"):
        write_source(module, {"data": torch.ones(2)}, "net")


def test_a_large_output_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mx = import_mxnet()
    net = mx.sym.FullyConnected(mx.sym.var("data"), name="fc", num_hidden=3, no_bias=True)
    weight = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    weight[0] *= 2.0**44
    net.save(str(tmp_path / "net-symbol.json"))
    write_params(tmp_path / "net.params", {"fc_weight": weight})

    def exchanged(*args: Any) -> SourceProgram:
        program = write_source(*args)
        code = program.code.replace("self.fc(data)", "self.fc(data)[:, [0, 2, 1]]")
        assert code != program.code
        return replace(program, code=code)

    files: tuple[Any, ...] = (tmp_path / "net-symbol.json", tmp_path / "net.params")
    options: dict[str, Any] = {"inputs": {"data": (2, 4)}, "formats": ["py"]}
    convert_graph(*files, out=tmp_path / "out", **options)
    monkeypatch.setattr(python_source, "write_source", exchanged)
    with pytest.raises(CheckpointError, match="by .* of what a channel may differ"):
        convert_graph(*files, out=tmp_path / "wrong", **options)
