"""Quantized networks for tests, made by MXNet, and single nodes with random inputs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gluon2torch.graph.importer import build_module
from gluon2torch.graph.symbols.symbol import parse_symbol
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from .mxnet_run import run_by_mxnet

Arrays = dict[str, np.ndarray]
Rng = np.random.Generator
RELU = ("Activation", {"act_type": "relu"})
LEAKY = ("LeakyReLU", {"act_type": "leaky", "slope": "0.1"})
GELU = ("LeakyReLU", {"act_type": "gelu"})
RELU6 = ("clip", {"a_min": "0.0", "a_max": "6.0"})
ABS = ("abs", {})


@dataclass(frozen=True)
class Sample:
    """A quantized node with its inputs, and the attributes of a wrong one.

    Attributes:
        op: MXNet's operator.
        attributes: Its attributes.
        inputs: The node's inputs by name, in order; those in `arrays` are the network's arrays.
        arrays: Names of the inputs that are arrays.
        outputs: How many outputs the node has.
        wrong: Attributes that must give another result, or another operator.
        subgraph: The graph that a fused node contains.
    """

    op: str
    attributes: dict[str, str]
    inputs: Arrays
    arrays: frozenset[str] = frozenset()
    outputs: int = 3
    wrong: dict[str, str] | str = field(default_factory=dict)
    subgraph: dict[str, Any] | None = None

    def mutated(self) -> Sample:
        if isinstance(self.wrong, str):
            return replace(self, op=self.wrong)
        return replace(self, attributes={**self.attributes, **self.wrong})

    def symbol(self) -> str:
        nodes: list[dict[str, Any]] = [
            {"op": "null", "name": name, "inputs": []} for name in self.inputs
        ]
        edges = [[number, 0, 0] for number in range(len(nodes))]
        node = {"op": self.op, "name": "it", "attrs": self.attributes, "inputs": edges}
        if self.subgraph is not None:
            node["subgraphs"] = [self.subgraph]
        return json.dumps(
            {
                "nodes": [*nodes, node],
                "arg_nodes": list(range(len(nodes))),
                "heads": [[len(nodes), output, 0] for output in range(self.outputs)],
                "attrs": {"mxnet_version": ["int", 10901]},
            }
        )


def chain(*parts: tuple[str, dict[str, str], int] | None) -> dict[str, Any]:
    """A graph of nodes one after the other, each with a number of variables of its own."""
    nodes: list[dict[str, Any]] = [{"op": "null", "name": "data0", "inputs": []}]
    last = 0
    for number, part in enumerate(each for each in parts if each is not None):
        op, attributes, count = part
        first = len(nodes)
        variables = [f"variable{number}_{place}" for place in range(count)]
        nodes += [{"op": "null", "name": name, "inputs": []} for name in variables]
        edges = [[last, 0, 0], *([first + place, 0, 0] for place in range(count))]
        nodes.append({"op": op, "name": f"part{number}", "attrs": attributes, "inputs": edges})
        last = len(nodes) - 1
    arguments = [number for number, node in enumerate(nodes) if node["op"] == "null"]
    return {"nodes": nodes, "arg_nodes": arguments, "heads": [[last, 0, 0]]}


def by_mxnet(symbol: str, inputs: Arrays, gradient: bool = False) -> list[np.ndarray]:
    """A graph's outputs as MXNet computes them.

    With `gradient`, all operators must have one. Only then may values that a fused sum takes be
    outputs: the sum is written over them where BlockGrad shares their memory.
    """
    mx = import_mxnet()
    graph = mx.sym.load_json(symbol)
    if not gradient:  # CachedOp refuses operators that have none unless none is asked for
        graph = mx.sym.Group([mx.sym.BlockGrad(head) for head in graph])
    return run_by_mxnet(graph, inputs)


def by_torch(sample: Sample, dtype: str = "float32") -> list[np.ndarray]:
    """A node's outputs as they are imported."""
    arrays = {name: array for name, array in sample.inputs.items() if name in sample.arrays}
    module = build_module(parse_symbol(sample.symbol().encode(), "it"), arrays, dtype=dtype)
    data = [torch.from_numpy(a) for name, a in sample.inputs.items() if name not in arrays]
    with torch.inference_mode():
        found = module(*data)
    return [each.numpy() for each in (found if isinstance(found, tuple) else [found])]


def integers(rng: Rng, dtype: Any, *shape: int) -> np.ndarray:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def reals(rng: Rng, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def ends(rng: Rng, name: str, dtype: Any = np.int8) -> Arrays:
    """A range: two arrays of one number."""
    low, high = -10 * rng.random(1), 10 * rng.random(1)
    low = np.zeros(1) if dtype == np.uint8 else low
    return {f"{name}_min": low.astype(np.float32), f"{name}_max": high.astype(np.float32)}


def calibration(rng: Rng, low: float = -5.0) -> dict[str, str]:
    values = low * rng.random(), 5 * rng.random()
    names = "min_calib_range", "max_calib_range"
    return {name: repr(float(np.float32(each))) for name, each in zip(names, values, strict=True)}


def random_network(name: str, size: int) -> Any:
    """One of GluonCV's networks with random weights and running statistics."""
    mx = import_mxnet()
    from gluoncv.model_zoo import get_model

    mx.random.seed(0)
    rng = np.random.default_rng(0)
    with legacy_names():
        network = get_model(name, pretrained=False, classes=10)
    network.initialize(mx.init.Xavier(magnitude=2))
    network(mx.nd.zeros((1, 3, size, size)))
    for key, parameter in network.collect_params().items():
        if key.endswith(("gamma", "running_var")):
            parameter.set_data(mx.nd.array(rng.uniform(0.5, 1.5, parameter.shape)))
        elif key.endswith(("beta", "running_mean", "bias")):
            parameter.set_data(mx.nd.array(0.1 * rng.standard_normal(parameter.shape)))
    return network


def small_network() -> Any:
    """Two convolutions with a shortcut, and a classifier, with random weights."""
    mx = import_mxnet()
    from mxnet.gluon import nn

    class Residual(nn.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            with self.name_scope():
                self.stem, self.conv = (nn.Conv2D(6, 3, padding=1) for _ in range(2))
                self.norm, self.head = nn.BatchNorm(), nn.Dense(4)

        def hybrid_forward(self, F: Any, x: Any) -> Any:
            stem = F.relu(self.stem(x))
            return self.head(F.relu(self.norm(self.conv(stem)) + stem))

    mx.random.seed(0)
    network = Residual()
    network.initialize(mx.init.Xavier(magnitude=2))
    return network


def export_quantized(network: Any, size: int, prefix: Path, **options: Any) -> None:
    """Quantize a network as MXNet's users do, and export it to `prefix-symbol.json`."""
    mx = import_mxnet()
    from mxnet.contrib.quantization import quantize_net_v2

    images = np.random.default_rng(1).standard_normal((4, 3, size, size)).astype(np.float32)
    data = mx.io.NDArrayIter(mx.nd.array(images), batch_size=2)
    with legacy_names(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"calib_mode": "naive", "quantized_dtype": "auto", **options}
        quantized = quantize_net_v2(network, calib_data=data, **options)
        quantized.hybridize(static_alloc=False)
        quantized(mx.nd.array(images))
        quantized.export(str(prefix))


Maker = Callable[[Rng], Sample]
