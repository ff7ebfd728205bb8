"""The smallest network of each of GluonCV's other families on a GPU, against the CPU."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.export.passes import move_to_device_pass

from gluon2torch.graph.importer import build_module
from gluon2torch.graph.inputs.image_sizes import for_inputs
from gluon2torch.graph.inputs.shapes import input_specs
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.inference.runner import Setup, find_device
from gluon2torch.inference.tasks.task_network import TaskNetwork
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.parity.head_measurement import measure_heads, run
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .conftest import relative
from .on_device import OnDevice, find_test_device, tf32
from .zoo_program import random_program
from .zoo_proof import with_proposals

pytestmark = pytest.mark.cuda
ZOO = load_zoo()
FAMILIES = sorted({entry.family for entry in ZOO.values() if entry.float_name is None})
LIMIT, PROPOSALS = 1e-12, 20
SEGMENTER, SSD = "fastscnn_citys", "ssd_300_mobilenet0.25_voc"


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
    if "rcnn" in family:  # their heads run once for each
        graph = with_proposals(graph, PROPOSALS)
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


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("half", [None, torch.float16, torch.bfloat16])
def test_a_task_network_predicts(half: torch.dtype | None, channels_last: bool) -> None:
    device = find_test_device()
    assert device is not None
    images = torch.randn(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    found = []
    for setup in (
        Setup(torch.device("cpu")),
        Setup(find_device(str(device)), half is not None, channels_last, half),
    ):
        (logits, *_) = TaskNetwork(random_program(SEGMENTER), setup)(images, "noise")
        found.append(logits)
    expected, actual = found
    assert actual.shape == (1, 19, 96, 128)
    assert relative(actual, expected) <= (1e-5 if half is None else 5e-2)


@pytest.mark.parametrize("name", [SEGMENTER, SSD])
def test_an_exported_program_is_moved(name: str) -> None:
    device = find_test_device()
    assert device is not None
    program = random_program(name)
    module = program.module().double()
    (shape,) = program.inputs.values()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(*shape, dtype=torch.float64, generator=generator)
    with torch.inference_mode():
        expected = module(images)
    exported = torch.export.export(module, (images,))
    moved = move_to_device_pass(exported, str(device)).module()
    with torch.inference_mode():
        actual = moved(images.to(device))
    # scores of boxes; the boxes of equal scores may be in another order
    number = 1 if name == SSD else 0
    assert actual[number].device.type == device.type
    assert relative(actual[number].cpu(), expected[number].numpy()) <= LIMIT
