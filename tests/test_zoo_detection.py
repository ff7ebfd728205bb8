"""Detection of files of GluonCV's other networks, and their refusal for another network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gluon2torch.checkpoints.file_detection import detect_file, other_networks
from gluon2torch.cli import main
from gluon2torch.errors import GraphError, KeyMapError, ParamsFileError, UnknownModelError
from gluon2torch.graph.zoo import zoo_names
from gluon2torch.graph.zoo.class_count import dependence, with_classes
from gluon2torch.graph.zoo.stored_graph import load_graph
from gluon2torch.graph.zoo.zoo_detection import detect_zoo, fits
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph, load_zoo_shapes
from gluon2torch.graph.zoo.zoo_names import FILE, candidate_families, names_text
from gluon2torch.mapping.assignment import ArraySpec
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.mappings.heads import load_heads
from gluon2torch.mappings.yaml_table import mapping_file
from gluon2torch.mappings.zoo import Shape, load_zoo
from gluon2torch.pipeline.conversion import convert, run
from gluon2torch.pipeline.request import Request
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .test_commands import arrays

ZOO, HEADS = load_zoo(), load_heads()
FAMILIES = {entry.family: entry.name for entry in ZOO.values() if entry.float_name is None}


def shapes_with(name: str, count: int) -> dict[str, Shape]:
    """The shapes of a network's arrays with another number of classes."""
    stored = load_zoo_graph(ZOO[name])
    known = dependence(stored, HEADS[ZOO[name].head or ""])
    return dict(with_classes(stored, known, count).shapes)


def write_file(path: Path, shapes: dict[str, Shape]) -> Path:
    rng = np.random.default_rng(0)
    write_params(path, {n: rng.random(s, np.float32) for n, s in shapes.items()})
    return path


@pytest.mark.parametrize("name", FAMILIES.values())
def test_a_file_of_each_family_is_detected(name: str) -> None:
    shapes = load_zoo_shapes(ZOO[name].family)[name]
    found = detect_zoo(shapes)
    assert found is not None
    assert name in [entry.name for entry in found.entries]
    # others have the same arrays, but for other data sets
    assert all(
        load_zoo_shapes(entry.family)[entry.name] == shapes and entry.family == ZOO[name].family
        for entry in found.entries
    )
    assert (found.num_classes is None) == (ZOO[name].head is None)


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("ssd_300_mobilenet0.25_voc", ["coco", "custom", "voc"]),
        ("yolo3_darknet53_coco", ["coco", "custom", "voc"]),
        ("center_net_resnet18_v1b_voc", ["coco", "voc"]),
        ("mask_rcnn_fpn_resnet18_v1b_coco", ["coco"]),
        ("resnet18_v1b_kinetics400", ["custom", "kinetics400", "sthsthv2"]),
        ("fcn_resnet50_ade", ["ade", "voc"]),
    ],
)
def test_other_numbers_of_classes_are_detected(name: str, models: list[str]) -> None:
    found = detect_zoo(shapes_with(name, 11))
    assert found is not None
    stem = name.rpartition("_")[0]
    assert [entry.name for entry in found.entries if entry.name.startswith(stem)] == [
        f"{stem}_{model}" for model in models
    ]
    assert found.num_classes == 11


def test_exact_shapes_come_first() -> None:
    found = detect_zoo(shapes_with("ssd_300_mobilenet0.25_voc", 80))
    assert found is not None
    assert [entry.name for entry in found.entries] == ["ssd_300_mobilenet0.25_coco"]


def test_arrays_of_gluoncvs_files_that_the_graph_does_not_have() -> None:
    shapes = load_zoo_shapes("googlenet")["googlenet"]
    found = detect_zoo({**shapes, "head.0.weight": (1, 1)})
    assert found is not None
    assert [entry.name for entry in found.entries] == ["googlenet"]
    assert detect_zoo({**shapes, "another.weight": (1, 1)}) is None
    assert detect_zoo(dict(list(shapes.items())[1:])) is None


def test_other_shapes_fit_nothing() -> None:
    shapes = shapes_with("yolo3_mobilenet0.25_voc", 20)
    entry = ZOO["yolo3_mobilenet0.25_voc"]
    assert fits(entry, load_zoo_graph(entry), shapes)
    shapes["stages.0.0.weight"] = (9, 3, 3, 3)
    assert detect_zoo(shapes) is None


def test_no_network_of_the_catalogue_has_the_arrays_of_the_zoo() -> None:
    zoo = {
        frozenset(arrays)
        for family in dict.fromkeys(e.family for e in ZOO.values() if not e.float_name)
        for arrays in load_zoo_shapes(family).values()
    }
    for name in ("resnet18_v1b", "resnet50_v1d", "cifar_resnet20_v1", "senet_154", "resnest50"):
        names = frozenset(node.name for node in load_graph(name).graph.variables())
        assert names - {"data"} not in zoo
    assert load_catalog()


def test_detect_names_the_network_its_task_and_its_classes(tmp_path: Path) -> None:
    file = write_file(tmp_path / "a.params", shapes_with("yolo3_mobilenet0.25_voc", 20))
    result = CliRunner().invoke(main, ["detect", str(file), "--json", str(tmp_path / "out.json")])
    assert result.exit_code == 0
    assert result.output.strip() == (
        f"{file}: yolo3_mobilenet0.25_voc (20 classes; structural names; 247 arrays; detection, "
        "family yolo3)"
    )
    (row,) = json.loads((tmp_path / "out.json").read_text())
    assert (row["models"], row["num_classes"]) == (["yolo3_mobilenet0.25_voc"], 20)


def test_inspect_knows_the_network(tmp_path: Path) -> None:
    shapes = load_zoo_shapes("mobile_pose")["mobile_pose_mobilenetv3_small"]
    file = write_file(tmp_path / "a.params", shapes)
    result = CliRunner().invoke(main, ["inspect", str(file)])
    assert result.exit_code == 0
    assert "mobile_pose_mobilenetv3_small (structural names;" in result.output


def test_a_file_of_another_network_is_named(tmp_path: Path) -> None:
    shapes = shapes_with("yolo3_mobilenet0.25_voc", 20)
    file = write_file(tmp_path / "a.params", shapes)
    wrong = "not those of {}; convert them as yolo3_mobilenet0.25_voc"
    with pytest.raises(GraphError, match=wrong.format("googlenet")):
        convert_zoo("googlenet", params=file, out=tmp_path / "out")
    with pytest.raises(KeyMapError, match=wrong.format("resnet18_v1b")):
        convert("resnet18_v1b", params=file, out=tmp_path / "out")
    with pytest.raises(UnknownModelError, match="fits yolo3_mobilenet0.25_voc, .*pass MODEL"):
        convert(params=file, out=tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_a_larger_network_is_named(tmp_path: Path) -> None:
    """Its file has all arrays of the smaller one, and others in the layers that may have some."""
    shapes = load_zoo_shapes("i3d_nl")["i3d_nl5_resnet50_v1_kinetics400"]
    found = detect_zoo(shapes)
    assert found is not None
    assert [entry.name for entry in found.entries] == ["i3d_nl5_resnet50_v1_kinetics400"]
    write_params(tmp_path / "a.params", {n: np.zeros(s, np.float32) for n, s in shapes.items()})
    with pytest.raises(GraphError, match="convert them as i3d_nl5_resnet50_v1_kinetics400"):
        convert_zoo(
            "i3d_resnet50_v1_kinetics400", params=tmp_path / "a.params", out=tmp_path / "out"
        )


def test_a_file_of_the_catalogue_is_named_when_it_is_given_for_the_zoo(tmp_path: Path) -> None:
    write_params(tmp_path / "a.params", arrays("cifar_resnet20_v1"))
    with pytest.raises(GraphError, match="not those of alexnet; convert them as cifar_resnet20_v1"):
        convert_zoo("alexnet", params=tmp_path / "a.params", out=tmp_path / "out")


def test_other_networks_are_named_only_if_they_are_others() -> None:
    shapes = load_zoo_shapes("alexnet")["alexnet"]
    specs = {name: ArraySpec(shape, "float32") for name, shape in shapes.items()}
    assert detect_file(specs).models == ("alexnet",)
    assert other_networks(specs, "vgg16") == "alexnet"
    assert other_networks(specs, "alexnet") is None


@pytest.mark.costly
def test_a_file_without_a_name_is_converted_as_its_network(tmp_path: Path) -> None:
    entry = ZOO["mobile_pose_mobilenetv3_small"]
    shapes = load_zoo_shapes(entry.family)[entry.name]
    file = tmp_path / "a.params"
    write_params(file, load_zoo_arrays(entry, shapes, {}, Source("random", seed=0)))
    options = ["--params", str(file), "--reference", "none", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, ["convert", *options])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("mobile_pose_mobilenetv3_small")
    assert len(list((tmp_path / "out").glob("*.pt2"))) == 1


def test_a_file_without_a_name_that_fits_several_networks_needs_one(tmp_path: Path) -> None:
    file = write_file(tmp_path / "a.params", shapes_with("yolo3_mobilenet0.25_voc", 7))
    with pytest.raises(UnknownModelError, match="coco and yolo3.*converted as a graph.*MODEL"):
        run(Request(params=file, out=tmp_path / "out"))
    (tmp_path / "b.params").write_bytes(b"nonsense")
    with pytest.raises(ParamsFileError) as caught:
        run(Request(params=tmp_path / "b.params", out=tmp_path / "out"))
    assert caught.value.failure is not None


def test_options_that_do_not_apply_to_a_detected_network_are_refused(tmp_path: Path) -> None:
    shapes = load_zoo_shapes("mobile_pose")["mobile_pose_mobilenetv3_small"]
    file = write_file(tmp_path / "a.params", shapes)
    message = "is a file of mobile_pose_mobilenetv3_small: layout applies to catalogue networks"
    with pytest.raises(GraphError, match=message):
        run(Request(params=file, layout="torchvision", out=tmp_path / "out"))


def test_the_stored_names_are_those_of_the_graphs() -> None:
    assert mapping_file(FILE).read_text(encoding="utf-8") == names_text()
    for entry in ZOO.values():
        if entry.float_name is None:
            names = load_zoo_shapes(entry.family)[entry.name]
            assert entry.family in candidate_families([*names, *(f"{p}x" for p in entry.left_out)])
    assert candidate_families(["conv0.weight"]) == []


def test_a_missing_file_of_names_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo_names, "mapping_file", lambda name: tmp_path / "names")
    with pytest.raises(GraphError, match=r"zoo_names.json: cannot be read .*; install gluon2torch"):
        candidate_families(["conv0.weight"])
    (tmp_path / "names").write_text("[")
    with pytest.raises(GraphError, match=r"zoo_names.json: cannot be read"):
        candidate_families(["conv0.weight"])
