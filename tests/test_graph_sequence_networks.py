"""Whole networks of sequences: exported by MXNet, imported, and held against MXNet."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx

from gluon2torch import import_graph
from gluon2torch.errors import GraphError, ImageSizeError
from gluon2torch.graph.importer import read_arrays
from gluon2torch.graph.symbols.precision import limits
from gluon2torch.graph.symbols.symbol import read_symbol
from gluon2torch.parity import graph_run
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.sources.mxnet_compat import import_mxnet

from .mxnet_run import run_by_mxnet

pytestmark = [pytest.mark.mxnet, pytest.mark.costly]
RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def integers(high: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, high, shape).astype(np.float64)


def export(net: Any, stem: Path, inputs: Sequence[np.ndarray]) -> tuple[Path, Path]:
    """A network of Gluon's with random weights, as `net.export` writes it."""
    mx = import_mxnet()
    net.initialize(mx.init.Normal(0.2))
    net.hybridize()
    net(*(mx.nd.array(each) for each in inputs))
    net.export(str(stem))
    return Path(f"{stem}-symbol.json"), Path(f"{stem}-0000.params")


def write_graph(net: Any, stem: Path, inputs: int) -> tuple[Path, Path]:
    """A network of Gluon's with random weights, which is not run: loops are not safe to be."""
    mx = import_mxnet()
    net.initialize(mx.init.Normal(0.2))
    result = net(*(mx.sym.var(f"data{number}") for number in range(inputs)))
    symbol = mx.sym.Group(result) if isinstance(result, list) else result
    symbol.save(f"{stem}-symbol.json")
    auxiliary = symbol.list_auxiliary_states()
    arrays = {
        f"{'aux' if name in auxiliary else 'arg'}:{name}": each.data()
        for name, each in net.collect_params().items()
    }
    mx.nd.save(f"{stem}-0000.params", arrays)
    return Path(f"{stem}-symbol.json"), Path(f"{stem}-0000.params")


def run(graph: Any, params: Path, data: Sequence[np.ndarray], dtype: str) -> list[np.ndarray]:
    """MXNet's outputs, of a graph whose inputs are called data0, data1 …"""
    values = {**read_arrays(params), **{f"data{n}": each for n, each in enumerate(data)}}
    return run_by_mxnet(graph, values, dtype)


def outputs(module: fx.GraphModule, data: Sequence[np.ndarray], dtype: str) -> list[np.ndarray]:
    order = [node.target for node in module.graph.nodes if node.op == "placeholder"]
    given = {
        f"data{number}": torch.from_numpy(each.astype(dtype)) for number, each in enumerate(data)
    }
    with torch.no_grad():
        found = module(*(given[name] for name in order))
    return [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]


def largest_difference(actual: list[np.ndarray], expected: list[np.ndarray]) -> float:
    assert [each.shape for each in actual] == [each.shape for each in expected]
    return max(
        float(np.abs(one - other).max() / np.abs(other).max())
        for one, other in zip(actual, expected, strict=True)
    )


def compare(paths: tuple[Path, Path], data: Sequence[np.ndarray]) -> fx.GraphModule:
    """Require MXNet's outputs in each data type it has."""
    symbol, params = paths
    for dtype, limit in limits(read_symbol(symbol)).items():
        module = import_graph(symbol, params, dtype=dtype)
        expected = run(import_mxnet().sym.load(str(symbol)), params, data, dtype)
        assert largest_difference(outputs(module, data, dtype), expected) <= limit
    return module


def compare_in_float64(paths: tuple[Path, Path], data: Sequence[np.ndarray]) -> None:
    """Require MXNet's outputs in float64, for which its initial states need another data type."""
    symbol, params = paths
    text = symbol.read_text().replace('"dtype": "float32"', '"dtype": "float64"')
    expected = run(import_mxnet().sym.load_json(text), params, data, "float64")
    module = import_graph(symbol, params, dtype="float64")
    difference = largest_difference(outputs(module, data, "float64"), expected)
    print(f"float64: {difference:.1e} of the largest")
    assert difference <= 1e-12


def reader() -> Any:
    """Attention OCR: convolutions, a bidirectional LSTM, and an LSTM that attends to its steps."""
    mx = import_mxnet()
    gluon = mx.gluon

    class Reader(gluon.HybridBlock):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            with self.name_scope():
                self.features = gluon.nn.HybridSequential()
                self.features.add(
                    gluon.nn.Conv2D(8, 3, padding=1, in_channels=1),
                    gluon.nn.BatchNorm(in_channels=8),
                    gluon.nn.Activation("relu"),
                    gluon.nn.MaxPool2D(2, 2),
                    gluon.nn.Conv2D(12, (8, 3), padding=(0, 1), in_channels=8),
                )
                self.encoder = gluon.rnn.LSTM(
                    10, 2, bidirectional=True, layout="NTC", input_size=12
                )
                self.words = gluon.nn.Embedding(30, 6)
                self.query = gluon.nn.Dense(20, in_units=16, flatten=False)
                self.cell = gluon.rnn.LSTMCell(16, input_size=26)
                self.logits = gluon.nn.Dense(30, in_units=36, flatten=False)

        def hybrid_forward(self, F: Any, image: Any, tokens: Any) -> Any:
            columns = F.transpose(F.squeeze(self.features(image), axis=2), axes=(0, 2, 1))
            memory = self.encoder(columns)  # (N, T, 20)

            def step(word: Any, states: list[Any]) -> tuple[Any, list[Any]]:
                query = F.expand_dims(self.query(states[0]), axis=1)
                weights = F.softmax(F.batch_dot(query, memory, transpose_b=True))
                context = F.squeeze(F.batch_dot(weights, memory), axis=1)
                output, states = self.cell(F.concat(word, context, dim=1), states)
                return F.concat(output, context, dim=1), states

            start = F.slice_axis(F.mean(memory, axis=1), axis=1, begin=0, end=16)
            states = [F.tanh(start), F.zeros_like(start)]
            decoded, _ = F.contrib.foreach(step, F.swapaxes(self.words(tokens), 0, 1), states)
            return self.logits(decoded)

    return Reader()


def forecaster() -> Any:
    """As DeepAR: two cells in a loop over scaled values and covariates, to mean and deviation."""
    mx = import_mxnet()
    gluon = mx.gluon

    class Forecaster(gluon.HybridBlock):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            with self.name_scope():
                self.category = gluon.nn.Embedding(7, 3)
                self.cells = gluon.rnn.HybridSequentialRNNCell()
                self.cells.add(gluon.rnn.LSTMCell(8, input_size=6))
                self.cells.add(gluon.rnn.ResidualCell(gluon.rnn.GRUCell(8, input_size=8)))
                self.parameters = gluon.nn.Dense(2, in_units=8, flatten=False)

        def hybrid_forward(self, F: Any, values: Any, covariates: Any, kind: Any) -> Any:
            scale = F.mean(F.abs(values), axis=0, keepdims=True) + 1
            scaled = F.broadcast_div(values, scale)
            kinds = self.category(kind)

            def step(given: list[Any], states: list[Any]) -> tuple[Any, list[Any]]:
                return self.cells(F.concat(*given, kinds, dim=1), states)

            states = self.cells.begin_state(func=F.zeros)
            found, last = F.contrib.foreach(step, [scaled, covariates], states)
            mean, deviation = F.split(self.parameters(found), num_outputs=2, axis=2)
            deviation = F.Activation(deviation, act_type="softrelu")
            return [mean * scale if F is mx.nd else F.broadcast_mul(mean, scale), deviation, *last]

    return Forecaster()


def test_attention_ocr_at_another_width_length_and_batch(tmp_path: Path) -> None:
    paths = write_graph(reader(), tmp_path / "net", 2)
    data = [normal(3, 1, 16, 46), integers(30, 3, 7)]
    module = compare(paths, data)
    compare_in_float64(paths, data)
    given = [normal(1, 1, 16, 12).astype(np.float32), integers(30, 1, 3).astype(np.float32)]
    again = pickle.loads(pickle.dumps(copy.deepcopy(module)))
    assert (
        largest_difference(outputs(again, given, "float32"), outputs(module, given, "float32")) == 0
    )


def test_the_reference_of_a_loop_is_the_same_each_time(tmp_path: Path) -> None:
    """MXNet's default engine may run what follows a loop before the loop has ended."""
    symbol, params = write_graph(reader(), tmp_path / "net", 2)
    given = {"data0": normal(3, 1, 16, 46), "data1": integers(30, 3, 7)}
    given = {name: each.astype(np.float32) for name, each in given.items()}
    reference = ExportedReference(symbol, read_arrays(params))
    reference.cast("float32")
    first, *others = (reference(given)["head0"] for _ in range(20))
    assert all(np.array_equal(first, each) for each in others)


def test_a_crash_of_mxnet_is_an_error_and_the_next_graph_runs(tmp_path: Path) -> None:
    symbol, params = write_graph(reader(), tmp_path / "net", 2)
    given = {"data0": normal(1, 1, 16, 20), "data1": integers(30, 1, 4)}
    given = {name: each.astype(np.float32) for name, each in given.items()}
    reference = ExportedReference(symbol, read_arrays(params))
    first = reference(given)["head0"]
    process = graph_run._OTHER._process
    assert process is not None
    process.kill()
    process.wait()
    with pytest.raises(GraphError, match="MXNet crashed when it ran the graph; try again"):
        reference(given)
    assert np.array_equal(reference(given)["head0"], first)
    given["data0"] = given["data0"][:, :, :3]  # the height no longer fits
    with pytest.raises(ImageSizeError, match="MXNet cannot run the graph on inputs of shape"):
        reference(given)


def test_a_forecaster_with_a_loop_of_cells(tmp_path: Path) -> None:
    exported = [normal(5, 2, 1), normal(5, 2, 2), integers(7, 2)]
    paths = write_graph(forecaster(), tmp_path / "net", 3)
    compare(paths, exported)
    data = [normal(9, 4, 1), normal(9, 4, 2), integers(7, 4)]
    compare(paths, data)
    compare_in_float64(paths, data)


def encoder(layers: int = 2, units: int = 24, heads: int = 4) -> Any:
    """BERT's encoder as gluonnlp 0.10 writes it, with MXNet's operators of attention."""
    mx = import_mxnet()
    nn = mx.gluon.nn

    class Layer(mx.gluon.HybridBlock):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            with self.name_scope():
                for name in ("query", "key", "value"):
                    setattr(self, name, self.params.get(name, shape=(units, units)))
                    setattr(self, f"{name}_bias", self.params.get(f"{name}_bias", shape=(units,)))
                self.projection = nn.Dense(units, in_units=units, flatten=False)
                self.norm, self.last = (
                    nn.LayerNorm(in_channels=units),
                    nn.LayerNorm(in_channels=units),
                )
                self.wide = nn.Dense(2 * units, in_units=units, flatten=False)
                self.narrow = nn.Dense(units, in_units=2 * units, flatten=False)

        def hybrid_forward(self, F: Any, steps: Any, lengths: Any, **given: Any) -> Any:
            names = ("query", "key", "value")
            parts = (F.reshape(given[name], shape=(heads, -1, 0), reverse=True) for name in names)
            weight = F.reshape(F.concat(*parts, dim=-2), shape=(-1, units))
            parts = (F.reshape(given[f"{name}_bias"], shape=(heads, -1)) for name in names)
            bias = F.reshape(F.stack(*parts, axis=1), shape=(-1,))
            projected = F.FullyConnected(steps, weight, bias, num_hidden=3 * units, flatten=False)
            scores = F.contrib.interleaved_matmul_selfatt_qk(projected, heads=heads)
            repeated = F.broadcast_axis(F.expand_dims(lengths, axis=1), axis=1, size=heads)
            repeated = F.reshape(repeated, shape=(-1, 0), reverse=True)
            weights = F.softmax(scores, length=repeated, use_length=True, axis=-1)
            mixed = F.contrib.interleaved_matmul_selfatt_valatt(projected, weights, heads=heads)
            steps = self.norm(steps + self.projection(mixed))
            hidden = F.LeakyReLU(self.wide(steps), act_type="elu")
            return self.last(steps + self.narrow(hidden))

    class Encoder(mx.gluon.HybridBlock):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            with self.name_scope():
                self.words, self.kinds = nn.Embedding(50, units), nn.Embedding(2, units)
                self.places = nn.Embedding(64, units)
                self.norm = nn.LayerNorm(in_channels=units, epsilon=1e-12)
                self.layers = [Layer() for _ in range(layers)]
                for layer in self.layers:
                    self.register_child(layer)

        def hybrid_forward(self, F: Any, tokens: Any, kinds: Any, lengths: Any) -> Any:
            value = F.transpose(self.words(tokens) + self.kinds(kinds), axes=(1, 0, 2))
            steps = F.contrib.arange_like(value, axis=0)
            value = self.norm(F.broadcast_add(value, F.expand_dims(self.places(steps), axis=1)))
            rows = F.reshape(F.zeros_like(steps), shape=(1, -1))
            each = F.cast(F.broadcast_add(F.reshape(lengths, shape=(-1, 1)), rows), dtype="int32")
            for layer in self.layers:
                value = F.SequenceMask(layer(value, each), lengths, use_sequence_length=True)
            return F.transpose(value, axes=(1, 0, 2))

    return Encoder()


class Composed:
    """The products of attention composed of operators that MXNet has in float64, too."""

    @staticmethod
    def parts(projected: Any, heads: int) -> list[Any]:
        sym = import_mxnet().sym
        split = sym.reshape(projected, shape=(0, 0, heads, 3, -1))
        parts = sym.split(split, num_outputs=3, axis=3, squeeze_axis=True)
        moved = (sym.transpose(part, axes=(1, 2, 0, 3)) for part in parts)
        return [sym.reshape(part, shape=(-1, 0, 0), reverse=True) for part in moved]

    @classmethod
    def scores(cls, projected: Any, heads: int) -> Any:
        queries, keys, _ = cls.parts(projected, heads)
        scaled = import_mxnet().sym.contrib.div_sqrt_dim(queries)
        return import_mxnet().sym.batch_dot(scaled, keys, transpose_b=True)

    @classmethod
    def values(cls, projected: Any, weights: Any, heads: int) -> Any:
        sym = import_mxnet().sym
        mixed = sym.batch_dot(weights, cls.parts(projected, heads)[2])
        mixed = sym.reshape(mixed, shape=(-1, heads, 0, 0), reverse=True)
        return sym.reshape(sym.transpose(mixed, axes=(2, 0, 1, 3)), shape=(0, 0, -1))


def test_a_transformers_encoder_at_any_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """float64 against the same network of other operators, which MXNet has in float64."""
    mx = import_mxnet()
    net = encoder()
    exported = [integers(50, 2, 9), integers(2, 2, 9), np.array([9.0, 4])]
    paths = export(net, tmp_path / "net", exported)
    lengths = np.array([31.0, 1, 17, 30])
    data = [integers(50, 4, 31), integers(2, 4, 31), lengths]
    assert set(limits(read_symbol(paths[0]))) == {"float32"}
    compare(paths, data)
    for name, function in (("qk", Composed.scores), ("valatt", Composed.values)):
        monkeypatch.setattr(mx.sym.contrib, f"interleaved_matmul_selfatt_{name}", function)
    composed = net(*(mx.sym.var(f"data{number}") for number in range(3)))
    expected = run(composed, paths[1], data, "float64")
    module = import_graph(*paths, dtype="float64")
    assert largest_difference(outputs(module, data, "float64"), expected) <= 1e-12
    assert math.isclose(float(np.abs(expected[0][1, 1:]).max()), 0.0)
