"""validate of a `.pt2`: the metrics are those of GluonCV's evaluation of the same network."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gluon2torch import convert_zoo
from gluon2torch.checkpoints import program
from gluon2torch.errors import CheckpointError, DatasetError
from gluon2torch.inference import task_validation
from gluon2torch.inference.images.image_file import read_image
from gluon2torch.inference.images.task_input import prepare_image
from gluon2torch.inference.process_group import World
from gluon2torch.inference.runner import Setup
from gluon2torch.inference.task_validation import validate_task
from gluon2torch.inference.tasks import detection_evaluator
from gluon2torch.inference.tasks.detection_evaluator import CocoEvaluator
from gluon2torch.inference.tasks.task_network import TaskNetwork
from gluon2torch.mappings.class_labels import dataset_labels, parse_labels
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from .images import run, smooth
from .mutated_module import mutated
from .zoo_program import random_program

SSD, YOLO = "ssd_300_mobilenet0.25_voc", "yolo3_mobilenet0.25_coco"
VOC, COCO = (dataset_labels(name).names for name in ("voc", "coco"))
SIZES = ((150, 200), (240, 180), (97, 131))  # height, width
OBJECTS = 8  # in an image
Truth = list[tuple[int, list[float]]]  # class and corners of each object


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@functools.cache
def network_of(name: str) -> TaskNetwork:
    return TaskNetwork(random_program(name), Setup(torch.device("cpu")), evaluation=True)


def near_detections(name: str, image: Path, seed: int) -> Truth:
    """Objects near some of the network's best detections, so that its precision is not 0."""
    random = np.random.default_rng(seed)
    network = network_of(name)
    pixels = read_image(image)
    prepared = prepare_image(pixels, network.preprocessing)
    ids, _, boxes, *_ = network(prepared.pixels, str(image))
    found: Truth = []
    height, width = pixels.shape[:2]
    for row in random.permutation(np.flatnonzero(ids[0, :, 0] >= 0)).tolist():
        corners = prepared.placement.boxes_to_image(boxes[0, row])
        corners = corners.clip(0, [width - 1, height - 1] * 2)
        corners += random.normal(0, 0.05, 4) * np.tile(corners[2:] - corners[:2], 2)
        corners = corners.clip(0, [width - 1, height - 1] * 2).round()
        if (corners[2:] - corners[:2] > 3).all():
            found.append((int(ids[0, row, 0]), corners.tolist()))
    return found[:OBJECTS]


def write_voc(root: Path, name: str = SSD, year: str = "VOC2007", split: str = "test") -> Path:
    """A folder of Pascal VOC whose objects the network finds in part."""
    folder = root / year
    for part in ("ImageSets/Main", "Annotations", "JPEGImages"):
        (folder / part).mkdir(parents=True)
    for number, (height, width) in enumerate(SIZES):
        path = folder / "JPEGImages" / f"{number}.jpg"
        Image.fromarray(smooth(height, width, number)).save(path)
        objects = "".join(
            f"<object><name>{VOC[class_]}</name><difficult>{place % 4 // 3}</difficult><bndbox>"
            + "".join(
                f"<{side}>{value + 1:.0f}</{side}>"
                for side, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
            )
            + "</bndbox></object>"
            for place, (class_, corners) in enumerate(near_detections(name, path, number))
        )
        size = f"<size><width>{width}</width><height>{height}</height></size>"
        (folder / "Annotations" / f"{number}.xml").write_text(f"<a>{size}{objects}</a>")
    lines = "\n".join(map(str, range(len(SIZES))))
    (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(lines + "\n")
    return root


def write_coco(root: Path) -> Path:
    """A folder of COCO whose objects the network finds in part."""
    (root / "val2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    images, annotations = [], []
    for number, (height, width) in enumerate(SIZES, 11):
        path = root / "val2017" / f"{number}.jpg"
        Image.fromarray(smooth(height, width, number)).save(path)
        facts = {"id": number, "file_name": path.name, "width": width, "height": height}
        images.append({**facts, "coco_url": f"http://images.example/val2017/{path.name}"})
        for class_, (x0, y0, x1, y1) in near_detections(YOLO, path, number):
            box = [x0, y0, x1 - x0 + 1, y1 - y0 + 1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": class_ + 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in enumerate(COCO, 1)],
    }
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return root


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("voc"))


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_coco(tmp_path_factory.mktemp("coco"))


def metrics(name: str, data: Path, **options: Any) -> dict[str, Any]:
    done = validate_task(random_program(name), data, **options)
    assert done is not None
    return done.as_dict()


def outputs(module: Any, pixels: Any) -> list[np.ndarray]:
    """A detector's outputs for an input of MXNet's, cut as GluonCV's scripts do."""
    with torch.no_grad():
        ids, scores, boxes = module(torch.from_numpy(pixels.asnumpy())[None])
    return [each.numpy() for each in (boxes.clip(0, pixels.shape[1]), ids, scores)]


def gluons_voc(root: Path, eleven_points: bool) -> dict[str, float]:
    """The mean average precision of SSD, as GluonCV's eval_ssd.py computes it."""
    import_mxnet()
    from gluoncv.data import VOCDetection
    from gluoncv.data.transforms.presets.ssd import SSDDefaultValTransform
    from gluoncv.utils.metrics.voc_detection import VOC07MApMetric, VOCMApMetric

    metric = (VOC07MApMetric if eleven_points else VOCMApMetric)(0.5, VOC)
    dataset = VOCDetection(str(root), splits=((2007, "test"),))
    module = random_program(SSD).module()
    transform = SSDDefaultValTransform(300, 300)
    for image, label in dataset:
        pixels, truth = transform(image, label)
        rows = truth[None, :, :4], truth[None, :, 4:5], truth[None, :, 5:6]
        metric.update(*outputs(module, pixels), *rows)
    names, values = metric.get()
    return {name: 100 * value for name, value in zip(names, values, strict=True)}


@pytest.mark.mxnet
@pytest.mark.parametrize("metric", ["voc07", "voc"])
def test_mean_average_precision_is_gluoncvs(metric: str, voc: Path) -> None:
    expected = gluons_voc(voc, metric == "voc07")
    assert 5 < expected["mAP"] < 95
    row = metrics(SSD, voc, eleven_points=metric == "voc07")
    assert row["metrics"]["mAP"] == pytest.approx(expected.pop("mAP"), abs=1e-9)
    for name, value in expected.items():
        own = row["per_class"][name]
        assert own is None if math.isnan(value) else own == pytest.approx(value, abs=1e-9)


def gluons_coco(root: Path) -> float:
    """The average precision of YOLO, as GluonCV's eval_yolo.py computes it, to 0.1 per cent."""
    import_mxnet()
    from gluoncv.data import COCODetection
    from gluoncv.data.transforms.presets.yolo import YOLO3DefaultValTransform
    from gluoncv.utils.metrics.coco_detection import COCODetectionMetric

    module = random_program(YOLO).module()
    transform = YOLO3DefaultValTransform(416, 416)
    with contextlib.redirect_stdout(io.StringIO()), legacy_names():
        warnings.simplefilter("ignore")  # classes without objects
        dataset = COCODetection(str(root), ("instances_val2017",), skip_empty=False)
        metric = COCODetectionMetric(
            dataset, str(root / "results"), cleanup=True, data_shape=(416, 416), use_time=False
        )
        for image, label in dataset:
            metric.update(*outputs(module, transform(image, label)[0]))
        metric.get()
    return 100 * float(metric._coco_eval.stats[0])


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_average_precision_on_coco_is_gluoncvs(coco: Path) -> None:
    expected = gluons_coco(coco)
    assert 1 < expected < 99
    row = metrics(YOLO, coco)
    assert row["metrics"]["AP"] == pytest.approx(expected, abs=1e-9)
    assert row["metrics"]["AP_large"] is None
    assert json.loads(json.dumps(row, allow_nan=False)) == row


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_published_figures_are_those_of_gluoncvs_classes(coco: Path, tmp_path: Path) -> None:
    """A network with other classes was trained again, and has no published figures."""
    assert CocoEvaluator(network_of(YOLO), coco).published
    root = shutil.copytree(coco, tmp_path / "coco")
    file = root / "annotations" / "instances_val2017.json"
    content = json.loads(file.read_text())
    for row in content["categories"]:
        row["name"] += "s"
    file.write_text(json.dumps(content))
    labels = parse_labels("\n".join(f"{name}s" for name in COCO), "labels")
    again = TaskNetwork(random_program(YOLO), Setup(torch.device("cpu")), labels, evaluation=True)
    assert not CocoEvaluator(again, root).published


@pytest.fixture(scope="module")
def right(voc: Path, coco: Path) -> list[Any]:
    return [metrics(SSD, voc)["metrics"], metrics(YOLO, coco)["metrics"]]


MUTATIONS = {
    "boxes are not mapped back": ("scores, placement.boxes_to_image(boxes)", "scores, boxes"),
    "classes are off by one": ("        ids[0],", "        ids[0] - 1,"),
    "objects are not mapped": ("placement.boxes_to_input(truth.boxes)", "truth.boxes"),
}


@pytest.mark.costly
@pytest.mark.mxnet
@pytest.mark.pycocotools
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(
    name: str, voc: Path, coco: Path, right: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = mutated(detection_evaluator, *MUTATIONS[name])
    for each in ("VocEvaluator", "CocoEvaluator"):
        monkeypatch.setattr(task_validation, each, getattr(wrong, each))
    assert [metrics(SSD, voc)["metrics"], metrics(YOLO, coco)["metrics"]] != right


@pytest.mark.mxnet
def test_the_preprocessing_of_demonstrations_is_noticed(voc: Path) -> None:
    wrong = mutated(task_validation, "setup, labels, evaluation=True", "setup, labels")
    done = wrong.validate_task(random_program(SSD), voc)
    assert done.as_dict()["metrics"] != metrics(SSD, voc)["metrics"]


def test_files_are_opened(voc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "open_program", lambda path: random_program(path.stem))
    done = validate_task(Path(f"{SSD}.pt2"), str(voc))
    assert done is not None
    assert done.as_dict()["metrics"] == metrics(SSD, voc)["metrics"]


class Share(World):
    """One of two processes, which are run one after the other."""

    def __init__(self, rank: int, sent: list[Any]) -> None:
        super().__init__(rank, 2)
        object.__setattr__(self, "sent", sent)

    def gather(self, value: Any) -> list[Any]:
        self.sent.insert(0, pickle.loads(pickle.dumps(value)))  # type: ignore[attr-defined]
        return list(self.sent)  # type: ignore[attr-defined]


def shared(name: str, data: Path) -> dict[str, Any]:
    sent: list[Any] = []
    assert validate_task(random_program(name), data, world=Share(1, sent)) is None
    return metrics(name, data, world=Share(0, sent))


@pytest.mark.costly
@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_two_processes_find_what_one_finds(voc: Path, coco: Path) -> None:
    for name, data in ((SSD, voc), (YOLO, coco)):
        alone, both = metrics(name, data), shared(name, data)
        assert alone.pop("seconds") > 0
        assert both.pop("seconds") > 0
        assert both == alone
        assert alone["images"] == len(SIZES)


@pytest.mark.costly
@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_a_broken_image_is_named_and_left_out(tmp_path: Path) -> None:
    """The metrics are those of the data set without it."""
    found = []
    for kind in ("broken", "absent"):
        root = write_coco(tmp_path / kind)
        image = root / "val2017" / "12.jpg"
        if kind == "broken":
            image.write_bytes(b"broken")
        else:
            file = root / "annotations" / "instances_val2017.json"
            content = json.loads(file.read_text())
            content["images"] = [row for row in content["images"] if row["id"] != 12]
            content["annotations"] = [r for r in content["annotations"] if r["image_id"] != 12]
            file.write_text(json.dumps(content))
        found.append(metrics(YOLO, root))
    broken, absent = found
    assert broken["metrics"] == absent["metrics"]
    assert (broken["images"], broken["skipped"], absent["skipped"]) == (2, 1, 0)
    assert "12.jpg: is not a valid image" in broken["skipped_images"][0]


@pytest.mark.mxnet
def test_data_sets_of_other_networks_are_refused(voc: Path, coco: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="knows COCO's classes"):
        metrics(YOLO, voc)
    with pytest.raises(DatasetError, match="are not the 20 classes of the network"):
        metrics(SSD, coco)
    with pytest.raises(DatasetError, match="is COCO, and `--metric` is for Pascal VOC"):
        metrics(YOLO, coco, eleven_points=False)
    with pytest.raises(DatasetError, match="has neither Pascal VOC"):
        metrics(SSD, tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        metrics(SSD, tmp_path / "none")
    with pytest.raises(CheckpointError, match="a detector is for pose networks"):
        metrics(SSD, voc, detector=random_program(SSD))


@pytest.mark.mxnet
def test_the_folder_may_be_that_of_a_year_or_above(voc: Path) -> None:
    expected = metrics(SSD, voc)["metrics"]
    assert metrics(SSD, voc / "VOC2007")["metrics"] == expected


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("program")
    return Path(convert_zoo(SSD, init="random", reference="none", out=out, formats=["pth"]).file)


@pytest.mark.costly
@pytest.mark.mxnet
def test_the_command_and_torchrun(file: Path, voc: Path, tmp_path: Path) -> None:
    result = run("validate", file, voc, "--device", "cpu", "--json", tmp_path / "1.json")
    assert result.exit_code == 0, result.output
    row = json.loads((tmp_path / "1.json").read_text())
    assert row["metrics"] == pytest.approx(metrics(SSD, voc)["metrics"])
    assert f"{SSD}: 3 images of VOC2007 test, 0 skipped" in result.output
    assert f"mAP        {row['metrics']['mAP']:.2f}          -" in result.output
    voc12 = run("validate", file, voc, "--device", "cpu", "--metric", "voc", "--json", "-")
    assert json.loads(voc12.stdout)["metrics"] != row["metrics"]
    usage = run("validate", file, voc, "--confusion", tmp_path / "a.png")
    assert usage.exit_code == 2
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("--standalone", "-m", "gluon2torch", "validate", str(file), str(voc)),
            *("--device", "cpu", "--json", "-"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    both = json.loads(done.stdout)
    assert {**both, "seconds": 0} == {**row, "seconds": 0}
