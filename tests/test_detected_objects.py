"""Objects from a detector's outputs; masks against GluonCV's; COCO's results."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import numpy as np
import pytest

from gluon2torch.inference.detected_objects import (
    DetectedObject,
    detected_objects,
    expand_masks,
)
from gluon2torch.sources.mxnet_compat import import_mxnet

NAMES = ("cat", "dog", "bird")
SIZE = (40, 50)  # of the image


def outputs() -> tuple[Any, Any, Any]:
    """A detector's outputs for one image: six rows, two of them empty or not a number."""
    ids = np.array([[1], [0], [-1], [2], [7], [0]], np.float32)
    scores = np.array([[0.5], [0.75], [0.9], [0.25], [0.75], [np.nan]], np.float32)
    return ids, scores, np.arange(24, dtype=np.float32).reshape(6, 4)


def test_empty_and_improbable_rows_are_left_out_and_the_others_sorted() -> None:
    found = detected_objects(*outputs(), NAMES, 0.5, SIZE)
    assert found == [
        DetectedObject("cat", 0, 0.75, (4.0, 5.0, 6.0, 7.0)),
        DetectedObject("7", 7, 0.75, (16.0, 17.0, 18.0, 19.0)),  # equal scores keep their order
        DetectedObject("dog", 1, 0.5, (0.0, 1.0, 2.0, 3.0)),
    ]
    assert [type(value) for value in (found[0].index, found[0].score, *found[0].box)] == (
        [int] + [float] * 5
    )
    assert len(detected_objects(*outputs(), NAMES, 0.2, SIZE)) == 4
    assert detected_objects(*outputs(), NAMES, 0.8, SIZE) == []


def test_equal_scores_keep_their_order() -> None:
    ids = np.arange(100)[:, None]
    found = detected_objects(ids, np.full((100, 1), 0.5), np.zeros((100, 4)), NAMES, 0.5, SIZE)
    assert [each.index for each in found] == list(range(100))


def test_masks_follow_their_rows() -> None:
    ids, scores, boxes = outputs()
    boxes[:] = [10, 10, 30, 20]
    masks = np.zeros((6, 14, 14), np.float32)
    masks[[1, 4]] = 1
    found = detected_objects(ids, scores, boxes, NAMES, 0.5, SIZE, masks)
    assert [int(each.mask.sum()) > 0 for each in found if each.mask is not None] == [
        *(True, True, False)
    ]
    whole = expand_masks(masks, boxes, SIZE)
    for each, row in zip(found, (1, 4, 0), strict=True):
        assert each.mask is not None
        assert each.mask.dtype == bool
        assert np.array_equal(each.mask, whole[row])


@pytest.mark.mxnet
def test_expanded_masks_are_gluoncvs_to_the_pixel() -> None:
    """Soft and binary masks, boxes smaller and larger than them, and beyond the image's edges."""
    import_mxnet()
    from gluoncv.utils.viz import expand_mask

    rng = np.random.default_rng(0)
    pixels = 0
    for trial in range(60):
        height, width, count = (int(n) for n in rng.integers(1, 300, 3))
        count = count % 8 + 1
        masks = rng.beta(0.3, 0.3, (count, *[(14, 28, 7)[trial % 3]] * 2)).astype(np.float32)
        if trial % 4 == 0:
            masks = masks.round()
        centres = rng.random((count, 2)) * [width - 1, height - 1]
        reach = rng.exponential(0.3, (count, 2)) * [width, height]
        boxes = np.hstack([centres - reach, centres + reach])
        boxes = boxes.astype((np.float32, np.float64)[trial % 2])
        theirs, _ = expand_mask(masks, boxes.copy(), (width, height), np.ones(count))
        ours = expand_masks(masks, boxes, (height, width))
        assert np.array_equal(ours, theirs), trial
        pixels += int(ours.sum())
    assert pixels > 600_000


def test_masks_of_impossible_boxes_are_empty() -> None:
    boxes = np.array(
        [
            [-50, -50, -20, -20],
            [200, 0, 300, 10],
            [30, 30, 10, 10],
            [np.nan, 0, 10, 10],
            [0, 0, np.inf, 10],
            [-3e38, -3e38, 3e38, 3e38],
        ],
        np.float32,
    )
    masks = np.ones((len(boxes), 14, 14))
    assert not expand_masks(masks, boxes, (100, 100)).any()
    # a box far larger than the image costs no more than the image
    huge = expand_masks(masks[:1], np.array([[-1e9, -1e9, 1e9, 1e9]]), (100, 100))
    assert huge.all()


def test_objects_have_the_fields_of_coco(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2:4] = True
    objects = [
        DetectedObject("cat", 0, 0.75, (4.0, 5.0, 6.5, 9.0)),
        DetectedObject("bird", 2, 0.5, (0.0, 0.0, 1.0, 1.0), mask),
    ]
    results = json.loads(json.dumps([each.as_dict() for each in objects]))
    segmentation = results[1].pop("segmentation", None)
    assert results == [
        {"label": "cat", "category_id": 0, "bbox": [4.0, 5.0, 3.5, 5.0], "score": 0.75},
        {"label": "bird", "category_id": 2, "bbox": [0.0, 0.0, 2.0, 2.0], "score": 0.5},
    ]
    assert (segmentation is not None) == (importlib.util.find_spec("pycocotools") is not None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert objects[1].as_dict() == results[1]


@pytest.mark.pycocotools
def test_run_lengths_are_read_back_by_pycocotools() -> None:
    from pycocotools import mask as coder

    mask = np.random.default_rng(0).random((37, 53)) > 0.5
    result = DetectedObject("cat", 0, 0.75, (0.0, 0.0, 1.0, 1.0), mask).as_dict()
    assert np.array_equal(coder.decode(json.loads(json.dumps(result["segmentation"]))), mask)
