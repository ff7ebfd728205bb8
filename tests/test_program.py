"""A `.pt2` has MXNet's graph beside its program, from which its module is built again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch

from gluon2torch.checkpoints.formats.job import GraphJob
from gluon2torch.checkpoints.formats.pt2 import write_program
from gluon2torch.checkpoints.graph_text import graph_text
from gluon2torch.checkpoints.program import GRAPH_FILE, open_program
from gluon2torch.checkpoints.record import RecordedFacts
from gluon2torch.errors import CheckpointError
from gluon2torch.graph.free_dimensions import Free
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.input_spec import InputSpec
from gluon2torch.graph.symbol_writer import symbol_json
from gluon2torch.graph.zoo_graph import load_zoo_graph
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.random_arrays import draw_arrays

NAME = "mobilenet0.25"
SHAPES = {"data": (1, 3, 64, 64)}


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return draw_arrays(load_zoo_graph(load_zoo()[NAME]).shapes, "", 0)


@pytest.fixture(scope="module")
def file(arrays: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = load_zoo_graph(load_zoo()[NAME]).graph
    module = build_module(graph, arrays, inputs=SHAPES)
    job = GraphJob(
        module.state_dict(),
        tmp_path_factory.mktemp("program"),
        NAME,
        module,
        {name: InputSpec(shape) for name, shape in SHAPES.items()},
        ("logits",),
        Free(batch=True),
        graph_text(graph, arrays, SHAPES),
        "a test",
    )
    return Path(write_program(job).file)


def test_a_module_is_built_from_the_file(file: Path, arrays: Arrays) -> None:
    program = open_program(file)
    assert program.inputs == SHAPES
    assert program.record == RecordedFacts()
    stored = load_zoo_graph(load_zoo()[NAME])
    assert program.graph.nodes == stored.graph.nodes
    assert {name: shape for name, (shape, _) in program.arrays.items()} == stored.shapes
    network = program.module()
    expected = build_module(stored.graph, arrays, inputs=SHAPES)
    for size in (64, 91):  # the program in the file takes 64×64 only
        images = torch.randn(2, 3, size, size + 6)
        with torch.no_grad():
            assert torch.equal(network(images), expected(images))


def test_files_of_others_are_refused(file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.pt2"
    example = (torch.zeros(1, 2),)
    torch.export.save(torch.export.export(torch.nn.Linear(2, 3), example), own)
    with pytest.raises(CheckpointError, match=r"own\.pt2: has no MXNet graph beside its program"):
        open_program(own)
    content = io.BytesIO()
    text = symbol_json(load_zoo_graph(load_zoo()[NAME]).graph)
    torch.export.save(torch.export.load(file), content, extra_files={GRAPH_FILE: text})
    own.write_bytes(content.getvalue())
    with pytest.raises(CheckpointError, match=r"own\.pt2: mxnet-graph\.json is damaged"):
        open_program(own)
    own.write_bytes(file.read_bytes()[:50_000])
    with pytest.raises(CheckpointError, match=r"own\.pt2: is not a program of torch\.export"):
        open_program(own)
    with pytest.raises(CheckpointError, match=r"none\.pt2: cannot be read \(No such file"):
        open_program(tmp_path / "none.pt2")


def test_weights_of_another_graph_are_refused(file: Path, tmp_path: Path, arrays: Arrays) -> None:
    entry = load_zoo()["mobilenet0.5"]
    other = load_zoo_graph(entry).graph
    own = tmp_path / "own.pt2"
    extra = {
        GRAPH_FILE: graph_text(other, draw_arrays(load_zoo_graph(entry).shapes, "", 0), SHAPES)
    }
    torch.export.save(torch.export.load(file), own, extra_files=extra)
    with pytest.raises(CheckpointError, match="its weights are not those of its graph"):
        open_program(own).module()
