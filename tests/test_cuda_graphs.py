"""The smallest network of each of GluonCV's other families on a GPU, against the CPU."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
from torch import nn

from gluon2torch.graph.image_sizes import for_inputs
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.shapes import input_specs
from gluon2torch.graph.zoo_graph import load_zoo_graph
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.parity.head_measurement import measure_heads, run
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .on_device import OnDevice, find_test_device, tf32

pytestmark = pytest.mark.cuda
ZOO = load_zoo()
FAMILIES = sorted({entry.family for entry in ZOO.values() if entry.float_name is None})
LIMIT = 1e-12


class OnCpu:
    """The same module on the CPU."""

    name = "CPU"

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def cast(self, dtype: str) -> None:
        assert dtype == "float64"

    def __call__(self, inputs: Arrays) -> Arrays:
        return {f"head{place}": head for place, head in enumerate(run(self._module, inputs))}


def smallest(family: str) -> str:
    """The network of a family whose arrays have the fewest elements."""
    names = [each.name for each in ZOO.values() if each.family == family and not each.float_name]
    return min(
        names, key=lambda name: sum(map(math.prod, load_zoo_graph(ZOO[name]).shapes.values()))
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_is_equal(family: str, record_property: Callable[[str, object], None]) -> None:
    device = find_test_device()
    assert device is not None
    entry = ZOO[smallest(family)]
    stored = load_zoo_graph(entry)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=0))
    graph = for_inputs(stored.graph, entry.inputs, entry.proof)
    specs = input_specs(
        graph, arrays, {name: (each, "float32") for name, each in entry.proof.items()}
    )
    module = build_module(graph, arrays, dtype="float64", inputs=entry.proof)
    reference = OnCpu(copy.deepcopy(module))
    with tf32(False):
        parity = measure_heads(
            OnDevice(module, device),
            reference,
            [specs],
            {"float64": LIMIT},
            any_order=entry.task == "detection",
        )
    record_property("network", entry.name)
    record_property("float64", max(stage.max_rel for stage in parity.stages))
    assert parity.passed, parity
