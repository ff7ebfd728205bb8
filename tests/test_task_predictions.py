"""Predictions of GluonCV's other networks on files, against GluonCV's demonstrations of them."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from gluon2torch.checkpoints import program as program_module
from gluon2torch.checkpoints.program import Program
from gluon2torch.checkpoints.recorded_facts import RecordedFacts
from gluon2torch.cli import main
from gluon2torch.errors import CheckpointError, ImageError, LabelsError
from gluon2torch.graph.importer import build_module
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.inference.runner import Setup
from gluon2torch.inference.tasks.task_network import TaskNetwork
from gluon2torch.inference.tasks.task_options import TaskOptions
from gluon2torch.inference.tasks.task_predictor import TaskPredictor
from gluon2torch.mappings.class_labels import parse_labels
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.pipeline.zoo_conversion import convert_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.random_arrays import draw_arrays
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays
from gluon2torch.sources.zoo_network import zoo_block

from .images import noise, smooth

ZOO = load_zoo()
DETECTOR, POSE = "ssd_300_mobilenet0.25_voc", "mobile_pose_mobilenetv3_small"
SEGMENTER, DEPTH = "fastscnn_citys", "monodepth2_resnet18_kitti_mono_640x192"
ACTION, CLASSIFIER = "inceptionv1_ucf101", "mobilenet0.25"


@functools.cache
def arrays_of(name: str) -> dict[str, np.ndarray]:
    stored = load_zoo_graph(ZOO[name])
    return load_zoo_arrays(ZOO[name], stored.shapes, stored.constants, Source("random", seed=0))


def as_program(name: str, arrays: dict[str, np.ndarray], **facts: Any) -> Program:
    """What `open_program` returns for a converted network."""
    entry = ZOO[name]
    graph = load_zoo_graph(entry).graph
    module = build_module(graph, arrays, inputs=dict(entry.inputs))
    described = {key: (array.shape, array.dtype.name) for key, array in arrays.items()}
    record = RecordedFacts(model=name, **facts)
    path = Path(f"{name}.pt2")
    return Program(path, graph, described, entry.inputs, (), module.state_dict(), record)


@pytest.fixture(scope="module")
def program() -> Callable[[str], Program]:
    """Programs of networks without constants; their weights need no MXNet."""

    @functools.cache
    def make(name: str) -> Program:
        return as_program(name, draw_arrays(load_zoo_graph(ZOO[name]).shapes, "", 0))

    return make


@pytest.fixture(scope="module")
def gluon(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """GluonCV's networks with the arrays of `arrays_of`."""

    def make(name: str, **options: Any) -> Any:
        net = zoo_block(name, {**ZOO[name].options, **options})
        file = tmp_path_factory.mktemp("gluon") / "net.params"
        write_params(file, arrays_of(name))
        net.load_parameters(str(file), allow_missing=True, ignore_extra=True)
        return net

    return make


def saved(pixels: np.ndarray, folder: Path, name: str = "image.png") -> str:
    Image.fromarray(pixels).save(folder / name)
    return str(folder / name)


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.parametrize("size", [(211, 333), (640, 401)])
def test_objects_are_those_of_gluoncvs_demonstration(
    size: tuple[int, int], gluon: Callable[..., Any], tmp_path: Path
) -> None:
    import_mxnet()
    with legacy_names():
        from gluoncv.data.transforms.presets import ssd

    path = saved(smooth(*size, 0), tmp_path)
    inputs, shown = ssd.load_test(path, short=512)
    net = gluon(DETECTOR)
    ids, scores, boxes = (each.asnumpy()[0] for each in net(inputs))
    scales = np.array([size[1] / shown.shape[1], size[0] / shown.shape[0]] * 2)
    predictor = TaskPredictor(as_program(DETECTOR, arrays_of(DETECTOR)), TaskOptions(threshold=0.0))
    facts = predictor(path).facts
    assert (facts["height"], facts["width"]) == size
    found = facts["objects"]
    known = ids[:, 0] >= 0
    assert len(found) == known.sum() > 10
    expected = np.sort(scores[known, 0])[::-1]
    assert np.abs([each["score"] for each in found] - expected).max() <= 1e-5
    classes = net.classes
    names = np.array([classes[int(index)] for index in ids[known, 0]])
    corners = boxes[known] * scales
    for each in found:
        x, y, width, height = each["bbox"]
        same = corners[names == each["label"]]
        distances = np.abs(same - [x, y, x + width - 1, y + height - 1]).max(1)
        assert distances.min() < 1e-2  # pixels; the networks compute in float32


@pytest.mark.mxnet
@pytest.mark.costly
def test_segments_are_gluoncvs(gluon: Callable[..., Any], tmp_path: Path) -> None:
    mx = import_mxnet()
    image = smooth(96, 160, 1)
    path = saved(image, tmp_path)
    with legacy_names():
        from gluoncv.data.transforms.presets.segmentation import test_transform

        inputs = test_transform(mx.nd.array(image), mx.cpu())
    logits = gluon(SEGMENTER, height=96, width=160)(inputs)[0].asnumpy()[0]
    predictor = TaskPredictor(as_program(SEGMENTER, arrays_of(SEGMENTER)))
    result = predictor(path)
    classes = np.asarray(result.pictures["classes"]())
    assert (classes == logits.argmax(0)).mean() > 0.999
    shares = {each["index"]: each["share"] for each in result.facts["segments"]}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares == {
        int(index): pytest.approx((classes == index).mean()) for index in np.unique(classes)
    }


def test_images_of_any_size_are_segmented(
    program: Callable[[str], Program], tmp_path: Path
) -> None:
    network = TaskNetwork(program(SEGMENTER), Setup(torch.device("cpu")))
    assert network.multiple == 32
    assert network.names[:2] == ("road", "sidewalk")
    result = TaskPredictor(program(SEGMENTER))(saved(noise(67, 45, 0), tmp_path))
    picture = result.pictures["segments"]()
    assert picture.shape[0] >= 67  # the legend has no room beside so small an image
    assert picture.shape[1:] == (45, 3)
    assert np.asarray(result.pictures["classes"]()).shape == (67, 45)


@pytest.mark.mxnet
@pytest.mark.costly
def test_depth_is_gluoncvs(gluon: Callable[..., Any], tmp_path: Path) -> None:
    mx = import_mxnet()
    image = smooth(211, 333, 2)
    resized = Image.fromarray(image).resize((640, 192), Image.Resampling.LANCZOS)
    inputs = mx.nd.array(np.asarray(resized)[None].transpose(0, 3, 1, 2).astype(np.float32) / 255)
    outputs = gluon(DEPTH)(inputs)
    largest = max(outputs, key=lambda each: each.size)
    expected = mx.nd.contrib.BilinearResize2D(largest, height=211, width=333).asnumpy()
    facts = TaskPredictor(as_program(DEPTH, arrays_of(DEPTH)))(saved(image, tmp_path)).facts
    measured = [np.quantile(expected, share) for share in (0, 0.5, 1)]
    assert list(facts["disparity"].values()) == pytest.approx(measured, abs=1e-5)


@pytest.mark.mxnet
@pytest.mark.costly
def test_actions_are_the_mean_of_the_segments(gluon: Callable[..., Any], tmp_path: Path) -> None:
    mx = import_mxnet()
    with legacy_names():
        from gluoncv.data.transforms.video import VideoGroupValTransform
    frames = [smooth(120, 160, number) for number in range(9)]
    for number, frame in enumerate(frames):
        saved(frame, tmp_path, f"{number:03}.png")
    transform = VideoGroupValTransform(
        size=224, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
    )
    import cv2

    net = gluon(ACTION)
    logits = []
    for number in (1, 4, 7):  # the middle of each third
        resized = cv2.resize(frames[number], (340, 256))
        pixels = np.stack(transform([resized]), axis=0).astype(np.float32)
        logits.append(net(mx.nd.array(pixels)).asnumpy()[0])
    mean = np.mean(logits, 0, dtype=np.float64)
    predictor = TaskPredictor(
        as_program(ACTION, arrays_of(ACTION), num_classes=101), TaskOptions(segments=3, topk=4)
    )
    assert predictor.files([tmp_path]) == [str(tmp_path)]
    top = predictor(tmp_path).facts["top"]
    order = np.argsort(-mean)[:4]
    assert [each["index"] for each in top] == order.tolist()
    probabilities = np.exp(mean - mean.max()) / np.exp(mean - mean.max()).sum()
    assert [each["probability"] for each in top] == pytest.approx(probabilities[order], rel=1e-4)


def test_people_are_found_by_a_detector(
    program: Callable[[str], Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person of the whole image, or those of a detector, whose boxes are set here."""
    from gluon2torch.inference.detected_objects import DetectedObject
    from gluon2torch.inference.tasks.detector import Detector

    path = saved(smooth(90, 70, 3), tmp_path)
    alone = TaskPredictor(program(POSE))(path).facts["people"]
    assert [each["bbox"] for each in alone] == [[0, 0, 70, 90]]
    assert len(alone[0]["keypoints"]) == 51
    assert (alone[0]["label"], alone[0]["category_id"]) == ("person", 0)
    objects = [
        DetectedObject("person", 14, 0.9, (5.0, 4.0, 44.0, 83.0)),
        DetectedObject("dog", 11, 0.8, (0.0, 0.0, 30.0, 30.0)),
        DetectedObject("person", 14, 0.75, (80.0, 10.0, 80.0, 20.0)),  # has no pixels
        DetectedObject("person", 14, 0.7, (30.0, 10.0, 69.0, 89.0)),
    ]
    monkeypatch.setattr(Detector, "objects", lambda *_: objects)
    detector = as_program(DETECTOR, draw_arrays(load_zoo_graph(ZOO[DETECTOR]).shapes, "", 0))
    result = TaskPredictor(program(POSE), detector=detector)(path)
    people = result.facts["people"]
    assert [each["score"] for each in people] == [0.9, 0.7]
    assert [each["bbox"] for each in people] == [[5, 4, 40, 80], [30, 10, 40, 80]]
    assert people[0]["keypoints"] != people[1]["keypoints"]
    assert result.pictures["poses"]().shape == (90, 70, 3)
    with pytest.raises(CheckpointError, match="is not a detector"):
        TaskPredictor(program(POSE), detector=program(POSE))
    with pytest.raises(CheckpointError, match="a detector is for pose networks"):
        TaskPredictor(program(CLASSIFIER), detector=detector)
    unnamed = replace(detector, record=RecordedFacts(model=DETECTOR, num_classes=3))
    with pytest.raises(CheckpointError, match=f"{DETECTOR}.pt2: has no class named 'person'"):
        TaskPredictor(program(POSE), detector=unnamed)


def test_class_names(program: Callable[[str], Program], tmp_path: Path) -> None:
    path, opened = saved(noise(40, 50, 1), tmp_path), program(CLASSIFIER)
    top = TaskPredictor(opened, TaskOptions(topk=1))(path).facts["top"]
    assert top[0]["label"] != str(top[0]["index"])
    arrays = draw_arrays(load_zoo_graph(ZOO[CLASSIFIER]).shapes, "", 0)
    fewer = as_program(CLASSIFIER, arrays, num_classes=3)
    assert TaskNetwork(fewer, Setup(torch.device("cpu"))).names == ()
    names = parse_labels("a\nb\nc", "labels")
    assert TaskNetwork(fewer, Setup(torch.device("cpu")), names).names == ("a", "b", "c")
    with pytest.raises(LabelsError, match="has 3 classes, but 2 class names were given"):
        TaskPredictor(fewer, labels=parse_labels("a\nb", "labels"))


def test_what_cannot_be_predicted_is_refused(
    program: Callable[[str], Program], tmp_path: Path
) -> None:
    arrays = draw_arrays(load_zoo_graph(ZOO[CLASSIFIER]).shapes, "", 0)
    unnamed = as_program(CLASSIFIER, arrays)
    unnamed = replace(unnamed, record=RecordedFacts())
    with pytest.raises(CheckpointError, match="the task of the network is unknown"):
        TaskPredictor(unnamed)
    with pytest.raises(ImageError, match="none.png: "):
        TaskPredictor(program(CLASSIFIER))(str(tmp_path / "none.png"))
    small = saved(noise(1, 1, 0), tmp_path, "small.png")
    with pytest.raises(ImageError, match="small.png: the box .* has no pixels of the image"):
        TaskPredictor(program(POSE))(small)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("converted")
    write_params(folder / "net.params", draw_arrays(load_zoo_graph(ZOO[POSE]).shapes, "", 0))
    return convert_zoo(POSE, params=folder / "net.params", out=folder, reference="none").file


@pytest.mark.costly
def test_the_command_draws_and_goes_on_behind_a_broken_image(
    converted: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    images = [saved(noise(40, 30, 0), tmp_path, "a.png"), str(tmp_path / "b.jpg")]
    images.append(saved(noise(30, 40, 0), tmp_path / "other", "a.png"))
    (tmp_path / "b.jpg").write_bytes(b"no image")
    drawn, table = tmp_path / "drawn", tmp_path / "found.json"
    if os.name == "posix":
        drawn.symlink_to(tmp_path / "far")  # not there yet
    result = CliRunner().invoke(
        main, ["predict", converted, *images, "-o", str(drawn), "--json", str(table)]
    )
    assert result.exit_code == 1, result.output
    assert "b.jpg: is not a valid image" in result.stderr
    assert "joints above 0.2" in result.stdout
    rows = json.loads(table.read_text())
    assert [Path(row["image"]).name for row in rows] == ["a.png", "b.jpg", "a.png"]
    assert drawn.is_symlink() == (os.name == "posix")
    assert sorted(path.name for path in drawn.iterdir()) == ["a-2-poses.png", "a-poses.png"]
    assert rows[0]["pictures"] == [str(drawn / "a-poses.png")]
    with Image.open(drawn / "a-2-poses.png") as picture:
        assert picture.size == (40, 30)


@pytest.mark.parametrize(
    ("option", "value", "tasks"),
    [
        ("out", "d", "detection, segmentation, pose, depth and tracking"),
        ("threshold", "0.5", "detection and pose"),
        ("segments", "1", "action"),
        ("detector", "d", "pose"),
        ("box", "0,0,9,9", "tracking"),
    ],
)
def test_options_of_programs_are_refused_for_checkpoints(
    option: str, value: str, tasks: str
) -> None:
    result = CliRunner().invoke(main, ["predict", "x.pth", "a.png", f"--{option}", value])
    assert result.exit_code == 2
    assert f"--{option} is for {tasks}." in result.stderr


@pytest.mark.parametrize(
    ("command", "name", "options", "message"),
    [
        (
            "predict",
            CLASSIFIER,
            ["--out", "d"],
            "--out is for detection, segmentation, pose, depth and tracking",
        ),
        ("predict", CLASSIFIER, ["--threshold", "0.5"], "--threshold is for detection and pose"),
        ("predict", CLASSIFIER, ["--segments", "1"], "--segments is for action; mobilenet0.25"),
        ("predict", POSE, ["--topk", "5"], "--topk is for classification and action"),
        ("predict", POSE, ["--threshold", "0.5"], "people that a --detector finds"),
        (
            "predict",
            ACTION,
            ["--out", "d"],
            "--out is for detection, segmentation, pose, depth and tracking",
        ),
        ("predict", ACTION, ["--preset", "gluon"], "--preset is for classification"),
        ("validate", POSE, ["--segments", "2"], "--segments is for action"),
        ("validate", POSE, ["--metric", "voc"], "--metric is for detection"),
        ("validate", SEGMENTER, ["--metric", "voc07"], "--metric is for detection"),
    ],
)
def test_options_for_other_tasks_are_refused(
    command: str,
    name: str,
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = ZOO[name]
    opened = Program(
        Path("x.pt2"),
        load_zoo_graph(entry).graph,
        {},
        entry.inputs,
        (),
        {},
        RecordedFacts(model=name),
    )
    monkeypatch.setattr(program_module, "open_program", lambda *_: opened)
    result = CliRunner().invoke(main, [command, "x.pt2", str(tmp_path), *options])
    assert result.exit_code == 2, result.output
    assert message in result.stderr


def test_channels_last_is_used(program: Callable[[str], Program], tmp_path: Path) -> None:
    """By the weights and the input of the network; the answer is the same."""
    path, last = saved(noise(40, 50, 1), tmp_path), torch.channels_last
    setups = [Setup(torch.device("cpu"), channels_last=value) for value in (False, True)]
    for name in (CLASSIFIER, SEGMENTER, POSE):
        plain, network = (TaskNetwork(program(name), setup) for setup in setups)
        size = (1, *program(name).inputs["data"][1:])
        pixels = torch.rand(size, generator=torch.Generator().manual_seed(0))
        seen: list[torch.Tensor] = []
        module = network._module({"data": size})
        module.register_forward_pre_hook(
            lambda _, __, given, to=seen: to.extend(given.values()), with_kwargs=True
        )
        for one, other in zip(plain(pixels, path), network(pixels, path), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
        assert seen[0].is_contiguous(memory_format=last), name
        weights = [each for each in module.parameters() if each.dim() == 4]
        assert weights, name
        assert all(each.is_contiguous(memory_format=last) for each in weights), name
    clips = "i3d_resnet50_v1_kinetics400"
    opened = replace(program(CLASSIFIER), inputs=ZOO[clips].inputs)
    with pytest.raises(CheckpointError, match="takes videos, and the channels_last memory format"):
        TaskNetwork(replace(opened, record=RecordedFacts(model=clips)), setups[1])
