"""Networks of mappings/zoo/ with random weights, as the programs of a `.pt2`, but in memory."""

from __future__ import annotations

import functools
from pathlib import Path

from gluon2torch.checkpoints.program import Program
from gluon2torch.checkpoints.recorded_facts import RecordedFacts
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.class_labels import dataset_labels
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays


@functools.cache
def random_program(name: str) -> Program:
    """What open_program returns for a converted network; nothing is written."""
    entry = load_zoo()[name]
    stored = load_zoo_graph(entry)
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=0))
    module = build_module(stored.graph, arrays, inputs=entry.inputs)
    classes = len(dataset_labels(entry.labels).names) if entry.labels is not None else None
    return Program(
        Path(f"{name}.pt2"),
        stored.graph,
        {key: (array.shape, str(array.dtype)) for key, array in arrays.items()},
        entry.inputs,
        tuple(stored.constants),
        module.state_dict(),
        RecordedFacts(model=name, num_classes=classes),
    )
