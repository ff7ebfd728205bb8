"""Pixel accuracy and mean IoU, against GluonCV's metric."""

from __future__ import annotations

import functools
import pickle
from types import ModuleType

import numpy as np
import pytest

from gluon2torch.inference.metrics import segmentation
from gluon2torch.inference.metrics.segmentation import Segmentation, SegmentationResult
from gluon2torch.sources.mxnet_compat import import_mxnet

from .mutated_module import mutated

SEEDS = range(200)
Batch = tuple[np.ndarray, np.ndarray]


def classes_of(seed: int) -> int:
    return 1 + seed % 9


def batches(seed: int) -> list[Batch]:
    """Logits and labels of images of random sizes.

    Equal logits occur, and labels that are ignored or that the metric does not have.
    """
    random, classes = np.random.default_rng(seed), classes_of(seed)
    found = []
    for _ in range(random.integers(1, 4)):
        count, height, width = random.integers(1, 5, 3)
        logits = random.integers(0, 4, (count, classes, height, width)).astype(np.float32)
        labels = random.integers(-2, classes + 1, (count, height, width))
        labels = np.where(random.random(labels.shape) < 0.5, logits.argmax(1), labels)
        found.append((logits, labels.astype(np.int32)))
    return found


def ours(seed: int, module: ModuleType = segmentation) -> SegmentationResult:
    metric = module.Segmentation(classes_of(seed))
    for logits, labels in batches(seed):
        metric.update(logits.argmax(1), labels)
    result: SegmentationResult = metric.result()
    return result


@functools.cache
def gluons(seed: int) -> tuple[float, float]:
    mxnet = import_mxnet()
    from gluoncv.utils.metrics.segmentation import SegmentationMetric

    metric = SegmentationMetric(classes_of(seed))
    for logits, labels in batches(seed):
        metric.update(mxnet.nd.array(labels, dtype="int32"), mxnet.nd.array(logits))
    accuracy, iou = metric.get()
    return float(accuracy), float(iou)


def equal(module: ModuleType) -> bool:
    results = [ours(seed, module) for seed in SEEDS]
    return [(each.pixel_accuracy, each.mean_iou) for each in results] == [*map(gluons, SEEDS)]


@pytest.mark.mxnet
def test_it_equals_gluoncv() -> None:
    assert equal(segmentation)


MUTATIONS = {
    "ignored pixels are predicted": (
        "predicted = np.ravel(predicted)[labels >= 0]",
        "labels = labels.clip(0)\n        predicted = np.ravel(predicted)",
    ),
    "the intersection counts twice": ("sum(areas) - intersection", "sum(areas)"),
    "another small number": ("np.spacing(1)", "1e-12"),
    "unknown classes are ignored": ("_labelled += len(labels)", "_labelled += areas[1].sum()"),
    "only classes that occur": ("float(iou.mean())", "float(iou[self._union > 0].mean())"),
}


@pytest.mark.mxnet
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str) -> None:
    assert not equal(mutated(segmentation, *MUTATIONS[name]))


def test_processes_that_share_the_images_find_the_same() -> None:
    for seed in range(30):
        parts = [Segmentation(classes_of(seed)) for _ in range(2)]
        for number, (logits, labels) in enumerate(batches(seed)):
            parts[number % 2].update(logits.argmax(1), labels)
        parts[0].merge(pickle.loads(pickle.dumps(parts[1])))
        assert parts[0].result() == ours(seed)


def test_by_hand() -> None:
    metric = Segmentation(3)
    metric.update(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, -1]]))
    result = metric.result()
    assert result.pixel_accuracy == pytest.approx(2 / 3, abs=1e-15)
    assert result.per_class == pytest.approx((0.5, 0.5, 0), abs=1e-15)
    assert result.mean_iou == pytest.approx(1 / 3, abs=1e-15)


def test_sizes_must_be_equal() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) pixels are predicted, and \(3, 2\)"):
        Segmentation(2).update(np.zeros((2, 3)), np.zeros((3, 2)))
