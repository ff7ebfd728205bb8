"""BERT as gluonnlp 0.10 builds it and MXNet exported it (graphs/export_bert.py), against MXNet."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.graph.importer import build_module
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet

from .graphs.export_bert import FOLDER, NETWORKS
from .test_graph_sequence_networks import Composed, largest_difference

pytestmark = [pytest.mark.mxnet, pytest.mark.costly]
COMPOSED = {
    "_contrib_interleaved_matmul_selfatt_qk": Composed.scores,
    "_contrib_interleaved_matmul_selfatt_valatt": Composed.values,
}
LIMITS = {"float32": 1e-5, "float64": 1e-12}


def operator(op: str) -> Any:
    """MXNet's function that adds an operator to a graph."""
    sym = import_mxnet().sym
    if op.startswith("_contrib_"):
        return getattr(sym.contrib, op.removeprefix("_contrib_"))
    return getattr(sym._internal if op.startswith("_") else sym, op)


def composed(table: dict[str, Any]) -> Any:
    """The graph with attention and GELU composed of operators that MXNet has in float64, too."""
    mx, values = import_mxnet(), list[Any]()
    for node in table["nodes"]:
        op, attributes = node["op"], node.get("attrs", {})
        inputs = [values[number][output] for number, output, _ in node["inputs"]]
        if op == "null":
            values.append(mx.sym.var(node["name"]))
        elif op in COMPOSED:
            values.append(COMPOSED[op](*inputs, heads=int(attributes["heads"])))
        elif op == "LeakyReLU" and attributes["act_type"] == "gelu":
            values.append(0.5 * inputs[0] * (1 + mx.sym.erf(inputs[0] * 0.5**0.5)))
        else:
            values.append(operator(op)(*inputs, name=node["name"], **attributes))
    return mx.sym.Group([values[number][output] for number, output, _ in table["heads"]])


def weights(graph: Any, data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Random arrays of the shapes that MXNet infers; scales are near 1."""
    rng = np.random.default_rng(0)
    shapes, _, _ = graph.infer_shape(**{name: each.shape for name, each in data.items()})
    found = {}
    for name, shape in zip(graph.list_arguments(), shapes, strict=True):
        if name not in data:
            values = rng.standard_normal(shape, np.float32)
            scale = shape[-1] ** -0.5 if len(shape) > 1 else 0.1
            found[name] = values * np.float32(scale) + np.float32(name.endswith("gamma"))
    return found


def inputs(words: int, lengths: list[int], size: int) -> dict[str, np.ndarray]:
    """Tokens, segments, lengths and the places whose words are predicted."""
    rng = np.random.default_rng(size)
    batch = len(lengths)
    values = (
        rng.integers(0, words, (batch, size)),
        rng.integers(0, 2, (batch, size)),
        np.array(lengths),
        rng.integers(0, size, (batch, 3)),
    )
    return {f"data{number}": each.astype(np.float32) for number, each in enumerate(values)}


def expected(
    graph: Any, arrays: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray], dtype: str
) -> list[np.ndarray]:
    """MXNet's outputs."""
    mx, given = import_mxnet(), {**arrays, **data}
    values = [mx.nd.array(given[name], dtype=dtype) for name in graph.list_inputs()]
    return [each.asnumpy() for each in mx.nd.CachedOp(graph)(*values)]


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize(
    "name",
    [pytest.param("bert_tiny", id="tiny"), pytest.param("bert_base", marks=pytest.mark.slow)],
)
def test_bert_is_mxnets_at_any_length(name: str, dtype: str) -> None:
    text = lzma.decompress((FOLDER / f"{name}-symbol.json.xz").read_bytes())
    mx, table, words = import_mxnet(), json.loads(text), NETWORKS[name][-1]
    ops = [node["op"] for node in table["nodes"]]
    assert ops.count("_contrib_interleaved_matmul_selfatt_qk") == NETWORKS[name][0]
    plain = mx.sym.load_json(text.decode())
    reference = plain if dtype == "float32" else composed(table)
    arrays = weights(plain, inputs(words, [16, 9], 16))
    module = build_module(parse_symbol(text, name), arrays, dtype=dtype)
    names = [node.target for node in module.graph.nodes if node.op == "placeholder"]
    assert sorted(names) == ["data0", "data1", "data2", "data3"]
    for lengths, size in (([16, 9], 16), ([1], 1), ([100, 37, 128], 128), ([512, 300], 512)):
        data = inputs(words, lengths, size)
        with torch.no_grad():
            actual = module(*(torch.from_numpy(data[each].astype(dtype)) for each in names))
        theirs = expected(reference, arrays, data, dtype)
        assert len(theirs) == 4  # steps, pooled, next sentence, masked words
        difference = largest_difference([each.numpy() for each in actual], theirs)
        print(f"{name} {dtype} {len(lengths)} × {size}: {difference:.1e} of the largest")
        assert difference <= LIMITS[dtype]
