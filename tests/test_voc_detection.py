"""Mean average precision of detections, against GluonCV's metrics."""

from __future__ import annotations

import functools
import math
import pickle
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gluon2torch.inference.datasets.annotated_image import Objects
from gluon2torch.inference.metrics import voc_detection
from gluon2torch.inference.metrics.voc_detection import VocDetection, VocResult
from gluon2torch.sources.mxnet_compat import import_mxnet

from .mutated_module import mutated

CLASSES = 4
SEEDS = range(200)


@dataclass(frozen=True)
class Sample:
    """A detector's outputs for an image, with empty rows, and the objects in the image."""

    ids: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    truth: Objects


def boxes_of(random: np.random.Generator, count: int, dtype: Any) -> np.ndarray:
    """Boxes in an image of 60 × 60 pixels."""
    corners = random.uniform(0, 40, (count, 2))
    return np.hstack([corners, corners + random.uniform(1, 20, (count, 2))]).astype(dtype)


def sample(random: np.random.Generator) -> Sample:
    """An image; some images have no objects, others no detections, and scores are often equal."""
    dtype = random.choice([np.float32, np.float64])
    objects = random.integers(0, 6)
    found = random.integers(0, 12)
    truth = Objects(
        random.integers(0, CLASSES - 1, objects),
        boxes_of(random, objects, np.float32),
        random.random(objects) < 0.3,
    )
    boxes = boxes_of(random, found, dtype)
    ids = random.integers(-1, CLASSES, found)
    for row in range(found):
        if objects and random.random() < 0.7:  # near an object, so that it may be right
            nearest = random.integers(objects)
            boxes[row] = truth.boxes[nearest] + random.normal(0, 1.5, 4)
            if random.random() < 0.8:
                ids[row] = truth.classes[nearest]
    scores = random.choice([random.random(found), random.integers(1, 5, found) / 5])
    return Sample(ids[:, None].astype(dtype), scores[:, None].astype(dtype), boxes, truth)


def samples(seed: int) -> list[Sample]:
    random = np.random.default_rng(seed)
    return [sample(random) for _ in range(random.integers(1, 7))]


def ours(images: list[Sample], module: ModuleType = voc_detection, **options: Any) -> VocResult:
    metric = module.VocDetection(CLASSES, **options)
    for number, image in enumerate(images):
        metric.update(number, image.ids, image.scores, image.boxes, image.truth)
    result: VocResult = metric.result()
    return result


@functools.cache
def gluons(seed: int, iou_threshold: float, eleven_points: bool) -> VocResult:
    """What GluonCV computes; it refuses to if there is neither an object nor a detection."""
    import_mxnet()
    from gluoncv.utils.metrics.voc_detection import VOC07MApMetric, VOCMApMetric

    kind = VOC07MApMetric if eleven_points else VOCMApMetric
    metric = kind(iou_threshold, [f"class {each}" for each in range(CLASSES)])
    for image in samples(seed):
        metric.update(
            image.boxes[None],
            image.ids[None],
            image.scores[None],
            image.truth.boxes[None],
            image.truth.classes[None],
            image.truth.difficult[None],
        )
    with warnings.catch_warnings():  # where no class occurs
        warnings.simplefilter("ignore")
        values = metric.get()[1]
    return VocResult(values[-1], tuple(values[:-1]))


def largest_difference(module: ModuleType, eleven_points: bool) -> float:
    """Of all random cases; infinite where only one of the two is a number."""
    worst = 0.0
    for seed in SEEDS:
        images = samples(seed)
        if not any(len(image.truth.classes) for image in images):
            continue
        threshold = (0.5, 0.3, 0.75)[seed % 3]
        options: Any = {"iou_threshold": threshold, "eleven_points": eleven_points}
        result, expected = ours(images, module, **options), gluons(seed, threshold, eleven_points)
        pairs = [(result.mean, expected.mean)]
        pairs += zip(result.per_class, expected.per_class, strict=True)
        for ours_, theirs in pairs:
            if math.isnan(ours_) != math.isnan(theirs):
                return float("inf")
            worst = max(worst, 0.0 if math.isnan(theirs) else abs(ours_ - theirs))
    return worst


@pytest.mark.mxnet
@pytest.mark.parametrize("eleven_points", [False, True])
def test_it_equals_gluoncv(eleven_points: bool) -> None:
    assert largest_difference(voc_detection, eleven_points) == 0


MUTATIONS = {
    "edges are not part of boxes": ("boxes[:, 2:] += 1", "boxes[:, 2:] += 0"),
    "difficult objects count": ("if difficult[best]:", "if False:"),
    "an object is found twice": ("taken[best] = True", "pass"),
    "by rising score": ("scores.argsort()[::-1]", "scores.argsort()"),
    "equal scores in their order": ("scores.argsort()[::-1]", '(-scores).argsort(kind="stable")'),
    "difficult objects are missed": ("np.logical_not(difficult).sum()", "len(difficult)"),
    "absent classes count": ('if objects == 0:\n            return float("nan")', "objects += 1"),
    "another threshold": ("< iou_threshold:", "< 0.5:"),
    "a falling precision is not restored": ("np.maximum.accumulate(precision[::-1])", "precision"),
}


@pytest.mark.mxnet
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str) -> None:
    assert largest_difference(mutated(voc_detection, *MUTATIONS[name]), False) > 1e-6


@pytest.mark.mxnet
def test_a_mutation_of_the_eleven_points_is_noticed() -> None:
    wrong = mutated(voc_detection, "precision[recall >= least]", "precision[recall > least]")
    assert largest_difference(wrong, True) > 1e-6


def metric_of(images: list[Sample], part: slice) -> VocDetection:
    metric = VocDetection(CLASSES)
    for number in range(len(images))[part]:
        image = images[number]
        metric.update(number, image.ids, image.scores, image.boxes, image.truth)
    return metric


def test_processes_that_share_the_images_find_the_same() -> None:
    for seed in range(30):
        images = samples(seed)
        first, second = (metric_of(images, slice(part, None, 2)) for part in (1, 0))
        first.merge(pickle.loads(pickle.dumps(second)))
        assert repr(first.result()) == repr(ours(images))


def test_an_image_is_counted_once() -> None:
    images = samples(1)
    metric = metric_of(images, slice(None))
    with pytest.raises(ValueError, match="image 0 was counted twice"):
        metric.merge(metric_of(images, slice(1)))
    with pytest.raises(ValueError, match="image 0 was already counted"):
        metric.update(0, images[0].ids, images[0].scores, images[0].boxes, images[0].truth)


def test_by_hand() -> None:
    """Two objects; one is found first, then a wrong box, then the other: (1 + 2/3) / 2."""
    truth = Objects(np.zeros(2), np.array([[0, 0, 9, 9], [20, 20, 29, 29.0]]), np.zeros(2, bool))
    boxes = np.array([[0, 0, 9, 9], [50, 50, 59, 59], [20, 20, 29, 29.0]])
    metric = VocDetection(2)
    metric.update(7, np.zeros(3), np.array([0.9, 0.8, 0.7]), boxes, truth)
    assert metric.result().mean == pytest.approx((1 + 2 / 3) / 2, abs=1e-15)
    assert math.isnan(metric.result().per_class[1])


def test_without_images_there_is_no_number() -> None:
    result = VocDetection(2).result()
    assert math.isnan(result.mean)
    assert len(result.per_class) == 2
