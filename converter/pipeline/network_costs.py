"""Measure what each network costs, and write the table mappings/costs.jsonl.

    python -m gluon2torch.pipeline.network_costs [MODEL]...        all by default

Networks run on torch's meta device, which computes shapes and no values, so that an image of any
size costs neither time nor memory. Run it when a network is added or changed; a test compares the
table with new measurements.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import IO, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from ..graph.importer import build_module
from ..graph.zoo.zoo_graph import load_zoo_graph
from ..mapping.network_spec import empty_network
from ..mappings.catalog import Entry, load_catalog
from ..mappings.costs import FILE, Costs, costs_text, load_all_costs
from ..mappings.yaml_table import mapping_file
from ..mappings.zoo import Shape, ZooEntry, load_zoo


def measure(network: nn.Module, inputs: Mapping[str, Shape]) -> Costs:
    """Measure the costs of a network in eval mode, for inputs of these shapes.

    The network is moved to the meta device, where its weights are lost.
    """
    network = network.to("meta").eval()
    examples = {name: torch.empty(shape, device="meta") for name, shape in inputs.items()}
    operations, outputs = FlopCounterMode(display=False), _Outputs()
    with torch.device("meta"), torch.no_grad(), operations, outputs:
        network(**examples)
    return Costs(operations.get_total_flops() // 2, outputs.count, _pth_bytes(network))


class _Outputs(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the numbers that the operators return whose operations torch counts.

    Tensors on the meta device have no values. Where a network reads one, a condition is taken as
    false and a number as 1, which ends the loops of detectors over overlapping boxes. No layer that
    is counted depends on such a value.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            return False if args[0].dtype is torch.bool else 1
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.count += sum(each.numel() for each in _tensors(result))
        return result


def _tensors(result: Any) -> list[Tensor]:
    results = result if isinstance(result, (tuple, list)) else [result]
    return [each for each in results if isinstance(each, Tensor)]


def _pth_bytes(network: nn.Module) -> int:
    """Size of a network's `.pth`; its memory is never written, so that none is used."""
    tensors = {
        name: torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
        for name, tensor in network.state_dict().items()
    }
    sink = _Sink()
    torch.save(tensors, cast(IO[bytes], sink))
    return sink.size


class _Sink:
    """A file that keeps only its size."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: Any) -> int:
        written = memoryview(data).nbytes
        self.size += written
        return written

    def flush(self) -> None:
        """There is nothing to flush."""


def network_costs(entry: Entry | ZooEntry) -> Costs:
    """Measure the costs of a network of the catalogue or of the zoo.

    Raises:
        GraphError: If the stored graph of a network of the zoo is damaged.
    """
    if isinstance(entry, Entry):
        network = empty_network(entry.name, entry.dataset.num_classes, 3)
        return measure(network, {"x": (1, 3, *entry.dataset.input_size)})
    stored = load_zoo_graph(entry)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in stored.shapes.items()}
    module = build_module(
        stored.graph,
        {**zeros, **stored.constants},
        inputs=entry.inputs,
        any_dtype=True,
        constants=tuple(stored.constants),
    )
    return measure(module, entry.inputs)


def measured_networks() -> dict[str, Entry | ZooEntry]:
    """All networks but the int8 ones, whose costs are those of their float networks."""
    zoo = {name: entry for name, entry in load_zoo().items() if entry.float_name is None}
    return {**load_catalog(), **zoo}


def main(names: list[str]) -> None:
    """Measure networks, and write the table with their costs and those of the others.

    Args:
        names: GluonCV's names; by default all.
    """
    networks = measured_networks()
    table = dict(load_all_costs()) if names else {}
    for name in names or networks:
        table[name] = network_costs(networks[name])
        print(f"{name}: {table[name]}", flush=True)
    table = {name: table[name] for name in networks if name in table}
    mapping_file(FILE).write_text(costs_text(table), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
