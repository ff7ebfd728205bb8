"""Rare forms of operators that once gave other values or gradients than MXNet's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx

from gluon2torch.errors import GraphError
from gluon2torch.graph.importer import build_module, import_graph
from gluon2torch.graph.inputs.shapes import input_specs
from gluon2torch.graph.source_code.parameters import text_of
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.parity.output_bounds import output_difference
from gluon2torch.parity.output_comparison import difference
from gluon2torch.sources.mxnet_compat import import_mxnet
from gluon2torch.sources.params_writer import write_params

from .mxnet_run import run_by_mxnet
from .source_module import case_of
from .source_module import difference as source_difference

RNG = np.random.default_rng(0)
Build = Callable[[Any, Any], Any]


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def imported(symbol: Any, given: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> Any:
    graph = parse_symbol(symbol.tojson().encode(), "net")
    shapes = {name: value.shape for name, value in given.items()}
    return build_module(graph, arrays, dtype="float64", inputs=shapes)


def outputs(module: fx.GraphModule, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    found = module(*map(torch.from_numpy, given.values()))
    return [each.detach().numpy() for each in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.mxnet
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("before", ["LayerNorm", "FullyConnected", "relu"])
def test_zeros_of_an_unrolled_cell_behind_layers_have_the_batch(before: str, batch: int) -> None:
    mx = import_mxnet()
    sym = mx.sym
    data = sym.var("data")
    value = {
        "LayerNorm": lambda: sym.LayerNorm(data, sym.var("g"), sym.var("b"), axis=-1),
        "FullyConnected": lambda: sym.FullyConnected(
            data, sym.var("w"), num_hidden=5, flatten=False, no_bias=True
        ),
        "relu": lambda: sym.relu(data),
    }[before]()
    cell = mx.gluon.rnn.LSTMCell(4, input_size=5, prefix="cell_")
    result, _ = cell.unroll(3, value, layout="TNC", merge_outputs=True)
    shapes = {"g": (5,), "b": (5,), "w": (5, 5), "cell_i2h_weight": (16, 5)}
    shapes |= {"cell_h2h_weight": (16, 4), "cell_i2h_bias": (16,), "cell_h2h_bias": (16,)}
    arrays = {name: normal(*shapes[name]) for name in result.list_inputs() if name in shapes}
    given = {"data": normal(3, batch, 5)}
    (actual,) = outputs(imported(result, given, arrays), given)
    states = {
        name: np.zeros((batch, 4))
        for name in result.list_inputs()
        if name not in {**arrays, **given}
    }
    text = result.tojson().replace('"dtype": "float32"', '"dtype": "float64"')
    text = text.replace('"shape": "(0, 4)"', f'"shape": "({batch}, 4)"')
    (expected,) = run_by_mxnet(mx.sym.load_json(text), {**given, **arrays, **states}, "float64")
    assert actual.shape == expected.shape == (3, batch, 4)
    assert np.abs(actual - expected).max() <= 1e-12


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("build", "like"),
    [
        (lambda sym, data, like: sym.slice_like(data, like, axes=(-1,)), (1, 1, 4, 3)),
        (lambda sym, data, like: sym.slice_like(data, like, axes=(-1, 0)), (1, 2, 4)),
        (lambda sym, data, like: sym.slice_like(data, like), (2, 2, 4)),
    ],
)
def test_slice_like_counts_axes_of_the_data(
    build: Callable[[Any, Any, Any], Any], like: tuple[int, ...], tmp_path: Path
) -> None:
    sym = import_mxnet().sym
    symbol = build(sym, sym.var("data"), sym.var("like")) * 2
    given = {"data": normal(2, 3, 5), "like": normal(*like)}
    module = imported(symbol, given, {})
    (expected,) = run_by_mxnet(symbol, given)
    assert np.array_equal(outputs(module, given)[0], expected)
    case = case_of(module, {name: value.shape for name, value in given.items()}, "net")
    values = case.inputs.values()
    assert source_difference(case.network(tmp_path)(*values), module(*values)) == 0


@pytest.mark.mxnet
@pytest.mark.parametrize(
    "build",
    [
        lambda sym, a: sym.BlockGrad(a) * a,
        lambda sym, a: sym.MakeLoss(a * a, grad_scale=0.5),
        lambda sym, a: sym.MakeLoss(a * a),
        lambda sym, a: sym.MakeLoss(a * a, normalization="batch", grad_scale=0.1),
        lambda sym, a: sym.MakeLoss(a * a, normalization="valid", valid_thresh=0.3),
        lambda sym, a: sym.MakeLoss(a * a, normalization="valid", valid_thresh=100),
        lambda sym, a: sym.make_loss(a * a),
    ],
)
def test_gradients_are_blocked_and_scaled(build: Build, tmp_path: Path) -> None:
    mx = import_mxnet()
    symbol, values = build(mx.sym, mx.sym.var("a")), normal(3, 4)
    array = mx.nd.array(values, dtype="float64")
    array.attach_grad()
    with mx.autograd.record():
        result = mx.nd.CachedOp(symbol)(array)
    result.backward()
    module = imported(symbol, {"a": values}, {})
    case = case_of(module, {"a": (3, 4)}, "net")
    for network in (module, case.network(tmp_path)):
        ours = torch.from_numpy(values).requires_grad_()
        network(ours).sum().backward()
        assert ours.grad is not None
        assert np.abs(ours.grad.numpy() - array.grad.asnumpy()).max() <= 1e-14


@pytest.mark.mxnet
def test_arrays_that_layers_of_other_ranks_share() -> None:
    sym = import_mxnet().sym
    gamma, beta = sym.var("g"), sym.var("b")
    one = sym.LayerNorm(sym.var("one"), gamma, beta, axis=1)
    other = sym.LayerNorm(sym.var("other"), gamma, beta, axis=1)
    given = {"one": normal(2, 3), "other": normal(2, 3, 3)}
    arrays = {"g": normal(3), "b": normal(3)}
    symbol = sym.Group([one, other])
    module = imported(symbol, given, arrays)
    expected = run_by_mxnet(symbol, {**given, **arrays})
    for actual, wanted in zip(outputs(module, given), expected, strict=True):
        assert np.abs(actual - wanted).max() <= 1e-12


@pytest.mark.mxnet
def test_values_of_a_multicast_have_their_own_ranks() -> None:
    sym = import_mxnet().sym
    narrow, wide = sym.amp_multicast(sym.var("s"), sym.var("x"), num_outputs=2)
    dense = sym.FullyConnected(wide, sym.var("w"), num_hidden=2, no_bias=True)
    given, arrays = {"s": normal(2, 1), "x": normal(2, 2, 4)}, {"w": normal(2, 8)}
    symbol = sym.broadcast_mul(narrow, dense)
    (expected,) = run_by_mxnet(symbol, {**given, **arrays}, "float32")  # it has no float64
    (actual,) = outputs(imported(symbol, given, arrays), given)
    assert actual.shape == expected.shape == (2, 2)
    assert np.abs(actual - expected).max() <= 1e-5


def require_equal_gru(weights: Any, state: Any) -> None:
    """Compare a fused layer with MXNet's, given what computes its weights and its state."""
    sym = import_mxnet().sym
    options = {"mode": "gru", "state_size": 3, "num_layers": 1}
    symbol = sym.RNN(sym.var("data"), weights, state, **options)
    given = {"data": normal(5, 2, 4), "state": normal(1, 2, 3)}
    arrays = {"p": normal(3 * 3 * (4 + 3 + 2))}
    (actual,) = outputs(imported(symbol, given, arrays), given)
    (expected,) = run_by_mxnet(symbol, {**given, **arrays})
    assert np.allclose(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.mxnet
def test_an_input_that_gives_states_their_shape_stays_an_input() -> None:
    sym = import_mxnet().sym
    require_equal_gru(sym.var("p"), sym.zeros_like(sym.var("state")))


@pytest.mark.mxnet
def test_constants_are_imported_in_float64(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    sym.dot(sym.var("data"), sym.full((3, 2), 0.1)).save(str(tmp_path / "net-symbol.json"))
    write_params(tmp_path / "net.params", {})
    given = {"data": normal(2, 3)}
    files = tmp_path / "net-symbol.json", tmp_path / "net.params"
    (actual,) = outputs(import_graph(*files, dtype="float64"), given)
    assert actual.dtype == np.float64
    assert np.allclose(actual, given["data"] @ np.full((3, 2), np.float32(0.1)), rtol=1e-12)


@pytest.mark.mxnet
def test_a_clip_may_have_one_bound() -> None:
    mx = import_mxnet()
    symbol = mx.sym.np.clip(mx.sym.var("data").as_np_ndarray(), None, 0.5).as_nd_ndarray()
    given = {"data": normal(3, 4)}
    (actual,) = outputs(imported(symbol, given, {}), given)
    assert np.array_equal(actual, np.minimum(given["data"], 0.5))


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("dtype", "bounds"),
    [
        *(("int32", (-2.0, 3.0)), ("int64", (0.0, 6.0)), ("float64", (-2.0, 3.0))),
        *(("float64", (-2.0, 3e38)), ("float64", (-0.5, 0.7)), ("int32", (-1.7, 2.9))),
    ],
)
def test_a_clip_keeps_the_data_type(dtype: str, bounds: tuple[float, float]) -> None:
    mx = import_mxnet()
    symbol = mx.sym.clip(mx.sym.var("data"), *bounds)
    given = {"data": np.arange(-9, 9).astype(dtype)}
    (actual,) = outputs(imported(symbol, given, {}), given)
    expected = mx.nd.clip(mx.nd.array(given["data"], dtype=dtype), *bounds).asnumpy()
    assert actual.dtype == expected.dtype == dtype
    assert np.array_equal(actual, np.clip(given["data"], *np.float32(bounds)).astype(dtype))
    assert np.allclose(actual, expected, rtol=1e-7)


@pytest.mark.mxnet
@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_relu", "rnn_tanh"])
def test_recurrent_layers_have_a_source(mode: str, tmp_path: Path) -> None:
    mx = import_mxnet()
    sym = mx.sym
    gates = {"lstm": 4, "gru": 3}.get(mode, 1)
    states = [sym.zeros((2, 2, 3)) for _ in range(2 if mode == "lstm" else 1)]
    symbol = sym.RNN(
        sym.var("data"), sym.var("w"), *states, state_size=3, num_layers=2, mode=mode, name="it"
    )
    count = gates * (3 * 5 + 3 * 3 + 6) + gates * (3 * 3 + 3 * 3 + 6)
    given, arrays = {"data": normal(4, 2, 5)}, {"w": 0.3 * normal(count)}
    module = imported(symbol, given, arrays)
    case = case_of(module, {"data": (4, 2, 5)}, "net")
    values = case.inputs.values()
    with torch.no_grad():
        assert source_difference(case.network(tmp_path)(*values), module(*values)) <= 1e-14


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("op", "attributes", "shape"),
    [
        ("L2Normalization", {"mode": "instance"}, (5,)),
        ("clip", {"a_min": -0.5, "a_max": 0.7}, (2, 5)),
        ("clip", {"a_min": -0.5, "a_max": float("inf")}, (2, 5)),
        ("clip", {"a_min": -float("inf"), "a_max": float("inf")}, (2, 5)),
    ],
)
def test_rare_attributes_have_a_source(
    op: str, attributes: dict[str, Any], shape: tuple[int, ...], tmp_path: Path
) -> None:
    mx = import_mxnet()
    symbol = getattr(mx.sym, op)(mx.sym.var("data"), **attributes)
    case = case_of(imported(symbol, {"data": np.zeros(shape)}, {}), {"data": shape}, "net")
    given = {name: value.numpy() for name, value in case.inputs.items()}
    (expected,) = run_by_mxnet(symbol, given)
    for network in (case.module, case.network(tmp_path)):
        (actual,) = outputs(network, given)
        assert np.abs(actual - expected).max() <= 1e-7


def test_texts_of_a_graph_are_no_code() -> None:
    for text in ('"); print("x"); ("', "back\\slash", "line\nbreak", "none", "é\u2028"):
        assert eval(text_of(text)) == text


@pytest.mark.mxnet
def test_odd_names_do_not_break_the_module(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    for name in ("slice", "torch", "inf", "meta", "float", "len"):
        symbol = sym.FullyConnected(
            sym.slice(sym.var(name), begin=(0, 1), end=(2, 3)),
            sym.var("w"),
            num_hidden=2,
            no_bias=True,
            name="meta",
        )
        given, arrays = {name: normal(2, 4)}, {"w": normal(2, 2)}
        module = imported(symbol, given, arrays)
        (expected,) = run_by_mxnet(symbol, {**given, **arrays})
        assert np.abs(outputs(module, given)[0] - expected).max() <= 1e-14
        case = case_of(module, {name: (2, 4)}, "net")
        values = case.inputs.values()
        with torch.no_grad():
            assert source_difference(case.network(tmp_path)(*values), module(*values)) <= 1e-14


def test_outputs_without_values_are_compared() -> None:
    empty = np.zeros((2, 0))
    assert difference(empty, empty) == (0.0, 0.0)
    found = output_difference(empty, empty, np.zeros(0), 1e-12, "float64")
    assert (found.max_abs, found.max_rel, found.max_own) == (0.0, 0.0, 0.0)
    assert difference(empty, np.zeros((2, 1))) == (np.inf, np.inf)


def test_an_embedding_without_inputs_is_no_traceback() -> None:
    nodes = [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "Embedding", "name": "e", "inputs": [], "attrs": {"input_dim": "3"}},
    ]
    graph = parse_symbol(json.dumps({"nodes": nodes, "heads": [[1, 0, 0]]}).encode(), "net")
    with pytest.raises(GraphError):
        build_module(graph, {}, inputs={"data": (1, 3)})
    with pytest.raises(GraphError):
        input_specs(graph, {}, {"data": ((1, 3), "float32")})


def states_of_two_inputs(sym: Any) -> Any:
    """Words and characters in time; the batch is behind layers that the trace follows."""
    words = sym.Embedding(sym.var("words"), sym.var("we"), input_dim=7, output_dim=3)
    letters = sym.Embedding(sym.var("letters"), sym.var("le"), input_dim=7, output_dim=2)
    return sym.L2Normalization(sym.Concat(words, letters, dim=2), mode="spatial")


def states_behind_positions(sym: Any) -> Any:
    """The first input has no batch."""
    places = sym.Embedding(sym.var("places"), sym.var("we"), input_dim=7, output_dim=3)
    return sym.broadcast_add(sym.expand_dims(places, axis=1), sym.var("data"))


@pytest.mark.mxnet
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (states_of_two_inputs, {"words": (4, 0), "letters": (4, 0)}),
        (states_behind_positions, {"places": (4,), "data": (4, 0, 3)}),
    ],
)
def test_zeros_have_the_batch_of_a_sequence(
    make: Callable[[Any], Any], shapes: dict[str, tuple[int, ...]], batch: int
) -> None:
    sym = import_mxnet().sym
    cell = import_mxnet().rnn.GRUCell(5, prefix="g_")
    result, _ = cell.unroll(4, make(sym), layout="TNC", merge_outputs=True)
    sizes = {name: [size or batch for size in shape] for name, shape in shapes.items()}
    given = {name: RNG.integers(0, 7, size).astype(float) for name, size in sizes.items()}
    found, _, _ = result.infer_shape(**{name: each.shape for name, each in given.items()})
    named = dict(zip(result.list_arguments(), found, strict=True))
    arrays = {name: normal(*shape) for name, shape in named.items() if name not in given}
    module = build_module(parse_symbol(result.tojson().encode(), "net"), arrays, dtype="float64")
    (actual,) = outputs(module, given)
    (expected,) = run_by_mxnet(result, {**given, **arrays}, "float32")  # as its states
    assert actual.shape == expected.shape
    assert np.allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.mxnet
def test_a_loop_may_use_many_arrays() -> None:
    sym = import_mxnet().sym
    weights = [sym.var(f"w{number}") for number in range(40)]
    result, _ = sym.contrib.foreach(
        lambda step, state: (step + sum(weights[1:], weights[0]), state), sym.var("data"), []
    )
    parts = sym.Group([result, *sym.split_v2(sym.var("long"), tuple(range(1, 40)))])
    given = {"data": normal(3, 2), "long": normal(41)}
    arrays = {f"w{number}": normal(2) for number in range(40)}
    module = build_module(parse_symbol(parts.tojson().encode(), "net"), arrays, dtype="float64")
    names = [node.name for node in module.graph.nodes if node.op == "placeholder"]
    actual = outputs(module, {name: given[name] for name in names})
    assert np.allclose(actual[0], given["data"] + sum(arrays.values()), rtol=1e-12)
    assert [each.size for each in actual[1:]] == [1] * 39 + [2]


@pytest.mark.mxnet
def test_constants_of_gluon_are_not_trained(tmp_path: Path) -> None:
    mx = import_mxnet()

    class Net(mx.gluon.HybridBlock):
        def __init__(self) -> None:
            super().__init__(prefix="net_")
            with self.name_scope():
                self.anchors = self.params.get_constant("anchors", mx.nd.ones((1, 4)))
                table = mx.init.Constant(mx.nd.ones((20, 100)))  # written into the graph
                self.table = self.params.get("table", init=table, shape=(20, 100))

        def hybrid_forward(self, F: Any, x: Any, anchors: Any, table: Any) -> Any:
            row = F.slice_axis(table, axis=0, begin=0, end=1)
            return F.dot(F.broadcast_mul(x, anchors).sum(axis=1, keepdims=True), row)

    net = Net()
    net.initialize()
    net.hybridize()
    net(mx.nd.ones((2, 4)))
    net.export(str(tmp_path / "net"))
    assert (tmp_path / "net-symbol.json").stat().st_size > 8_000
    module = import_graph(tmp_path / "net-symbol.json", tmp_path / "net-0000.params")
    assert [name for name, _ in module.named_parameters()] == ["table"]
    assert [name for name, _ in module.named_buffers()] == ["anchors"]


@pytest.mark.mxnet
@pytest.mark.parametrize(("version", "shape"), [(None, (1,)), (904, (1,)), (905, (3,))])
def test_an_axis_of_minus_one_was_all_axes_once(version: int | None, shape: tuple[int]) -> None:
    mx = import_mxnet()
    table = json.loads(mx.sym.argmax(mx.sym.var("data"), axis=-1).tojson())
    table["attrs"] = {} if version is None else {"mxnet_version": ["int", version]}
    given = {"data": normal(3, 4)}
    module = build_module(parse_symbol(json.dumps(table).encode(), "net"), {}, dtype="float64")
    (actual,) = outputs(module, given)
    (expected,) = run_by_mxnet(json.dumps(table), given)
    assert actual.shape == expected.shape == shape
    assert np.array_equal(actual, expected)


@pytest.mark.mxnet
def test_dropout_of_weights_changes_nothing_in_inference() -> None:
    sym = import_mxnet().sym
    require_equal_gru(sym.Dropout(sym.var("p"), p=0.5), sym.var("state"))


@pytest.mark.mxnet
def test_weights_of_integers_are_one_line() -> None:
    sym = import_mxnet().sym
    data = sym.var("data")
    convolution = sym.Convolution(data, kernel=(3, 3), num_filter=2, layout="NHWC", name="c")
    layer = sym.RNN(data, sym.var("p"), sym.var("s"), mode="gru", state_size=3, num_layers=1)
    integers = {"c_weight": np.ones((2, 3, 3, 3), np.int8), "c_bias": np.ones(2, np.float32)}
    for symbol, arrays in ((convolution, integers), (layer, {"p": np.ones(81, np.int8)})):
        graph = parse_symbol(symbol.tojson().encode(), "net")
        with pytest.raises(GraphError, match="is int8; weights must be float16, float32 or"):
            build_module(graph, arrays)


@pytest.mark.mxnet
def test_inputs_that_the_graph_does_not_have_are_refused(tmp_path: Path) -> None:
    sym = import_mxnet().sym
    sym.relu(sym.var("data")).save(str(tmp_path / "net-symbol.json"))
    files = tmp_path / "net-symbol.json", tmp_path / "net.params"
    write_params(files[1], {})
    with pytest.raises(GraphError, match="has no input 'dta'; did you mean 'data'"):
        import_graph(*files, inputs={"dta": (2, 6)})
    with pytest.raises(GraphError, match=r"the input 'data' cannot have the shape \(2, -6\)"):
        import_graph(*files, inputs={"data": (2, -6)})
    with pytest.raises(ValueError, match="dtype is 'float16'; it must be float32 or float64"):
        import_graph(*files, dtype="float16")
