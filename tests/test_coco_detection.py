"""COCO's average precision of boxes, and its folder, against GluonCV."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import pickle
import sys
import warnings
from dataclasses import astuple
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gluon2torch.errors import DatasetError, MissingDependencyError
from gluon2torch.inference.datasets import coco_images as reader
from gluon2torch.inference.datasets.annotated_image import AnnotatedImage
from gluon2torch.inference.datasets.coco_annotations import read_annotations
from gluon2torch.inference.datasets.coco_images import annotation_file, coco_images
from gluon2torch.inference.images.placement import Placement
from gluon2torch.inference.metrics import coco_detection
from gluon2torch.inference.metrics.coco_detection import CocoDetection
from gluon2torch.sources.mxnet_compat import legacy_names

from .coco_folder import NAMES, gluons_detection, write_folder
from .mutated_module import mutated

SEEDS = range(100)
INPUT = (128, 160)  # height and width of the network's input
Outputs = tuple[np.ndarray, np.ndarray, np.ndarray]


class Case:
    """A data set, and a detector's outputs for its images."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.seed = root, seed
        path = write_folder(root, seed)
        self.truth = read_annotations(path)
        self.images = coco_images(root, self.truth)
        random = np.random.default_rng(1000 + seed)
        self.outputs = [self.detect(random, image) for image in self.images]

    def detect(self, random: np.random.Generator, image: AnnotatedImage) -> Outputs:
        """Boxes in the network's input near the objects; many scores are equal, some small."""
        count = random.integers(0, 12)
        ids = random.integers(-1, len(NAMES) + 1, count).astype(np.float32)
        scores = random.choice([0.02, 0.05, 0.3, 0.3, 0.8, random.random()], count)
        boxes = random.uniform(0, 100, (count, 4))
        boxes[:, 2:] += boxes[:, :2] + 1
        objects = image.objects
        for row in range(count):
            if len(objects.boxes) and random.random() < 0.8:
                nearest = random.integers(len(objects.boxes))
                scale = [INPUT[1] / image.width, INPUT[0] / image.height] * 2
                boxes[row] = objects.boxes[nearest] * scale + random.normal(0, 1, 4)
                ids[row] = objects.classes[nearest]
        return ids[:, None], scores.astype(np.float32)[:, None], boxes.astype(np.float32)

    def ours(self, module: ModuleType = coco_detection) -> list[float]:
        metric = module.CocoDetection()
        for image, (ids, scores, boxes) in zip(self.images, self.outputs, strict=True):
            scale = (INPUT[0] / image.height, INPUT[1] / image.width)
            placement = Placement((image.height, image.width), scale)
            metric.update(image.number, ids, scores, placement.boxes_to_image(boxes))
        *values, per_class = astuple(metric.result(self.truth))
        return [*values, *per_class]

    @functools.cached_property
    def gluons(self) -> list[float]:
        """The same figures; pycocotools' -1 as NaN."""
        dataset = gluons_detection(self.root)
        from gluoncv.utils.metrics.coco_detection import COCODetectionMetric

        metric = COCODetectionMetric(
            dataset, str(self.root / "results"), use_time=False, data_shape=INPUT
        )
        with legacy_names(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            for ids, scores, boxes in self.outputs:
                metric.update(boxes[None], ids[None], scores[None])
            metric.get()
            evaluation = metric._coco_eval
        precision = evaluation.eval["precision"][:, :, :, 0, 2]
        values = [*evaluation.stats[:6]]
        for place in range(len(NAMES)):
            of_class = precision[:, :, place]
            values.append(of_class[of_class > -1].mean() if (of_class > -1).any() else -1)
        return [float("nan") if value == -1 else float(value) for value in values]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    root = tmp_path_factory.mktemp("coco")
    return [Case(root / str(seed), seed) for seed in SEEDS]


def largest_difference(cases: list[Case], module: ModuleType) -> float:
    worst = 0.0
    for case in cases:
        for value, expected in zip(case.ours(module), case.gluons, strict=True):
            if math.isnan(value) != math.isnan(expected):
                return float("inf")
            worst = max(worst, 0.0 if math.isnan(value) else abs(value - expected))
    return worst


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_it_equals_gluoncv(cases: list[Case]) -> None:
    assert largest_difference(cases, coco_detection) == 0
    assert max(case.gluons[0] for case in cases) > 0.3  # something is found


MUTATIONS = {
    "edges are not part of boxes": ("(boxes[:, :2] - 1)", "boxes[:, :2]"),
    "low scores count": ("SCORE_THRESHOLD = 0.05", "SCORE_THRESHOLD = 0.01"),
    "a score equal to the threshold does not": ("~(scores < SCORE", "(scores > 1.01 * SCORE"),
    "classes are categories": ('"category_id": ids[class_]', '"category_id": class_'),
}


@pytest.mark.mxnet
@pytest.mark.pycocotools
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str, cases: list[Case]) -> None:
    assert largest_difference(cases[:20], mutated(coco_detection, *MUTATIONS[name])) > 1e-6


@pytest.mark.pycocotools
def test_processes_that_share_the_images_find_the_same(cases: list[Case]) -> None:
    for case in cases[:5]:
        whole, *parts = (CocoDetection() for _ in range(3))
        for number, (image, outputs) in enumerate(zip(case.images, case.outputs, strict=True)):
            whole.update(image.number, *outputs)
            parts[number % 2].update(image.number, *outputs)
        parts[1].merge(pickle.loads(pickle.dumps(parts[0])))
        assert repr(parts[1].result(case.truth)) == repr(whole.result(case.truth))


@pytest.mark.pycocotools
def test_nothing_found_is_zero(cases: list[Case]) -> None:
    result = CocoDetection().result(cases[0].truth)
    assert result.ap == result.ap50 == 0
    assert math.isnan(result.per_class[-1])


def test_an_image_must_be_of_the_data_set(cases: list[Case]) -> None:
    metric = CocoDetection()
    metric.update(4711, *cases[0].outputs[0])
    with pytest.raises(ValueError, match="has no image 4711"):
        metric.result(cases[0].truth)


def test_without_pycocotools(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(MissingDependencyError, match=r"pip install pycocotools"):
        CocoDetection().result(cases[0].truth)


# ------------------------------------------------------------------------------------ the folder


def same_as_gluoncv(case: Case, module: ModuleType = reader) -> bool:
    dataset = gluons_detection(case.root)
    images = module.coco_images(case.root, case.truth)
    assert [image.path for image in images] == dataset._items
    for image, label in zip(images, dataset._labels, strict=True):
        expected = np.array(label, np.float64)
        expected = expected[expected[:, 4] >= 0]  # GluonCV's row of an image without objects
        boxes = np.column_stack([image.objects.boxes, image.objects.classes])
        if boxes.tolist() != expected.tolist():
            return False
    return True


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_the_folder_is_read_as_gluoncv_reads_it(cases: list[Case]) -> None:
    assert all(map(same_as_gluoncv, cases[:30]))


FOLDER_MUTATIONS = {
    "edges are not part of boxes": ("x0 + max(width - 1, 0)", "x0 + width"),
    "boxes are not clipped": ("min(right, max(0, x))", "x"),
    "boxes without an area": ("or x1 <= x0 or y1 <= y0", ""),
}


@pytest.mark.mxnet
@pytest.mark.pycocotools
@pytest.mark.parametrize("name", FOLDER_MUTATIONS)
def test_a_mutation_of_the_reader_is_noticed(name: str, cases: list[Case]) -> None:
    module = mutated(reader, *FOLDER_MUTATIONS[name])
    assert not all(same_as_gluoncv(case, module) for case in cases[:10])


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


BROKEN = {
    '"width": ': (
        '"width": "x", "w": ',
        r"Expected `int`, got `str` - at `\$\.images\[0\]\.width`",
    ),
    '"images": ': ('"pictures": ', "missing required field `images`"),
    '"area": ': ('"area": 1e999, "a": ', "out of range"),
    '"category_id": ': ('"category_id": 7, "c": ', r"annotations\[0\]\.category_id is 7; expected"),
    '"image_id": ': ('"image_id": -1, "i": ', r"annotations\[0\]\.image_id is -1; expected"),
    '"id": 2,': ('"id": 1,', r"annotations\[1\] has the id 1 of an earlier one"),
    '"height": ': ('"height": 0, "h": ', r"images\[0\] has \d+×0 pixels"),
    "{": ("", "is not in COCO's format"),
}


@pytest.mark.parametrize("old", BROKEN)
def test_a_broken_file_is_refused(old: str, tmp_path: Path) -> None:
    path = write_folder(tmp_path, 3)
    new, message = BROKEN[old]
    change(path, old, new)
    with pytest.raises(DatasetError, match=message) as caught:
        read_annotations(path)
    assert str(caught.value).startswith(str(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = annotation_file(tmp_path)
    assert path == tmp_path / "annotations" / "instances_val2017.json"
    with pytest.raises(DatasetError, match="cannot be read .*expected COCO's annotations"):
        read_annotations(path)


def test_nested_lists_do_not_overflow(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text('{"images": ' + "[" * 100_000)
    with pytest.raises(DatasetError, match="is not in COCO's format"):
        read_annotations(path)


def test_a_missing_image_is_refused(tmp_path: Path) -> None:
    path = write_folder(tmp_path, 3)
    annotations = read_annotations(path)
    image = annotations.images[0]
    (tmp_path / "val2017" / image.file_name).unlink()
    with pytest.raises(DatasetError, match=f"no such file, but it is image {image.id} of"):
        coco_images(tmp_path, annotations)


@pytest.mark.parametrize("name", ["../val2017/x.jpg", "/etc/passwd"])
def test_an_image_outside_is_refused(name: str, tmp_path: Path) -> None:
    path = write_folder(tmp_path, 3)
    content = json.loads(path.read_text())
    content["images"][0] |= {"coco_url": "", "file_name": name}
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="may be outside the data set's folder"):
        coco_images(tmp_path, read_annotations(path))


def test_without_an_url_images_are_in_the_folder_of_the_split(tmp_path: Path) -> None:
    path = write_folder(tmp_path, 3)
    content = json.loads(path.read_text())
    for image in content["images"]:
        del image["coco_url"]
    expected = coco_images(tmp_path, read_annotations(path))
    path.write_text(json.dumps(content))
    found = coco_images(tmp_path, read_annotations(path))
    assert [each.path for each in found] == [each.path for each in expected]


def test_classes_must_be_the_networks(tmp_path: Path) -> None:
    annotations = read_annotations(write_folder(tmp_path, 3))
    annotations.require_names(NAMES)
    with pytest.raises(DatasetError, match="number 1 is 'cat' instead of 'dog'"):
        annotations.require_names(["person", "dog", "kite", "sink"])
    with pytest.raises(DatasetError, match="number 4 is 'none' instead of 'tv'"):
        annotations.require_names([*NAMES, "tv"])
