"""A `.pt2` has MXNet's graph beside its program, from which its module is built again."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gluon2torch.checkpoints.formats.job import GraphJob
from gluon2torch.checkpoints.formats.pt2 import write_program
from gluon2torch.checkpoints.graph_text import graph_text
from gluon2torch.checkpoints.program import GRAPH_FILE, open_program
from gluon2torch.checkpoints.program_archive import CONFIG, WEIGHTS
from gluon2torch.checkpoints.recorded_facts import RecordedFacts
from gluon2torch.errors import CheckpointError, GraphError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.inputs.free_dimensions import Free
from gluon2torch.graph.inputs.input_spec import InputSpec
from gluon2torch.graph.symbols.symbol_writer import symbol_json
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
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


def test_shapes_of_unknown_inputs_are_refused(file: Path) -> None:
    with pytest.raises(GraphError, match="no input 'dat'; did you mean 'data'"):
        open_program(file).module({"dat": (1, 3, 96, 96)})
    with pytest.raises(GraphError, match="'data' cannot have the shape"):
        open_program(file).module({"data": (1, 3, -1, 96)})


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


def with_members(file: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """Write an archive again, with the content of its files changed."""
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, change(name.partition("/")[2], source.read(name)))
    return target


def test_the_weights_are_those_that_torch_reads(file: Path) -> None:
    expected = torch.export.load(file).state_dict
    tensors = open_program(file).tensors
    assert list(tensors) == list(expected)
    for name, tensor in tensors.items():
        assert tensor.dtype == expected[name].dtype
        assert torch.equal(tensor, expected[name])


class Hostile:
    """Runs code when it is unpickled: it makes a folder."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.made),)


@pytest.mark.parametrize("member", ["weight_0", "model.pt"])
def test_code_in_a_program_is_not_run(member: str, file: Path, tmp_path: Path) -> None:
    made, content = tmp_path / "made", io.BytesIO()
    torch.save(Hostile(made), content)

    def change(name: str, data: bytes) -> bytes:
        if name == CONFIG:
            config = json.loads(data)
            for entry in config["config"].values():
                entry["use_pickle"] = entry["path_name"] == "weight_0"
            return json.dumps(config).encode()
        return content.getvalue() if name == f"{WEIGHTS}weight_0" else data

    own = with_members(file, tmp_path / "own.pt2", change)
    if member == "model.pt":
        with zipfile.ZipFile(own, "a") as archive:
            archive.writestr(f"archive/{WEIGHTS}model.pt", content.getvalue())
    else:
        with contextlib.suppress(Exception):
            torch.export.load(own)
        made.rmdir()  # torch runs the code
    with pytest.raises(CheckpointError, match=r"own\.pt2: is not a program of torch\.export"):
        open_program(own)
    assert not made.exists()


@pytest.mark.parametrize(
    ("weights", "extra", "root"),
    [
        (f"{WEIGHTS}model.pt", "extra/", "archive/"),
        ("serialized_state_dict.pt", "extra_files/", ""),
    ],
)
def test_programs_of_older_torch_are_read(
    weights: str, extra: str, root: str, file: Path, tmp_path: Path
) -> None:
    program, content = open_program(file), io.BytesIO()
    torch.save(
        {
            name: torch.nn.Parameter(each) if each.is_floating_point() else each
            for name, each in program.tensors.items()
        },
        content,
    )
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr(f"{root}{weights}", content.getvalue())
        archive.writestr(f"{root}{extra}{GRAPH_FILE}", source.read(f"archive/extra/{GRAPH_FILE}"))
        archive.writestr(f"{root}version", "1")
    old = open_program(tmp_path / "old.pt2")
    assert old.graph.nodes == program.graph.nodes
    assert all(torch.equal(each, program.tensors[name]) for name, each in old.tensors.items())


def test_a_compressed_program_is_refused(file: Path, tmp_path: Path) -> None:
    """torch writes none, and a small file could take any memory."""
    with zipfile.ZipFile(tmp_path / "own.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"archive/{CONFIG}", " " * 10**6)
    with pytest.raises(CheckpointError, match="model_weights_config.json is compressed"):
        open_program(tmp_path / "own.pt2")


def test_damaged_programs_are_refused(file: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    content, own, refused = file.read_bytes(), tmp_path / "own.pt2", 0
    head = content.index(b'{"config"')
    for _ in range(150):
        data = bytearray(content)
        low, high = (head, head + 20_000) if rng.random() < 0.5 else (len(data) - 9_000, len(data))
        for place in rng.integers(low, high, 4):
            data[place] = rng.integers(256)
        own.write_bytes(data)
        try:
            open_program(own).module()
        except (CheckpointError, GraphError):
            refused += 1
    assert refused > 75
