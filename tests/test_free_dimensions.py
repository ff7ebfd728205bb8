"""Sizes of inputs that are free beside the batch: of images, and the lengths of sequences."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner

from gluon2torch import import_graph
from gluon2torch.cli import main
from gluon2torch.commands.console import _sizes
from gluon2torch.graph.inputs.free_dimensions import (
    MULTIPLES,
    Free,
    choices,
    further_specs,
    image_sides,
    trials,
)
from gluon2torch.graph.inputs.input_spec import InputSpec
from gluon2torch.graph.layers.reshaping import Reshape
from gluon2torch.pipeline import graph_proof
from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export_symbol

FORMATS = ["pt2", "onnx"]


def rebuilt(paths: tuple[Path, Path], record: Any, *given: torch.Tensor) -> float:
    """The largest difference of the outputs of `.pt2` and `.onnx` from the module's."""
    pt2, onnx = (each.file for each in record.files)
    module = import_graph(*paths, inputs={})
    with torch.inference_mode():
        expected = module(*given)
        program = torch.export.load(pt2).module()(*given)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    (onnx_output,) = session.run(
        None, {n: each.numpy() for n, each in zip(names, given, strict=True)}
    )
    scale = float(expected.abs().max())
    assert scale > 0.01
    others = (program, torch.from_numpy(onnx_output))
    assert all(each.shape == expected.shape for each in others)
    return max(float((each - expected).abs().max()) for each in others) / scale


def line_reader(mx: Any, mode: str, bidirectional: bool, layers: int) -> Any:
    """A line of text, 16 pixels high: convolutions, a recurrent layer over its columns, scores."""
    sym = mx.sym
    data = sym.Convolution(sym.var("data"), kernel=(3, 3), pad=(1, 1), num_filter=4, name="conv")
    data = sym.Pooling(sym.relu(data), kernel=(16, 4), stride=(16, 4), pool_type="max")
    steps = sym.transpose(sym.squeeze(data, axis=2), axes=(2, 0, 1))  # (T, N, C)
    rnn = mx.gluon.rnn
    options = {"bidirectional": bidirectional, "num_layers": layers, "input_size": 4}
    layer = {
        "lstm": lambda: rnn.LSTM(5, **options),
        "gru": lambda: rnn.GRU(5, **options),
        "relu": lambda: rnn.RNN(5, activation="relu", **options),
        "tanh": lambda: rnn.RNN(5, activation="tanh", **options),
    }[mode]()
    steps = sym.Reshape(layer(steps), shape=(-3, -2))
    return sym.FullyConnected(steps, num_hidden=7, name="scores")


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("mode", "bidirectional", "layers"),
    [("lstm", True, 2), ("gru", False, 2), ("relu", True, 1), ("tanh", False, 1)],
)
def test_lines_of_text_have_any_width(
    mode: str, bidirectional: bool, layers: int, tmp_path: Path
) -> None:
    symbol = line_reader(import_mxnet(), mode, bidirectional, layers)
    paths = export_symbol(symbol, tmp_path / "line", {"data": (1, 1, 16, 80)})
    shapes = {"data": (1, 1, 16, 80)}
    record = convert_graph(*paths, inputs=shapes, formats=FORMATS, out=tmp_path)
    assert record.parity.passed is True
    assert record.inputs[0].shape == (None, 1, 16, None)
    # two further widths were compared with MXNet, too
    assert len({check.input.rsplit("x", 1)[1] for check in record.parity.checks}) == 3
    # torch's exporter to ONNX unrolls the other layers
    for batch, width in ((1, 16), (3, 97), (2, 200)) if mode in ("lstm", "gru") else ((3, 80),):
        given = torch.randn(batch, 1, 16, width)
        assert rebuilt(paths, record, given) <= 1e-5
    module = import_graph(*paths)
    given = torch.randn(3, 1, 16, 200)
    assert torch.allclose(torch.export.load(record.file).module()(given), module(given), atol=1e-6)
    with pytest.raises(AssertionError, match="Guard failed"):
        torch.export.load(record.file).module()(torch.zeros(1, 1, 17, 80))
    done = CliRunner().invoke(main, ["verify", record.file])
    assert done.exit_code == 0, done.output


def test_export_infers_the_shapes_of_recurrent_layers_as_torch_does() -> None:
    """What is given to torch.export in place of running the layer."""
    from gluon2torch.checkpoints.formats.symbolic_lengths import symbolic_lengths

    own = torch.ops.aten.lstm.input.py_kernels.copy()
    warnings.filterwarnings("ignore", "The tensor attributes")
    layers: list[torch.nn.Module] = [
        kind(4, 5, num_layers=layers, bidirectional=both)
        for kind in (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN)
        for layers in (1, 2)
        for both in (False, True)
    ]
    layers += [torch.nn.MaxPool1d(2), torch.nn.MaxPool1d(3, 1, 1, 1, ceil_mode=True)]
    for layer in layers:
        plain = torch.export.export(layer, (torch.zeros(6, 2, 4),))
        with symbolic_lengths():
            quick = torch.export.export(layer, (torch.zeros(6, 2, 4),))
        one, other = (
            [
                [tuple(t.shape) for t in torch.utils._pytree.tree_leaves(node.meta["val"])]
                for node in program.graph.nodes
                if node.op == "call_function"
            ]
            for program in (plain, quick)
        )
        assert one == other
    assert torch.ops.aten.lstm.input.py_kernels == own


@pytest.mark.mxnet
def test_sequences_of_several_inputs_have_one_length(tmp_path: Path) -> None:
    """Words and kinds share the length; the places are fewer, and any number."""
    sym = import_mxnet().sym
    words = sym.Embedding(sym.var("ids"), input_dim=20, output_dim=6, name="words")
    words = words + sym.Embedding(sym.var("kinds"), input_dim=2, output_dim=6, name="types")
    words = sym.FullyConnected(words, num_hidden=6, flatten=False, name="fc")
    places = sym.FullyConnected(sym.var("places"), num_hidden=6, name="fc_places")
    net = sym.broadcast_mul(words, sym.expand_dims(places, axis=1), name="product")
    shapes = {"ids": (1, 8), "kinds": (1, 8), "places": (1, 3)}
    paths = export_symbol(net, tmp_path / "net", shapes)
    given: dict[str, Any] = {"ids": ((1, 8), "int32"), "kinds": ((1, 8), "int32"), "places": (1, 3)}
    record = convert_graph(*paths, inputs=given, formats=FORMATS, out=tmp_path)
    # the layer of all numbers of `places` fixes how many there are
    shapes = {each.name: each.shape for each in record.inputs}
    assert shapes == {"ids": (None, None), "kinds": (None, None), "places": (None, 3)}
    ids = torch.randint(20, (2, 5), dtype=torch.int32)
    values = {"ids": ids, "kinds": ids % 2, "places": torch.randn(2, 3)}
    order = [values[each.name] for each in record.inputs]
    assert rebuilt(paths, record, *order) <= 1e-5
    with pytest.raises((AssertionError, RuntimeError)):
        torch.export.load(record.file).module()(*(each[:, :2] for each in order))


@pytest.mark.mxnet
def test_the_longest_sequence_is_noted(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    ids = sym.var("ids")
    words = sym.Embedding(ids, input_dim=20, output_dim=6, name="words")
    places = sym.slice_like(sym.var("places_weight", shape=(1, 16, 6)), words, axes=(1,))
    net = sym.broadcast_add(words, places, name="sum")
    paths = export_symbol(net, tmp_path / "net", {"ids": (1, 16)})
    for length, notes in ((8, ()), (16, ("length (ids) is at most 16: the network does not run",))):
        record = convert_graph(
            *paths, inputs={"ids": ((1, length), "int32")}, formats=FORMATS, out=tmp_path
        )
        assert record.inputs[0].shape == (None, None)
        assert len(record.notes) == len(notes)
        assert all(note.startswith(start) for note, start in zip(record.notes, notes, strict=True))
        given = torch.randint(20, (3, 5), dtype=torch.int32)
        assert rebuilt(paths, record, given) <= 1e-6


@pytest.mark.mxnet
def test_a_length_at_which_mxnet_differs_is_not_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sym = import_mxnet().sym
    net = sym.FullyConnected(sym.var("data"), num_hidden=3, flatten=False, name="fc")
    paths = export_symbol(net, tmp_path / "net", {"data": (1, 7, 4)})
    prove = graph_proof.prove_graph

    def differing(built: Any, *args: Any, **options: Any) -> Any:
        if built.examples[0]["data"].shape[1] != 7:
            built.module.fc.register_forward_hook(lambda layer, given, output: output * 1.001)
        return prove(built, *args, **options)

    assert convert_graph(*paths, inputs={"data": (1, 7, 4)}, out=tmp_path / "a").inputs[
        0
    ].shape == (None, None, 4)
    monkeypatch.setattr(graph_proof, "prove_graph", differing)
    record = convert_graph(*paths, inputs={"data": (1, 7, 4)}, out=tmp_path / "b")
    assert record.inputs[0].shape == (None, 7, 4)
    assert record.notes[0].startswith("inputs of this size only are proved: net-symbol.json: not")


@pytest.mark.mxnet
def test_two_images_have_one_size(tmp_path: Path) -> None:
    """Two views of a scene, whose feature maps are compared."""
    sym = import_mxnet().sym
    weight = {"weight": sym.var("conv_weight"), "bias": sym.var("conv_bias")}
    left, right = (
        sym.Convolution(sym.var(name), kernel=(3, 3), num_filter=4, name=f"conv_{name}", **weight)
        for name in ("left", "right")
    )
    size = (1, 3, 20, 24)
    paths = export_symbol(
        sym.Pooling(sym.abs(left - right), global_pool=True, pool_type="avg", name="pool"),
        tmp_path / "net",
        {"left": size, "right": size},
    )
    record = convert_graph(
        *paths, inputs={"left": size, "right": size}, formats=FORMATS, out=tmp_path
    )
    assert [each.shape for each in record.inputs] == [(None, 3, None, None)] * 2
    given = torch.randn(2, 3, 31, 17), torch.randn(2, 3, 31, 17)
    assert rebuilt(paths, record, *given) <= 1e-5


def test_further_sizes_are_others_and_multiples() -> None:
    for size in ((224, 224), (28, 32), (32, 32), (9, 8), (64, 96)):
        specs = {"data": InputSpec((1, 3, *size))}
        for multiple in MULTIPLES:
            sides = image_sides(specs, multiple)
            assert bool(sides) == all(side % multiple == 0 for side in size)
            for found in further_specs(specs, sides):
                assert found["data"].shape[2:] != size
                assert all(side % multiple == 0 for side in found["data"].shape[2:])
        shapes = [each["data"].shape for each in trials(specs, Free(True, image_sides(specs, 1)))]
        assert len({shape[2:] for shape in shapes}) == 3
        assert {shape[0] for shape in shapes} == {1, 3}
    for size in range(2, 40):
        specs = {"ids": InputSpec((1, size), "int32")}
        for (dimension,) in choices(specs)[0]:
            lengths = {size, *(each["ids"].shape[1] for each in further_specs(specs, (dimension,)))}
            assert len(lengths) == 3
            assert min(lengths) > 1


def test_sizes_that_depend_on_each_other_are_one() -> None:
    two = {"a": InputSpec((1, 3, 8, 9)), "b": InputSpec((1, 3, 8, 9))}
    assert Free(True, image_sides(two, 1)).shape("b", two) == (None, 3, None, None)
    other = {"a": InputSpec((1, 3, 8, 8)), "b": InputSpec((1, 3, 9, 8))}
    assert image_sides(other, 1) == ()
    # time before the batch
    steps = {"data": InputSpec((7, 1, 4), batch_axis=1), "mask": InputSpec((1, 7))}
    assert [[one.axes for (one,) in each] for each in choices(steps)] == [
        [(("data", 0), ("mask", 1))] * 2,
        [(("data", 2),)],
    ]


def test_shapes_are_printed_with_letters() -> None:
    assert _sizes((None, 3, None, None)) == ["N", "3", "H", "W"]
    assert _sizes((None, 1, 32, None)) == ["N", "1", "32", "W"]
    assert _sizes((None, None)) == ["N", "L"]
    assert _sizes((2, None, 5)) == ["2", "L", "5"]


def test_a_merge_of_the_first_axes_is_the_same_by_one_axis() -> None:
    rng = np.random.default_rng(0)
    for codes in ((-3, -2), (-3, 0), (-1, 4), (-1, 2, 2), (-3, 2, -1)):
        values = torch.from_numpy(rng.standard_normal((4, 3, 5)))
        given = values.permute(2, 1, 0)  # (5, 3, 4), not contiguous
        expected = import_mxnet().nd.array(given.numpy(), dtype="float64").reshape(codes)
        assert np.array_equal(Reshape(codes)(given).numpy(), expected.asnumpy())


@pytest.mark.mxnet
def test_a_record_has_the_free_sizes(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    net = sym.Convolution(sym.var("data"), kernel=(3,), num_filter=4, name="conv")
    net = sym.Pooling(net, kernel=(3,), stride=(2,), pooling_convention="full", name="pool")
    paths = export_symbol(net, tmp_path / "net", {"data": (1, 3, 20)})
    options = ["--input", "data=1,3,20", "--out", str(tmp_path), "--json", "-"]
    done = CliRunner().invoke(
        main, ["convert", "--symbol", str(paths[0]), "--params", str(paths[1]), *options]
    )
    assert done.exit_code == 0, done.output
    (record,) = json.loads(done.stdout)
    assert record["inputs"] == [{"name": "data", "shape": [None, 3, None], "dtype": "float32"}]
