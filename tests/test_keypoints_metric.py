"""COCO's average precision of keypoints, and its folder, against GluonCV."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import pickle
from dataclasses import astuple
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gluon2torch.errors import DatasetError
from gluon2torch.inference.datasets import coco_persons as reader
from gluon2torch.inference.datasets.coco_annotations import read_annotations
from gluon2torch.inference.datasets.coco_persons import coco_persons
from gluon2torch.inference.metrics import keypoints
from gluon2torch.inference.metrics.keypoints import Keypoints
from gluon2torch.sources.mxnet_compat import import_mxnet

from .coco_folder import objects, write_folder
from .mutated_module import mutated

SEEDS = range(60)
KIND = "person_keypoints"


def persons(random: np.random.Generator, images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Annotations of persons, some without keypoints."""
    annotations = objects(random, images)
    for each in annotations:
        x0, y0, width, height = each["bbox"]
        points = random.uniform((x0, y0), (x0 + width + 1, y0 + height + 1), (17, 2)).round()
        visibility = random.integers(0, 3, (17, 1)) * (random.random() < 0.8)
        rows = np.hstack([points * (visibility > 0), visibility]).clip(0)
        each |= {
            "category_id": 1,
            "keypoints": rows.ravel().astype(int).tolist(),
            "num_keypoints": int((visibility > 0).sum()),
        }
    return annotations


class Case:
    """A data set, and keypoints that were found near the true ones."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.path = write_folder(root, seed, KIND, persons)
        self.truth = read_annotations(self.path)
        images = coco_persons(root, self.truth)
        self.persons = [person for image in images for person in image.persons]
        self.images = [image.number for image in images for _ in image.persons]
        random = np.random.default_rng(seed)
        count = len(self.persons)
        shifts = random.normal(0, random.choice([0.5, 3]), (count, 17, 2))
        points = [person.points + shift for person, shift in zip(self.persons, shifts, strict=True)]
        self.points = np.array(points, np.float32).reshape(count, 17, 2)
        self.confidences = random.uniform(0, 1, (count, 17, 1)).astype(np.float32)
        self.confidences[random.random(count) < 0.3] = 0.1  # none is confident
        self.scores = random.choice([1, 0.7], count).astype(np.float32)

    def ours(self, module: ModuleType = keypoints) -> list[float]:
        metric = module.Keypoints()
        self.update(metric)
        return list(astuple(metric.result(self.truth)))

    def update(self, *metrics: Keypoints) -> None:
        """Give the metrics an image in turn."""
        for number, image in enumerate(dict.fromkeys(self.images)):
            rows = np.flatnonzero(np.array(self.images) == image)
            found = [(self.points[row], self.confidences[row], self.scores[row]) for row in rows]
            metrics[number % len(metrics)].update(image, found)

    @functools.cached_property
    def dataset(self) -> Any:
        import_mxnet()
        from gluoncv.data import COCOKeyPoints

        with contextlib.redirect_stdout(io.StringIO()):
            return COCOKeyPoints(str(self.root), (f"{KIND}_val2017",))

    @functools.cached_property
    def gluons(self) -> list[float]:
        mxnet = import_mxnet()
        from gluoncv.utils.metrics.coco_keypoints import COCOKeyPointsMetric

        images = np.array(self.images, np.float32)
        arrays = (self.points, self.confidences, self.scores, images)
        with contextlib.redirect_stdout(io.StringIO()):
            metric = COCOKeyPointsMetric(self.dataset, str(self.root / "results"), use_time=False)
            metric.update(*(mxnet.nd.array(array) for array in arrays))
            values = metric.get()[0].values()
        return [float("nan") if value == -1 else float(value) for value in values]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    root = tmp_path_factory.mktemp("keypoints")
    cases = [Case(root / str(seed), seed) for seed in SEEDS]
    return [case for case in cases if case.persons]  # GluonCV fails without


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
    assert len(cases) > 50
    assert largest_difference(cases, keypoints) == 0


MUTATIONS = {
    "another threshold": ("CONFIDENCE_THRESHOLD = 0.2", "CONFIDENCE_THRESHOLD = 0.7"),
    "the sum of confidences": ("sum(confident) / len(confident)", "sum(confident)"),
    "the score of the box does not count": ("mean * float(score)", "mean"),
    "who is not confident has a score": ("if confident else 0.0", "if confident else 1.0"),
    "x and y are exchanged": ("np.column_stack([points,", "np.column_stack([points[:, ::-1],"),
}


@pytest.mark.mxnet
@pytest.mark.pycocotools
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str, cases: list[Case]) -> None:
    assert largest_difference(cases[:25], mutated(keypoints, *MUTATIONS[name])) > 1e-6


@pytest.mark.pycocotools
def test_processes_that_share_the_persons_find_the_same(cases: list[Case]) -> None:
    for case in cases[:5]:
        parts = [Keypoints(), Keypoints()]
        case.update(*parts)
        parts[1].merge(pickle.loads(pickle.dumps(parts[0])))
        assert repr(list(astuple(parts[1].result(case.truth)))) == repr(case.ours())


@pytest.mark.pycocotools
def test_nobody_found_is_zero(cases: list[Case]) -> None:
    result = Keypoints().result(cases[0].truth)
    assert (result.ap, result.ar) == (0, 0)


@pytest.mark.pycocotools
def test_the_number_of_the_class_person_is_that_of_the_file(tmp_path: Path) -> None:
    case = Case(tmp_path, 3)
    expected = case.ours()
    assert expected[0] > 0
    content = json.loads(case.path.read_text())
    for row in [*content["annotations"], *content["categories"]]:
        row["id" if "name" in row else "category_id"] = 5
    case.path.write_text(json.dumps(content))
    case.truth = read_annotations(case.path)
    assert repr(case.ours()) == repr(expected)  # NaN without large persons


def test_wrong_arguments(cases: list[Case]) -> None:
    metric = Keypoints()
    with pytest.raises(ValueError, match="COCO has 17"):
        metric.update(1, [(np.zeros((16, 2)), np.zeros(16), 1.0)])
    metric.update(4711, [(np.zeros((17, 2)), np.zeros(17), 1.0)])
    with pytest.raises(ValueError, match="has no image 4711"):
        metric.result(cases[0].truth)


# ------------------------------------------------------------------------------------ the folder


def same_as_gluoncv(case: Case, module: ModuleType = reader) -> bool:
    found = [
        (image.path, each.box.tolist(), (each.points.T * each.visible).tolist())
        for image in module.coco_persons(case.root, case.truth)
        for each in image.persons
    ]
    expected = []
    for path, label in zip(case.dataset._items, case.dataset._labels, strict=True):
        joints = label["joints_3d"].astype(np.float64)
        points = joints[:, :2, 0] * joints[:, :2, 1]
        expected.append((path, list(map(float, label["bbox"])), points.T.tolist()))
    return found == expected


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_the_folder_is_read_as_gluoncv_reads_it(cases: list[Case]) -> None:
    assert all(map(same_as_gluoncv, cases))


READER_MUTATIONS = {
    "crowds are persons": ("if each.iscrowd or ", "if "),
    "keypoints are not needed": (" or not visible.any()", ""),
    "boxes are not needed": (
        "if corners is None or",
        "corners = corners or each.bbox\n        if",
    ),
    "hidden keypoints are not labelled": ("keypoints[:, 2] > 0", "keypoints[:, 2] > 1"),
}


@pytest.mark.mxnet
@pytest.mark.pycocotools
@pytest.mark.parametrize("name", READER_MUTATIONS)
def test_a_mutation_of_the_reader_is_noticed(name: str, cases: list[Case]) -> None:
    module = mutated(reader, *READER_MUTATIONS[name])
    assert not all(same_as_gluoncv(case, module) for case in cases)


def test_keypoints_must_be_complete(tmp_path: Path) -> None:
    path = write_folder(tmp_path, 3, KIND, persons)
    content = json.loads(path.read_text())
    for each in content["annotations"]:
        each |= {"keypoints": [1, 2, 3], "iscrowd": 0}
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="has 3 numbers in `keypoints`; expected 51"):
        coco_persons(tmp_path, read_annotations(path))
