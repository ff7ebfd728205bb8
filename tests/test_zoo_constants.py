"""Anchors and offsets of GluonCV's detectors: how they are stored, and files with other ones."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gluon2torch.checkpoints.program import open_program
from gluon2torch.errors import GraphError
from gluon2torch.graph.zoo.zoo_constants import packed_constants, unpacked_constants
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.pipeline.zoo_conversion import convert_zoo, other_constants
from gluon2torch.sources.arrays import Array
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays
from gluon2torch.sources.zoo_network import trace

ZOO = load_zoo()
SSD = "ssd_300_mobilenet0.25_voc"
YOLO = "yolo3_mobilenet0.25_voc"
# each way in which GluonCV makes anchors
DETECTORS = (
    *(SSD, YOLO, "ssd_300_vgg16_atrous_voc", "faster_rcnn_resnet50_v1b_voc"),
    *("mask_rcnn_fpn_resnet18_v1b_coco", "custom_faster_rcnn_fpn"),
)


@pytest.fixture
def _without_mxnet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mxnet", "gluoncv"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.mxnet
@pytest.mark.parametrize("name", DETECTORS)
def test_stored_constants_are_gluoncvs(name: str) -> None:
    expected = trace(name, ZOO[name].options, ZOO[name].inputs).constants
    gc.collect()  # MXNet's blocks refer to one another, with all their arrays
    actual = load_zoo_graph(ZOO[name]).constants
    assert actual.keys() == expected.keys()
    for key, array in expected.items():
        assert (actual[key].shape, actual[key].dtype) == (array.shape, array.dtype)
        assert actual[key].tobytes() == array.tobytes()


def test_only_detectors_with_anchors_have_constants() -> None:
    assert load_zoo_graph(ZOO["alexnet"]).constants == {}
    for name in DETECTORS:
        stored = load_zoo_graph(ZOO[name])
        assert {key: array.shape for key, array in stored.constants.items()} == {
            key: shape
            for key, shape in stored.shapes.items()
            if key.endswith(("anchors", "offsets", "init_scale"))
        }


def anchor_map() -> Array:
    """Numbers that depend on the row, on the column and on neither, and need all digits."""
    rng = np.random.default_rng(0)
    array = np.empty((1, 1, 5, 7, 3), np.float32)
    array[..., 0] = rng.standard_normal((5, 1))
    array[..., 1] = rng.standard_normal(7)
    array[..., 2] = -0.0
    return array


def test_a_map_is_stored_as_a_row_and_a_column() -> None:
    arrays = {"map": anchor_map(), "small": np.float32([[0.1, 1e-30], [np.pi, 3e38]])}
    table = packed_constants(arrays)
    rows, columns, number = table["map"]["last"]
    assert (len(rows["rows"]), len(columns["columns"]), number) == (5, 7, 0)
    for name, array in unpacked_constants(table).items():
        assert array.tobytes() == arrays[name].tobytes()


@pytest.mark.parametrize("number", range(3))
def test_a_map_that_depends_on_row_and_column_is_refused(number: int) -> None:
    array = anchor_map()
    array[0, 0, 3, 4, number] = np.nextafter(array[0, 0, 3, 4, number], np.float32(9))
    with pytest.raises(GraphError, match="my_anchors: this constant array of float32 cannot be"):
        packed_constants({"my_anchors": array})
    with pytest.raises(GraphError, match="array of float64 .*: expected float32"):
        packed_constants({"my_anchors": np.zeros((1, 2))})


@pytest.mark.usefixtures("_without_mxnet")
@pytest.mark.parametrize("name", DETECTORS)
def test_random_arrays_of_a_detector_have_gluoncvs_constants(name: str) -> None:
    stored = load_zoo_graph(ZOO[name])
    arrays = load_zoo_arrays(ZOO[name], stored.shapes, stored.constants, Source("random", seed=5))
    assert {key: array.shape for key, array in arrays.items()} == stored.shapes
    assert all(arrays[key] is array for key, array in stored.constants.items())
    assert all(array.any() for array in arrays.values())


@pytest.mark.costly
@pytest.mark.usefixtures("_without_mxnet")
def test_a_random_detector_is_converted_without_mxnet(tmp_path: Path) -> None:
    record = convert_zoo(
        YOLO,
        init="random",
        out=tmp_path,
        reference="none",
        inputs={"data": (1, 3, 64, 64)},
        formats=["pth"],
    )
    assert record.source.kind == "random"
    assert not [note for note in record.notes if "differ" in note]
    maps = [t for t in open_program(record.file).tensors.values() if t.ndim == 5]
    offsets = torch.from_numpy(load_zoo_graph(ZOO[YOLO]).constants["yolo_outputs.0.offsets"])
    assert len(maps) == 3
    assert all(torch.equal(each, offsets) for each in maps)
    # they are no parameters, which training would change
    module = open_program(record.file).module()
    fixed = {
        f"yolo_outputs_{scale}_{what}" for scale in range(3) for what in ("offsets", "anchors")
    }
    assert fixed <= {name for name, _ in module.named_buffers()}
    assert not fixed & {name for name, _ in module.named_parameters()}


def test_other_anchors_are_noted_by_name() -> None:
    stored = load_zoo_graph(ZOO[SSD])
    assert not list(other_constants(stored, stored.constants))
    names = "anchor_generators.1.anchors", "anchor_generators.4.anchors"
    changed = {name: stored.constants[name].copy() for name in names}
    for array in changed.values():
        array[..., -1, -1, -1] += 1
    assert list(other_constants(stored, {**stored.constants, **changed})) == [
        "anchors of the file differ from GluonCV's: anchor_generators.1.anchors, "
        "anchor_generators.4.anchors; the file's are used"
    ]


@pytest.mark.costly
def test_anchors_of_a_file_are_used_and_noted(tmp_path: Path) -> None:
    stored = load_zoo_graph(ZOO[YOLO])
    arrays = load_zoo_arrays(ZOO[YOLO], stored.shapes, stored.constants, Source("random", seed=5))
    name = "yolo_outputs.1.anchors"
    arrays[name] = arrays[name] * np.float32(1.5)
    write_params(tmp_path / "mine.params", arrays)
    record = convert_zoo(
        YOLO,
        params=tmp_path / "mine.params",
        out=tmp_path / "out",
        reference="none",
        inputs={"data": (1, 3, 64, 64)},
        formats=["pth"],
    )
    assert [note for note in record.notes if "anchors" in note] == [
        f"anchors of the file differ from GluonCV's: {name}; the file's are used"
    ]
    tensors = open_program(record.file).tensors.values()
    mine = torch.from_numpy(arrays[name])
    assert sum(each.shape == mine.shape and torch.equal(each, mine) for each in tensors) == 1
