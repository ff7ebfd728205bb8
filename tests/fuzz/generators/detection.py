"""Boxes, anchors, proposals and non-maximum suppression.

Coordinates and scores are often on a coarse grid, so that many are equal, and boxes may be empty,
inverted or outside the image.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..operator_case import Case

Values = np.ndarray[Any, Any]
BOTH = ("float32", "float64")


def dtype(rng: np.random.Generator) -> str:
    return str(rng.choice(BOTH))


def scores(rng: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Probabilities, half of the time with many that are equal."""
    values = rng.random(shape)
    return np.round(values * 4) / 4 if rng.random() < 0.5 else values


def boxes(rng: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Boxes with corners, mostly near each other; some are inverted, empty or negative."""
    centers = rng.uniform(-0.1, 1.1, (*shape, 2))
    sides = rng.uniform(-0.05 if rng.random() < 0.3 else 0.05, 0.6, (*shape, 2))
    values = np.concatenate([centers - sides / 2, centers + sides / 2], -1)
    return np.round(values * 8) / 8 if rng.random() < 0.3 else values


def flag(rng: np.random.Generator, likely: float = 0.5) -> str:
    return str(bool(rng.random() < likely))


def formats(rng: np.random.Generator, *names: str) -> dict[str, str]:
    """A random format for each of the attributes that are present."""
    return {name: str(rng.choice(["corner", "center"])) for name in names if rng.random() < 0.7}


def box_nms(rng: np.random.Generator) -> Case:
    lead: tuple[int, ...] = [(), (1,), (3,), (2, 2)][rng.integers(4)]
    count, kind = int(rng.integers(1, 40)), dtype(rng)
    labels = rng.integers(-1, 3, (*lead, count, 1)) + (0.4 if rng.random() < 0.2 else 0.0)
    parts = {"id": labels, "score": scores(rng, (*lead, count, 1)) - rng.choice([0.0, 0.3, 2.0])}
    order = list(rng.permutation(["id", "score", "box", "more"]))
    values, columns, place = [], {}, 0
    for name in order:
        each = boxes(rng, (*lead, count)) if name == "box" else parts.get(name)
        each = rng.random((*lead, count, int(rng.integers(0, 3)))) if each is None else each
        columns[name], place = place, place + each.shape[-1]
        values.append(each)
    attributes = {
        "coord_start": str(columns["box"]),
        "score_index": str(columns["score"]),
        "id_index": str(columns["id"] if rng.random() < 0.7 else -1),
        "background_id": str(rng.integers(-1, 2)),
        "overlap_thresh": str(rng.choice([0.0, 0.1, 0.3, 0.5, 0.7, 1.0, -0.1])),
        "valid_thresh": str(rng.choice([0.0, 0.1, 0.5, 0.9])),
        "topk": str(rng.choice([-1, 0, 1, 5, 20, 100])),
        "force_suppress": flag(rng),
        **formats(rng, "in_format", "out_format"),
    }
    return Case("_contrib_box_nms", attributes, {"data": np.concatenate(values, -1).astype(kind)})


def box_iou(rng: np.random.Generator) -> Case:
    kind = dtype(rng)
    shapes = [tuple(rng.integers(1, 6, rng.integers(1, 4))) for _ in range(2)]
    left, right = (boxes(rng, shape).astype(kind) for shape in shapes)
    return Case("_contrib_box_iou", formats(rng, "format"), {"left": left, "right": right})


def box_decode(rng: np.random.Generator) -> Case:
    kind, batch, count = dtype(rng), int(rng.integers(1, 4)), int(rng.integers(1, 9))
    attributes = formats(rng, "format")
    for place in range(4):
        if rng.random() < 0.7:
            attributes[f"std{place}"] = str(round(rng.uniform(0.05, 2), 3))
    if rng.random() < 0.5:
        attributes["clip"] = str(rng.choice([-1.0, 0.0, 0.1, 0.7]))
    data = {"data": rng.normal(0, 1, (batch, count, 4)), "anchors": boxes(rng, (1, count))}
    return Case("_contrib_box_decode", attributes, {k: v.astype(kind) for k, v in data.items()})


def box_encode(rng: np.random.Generator) -> Case:
    kind, batch, count = dtype(rng), int(rng.integers(1, 4)), int(rng.integers(1, 9))
    labels = int(rng.integers(1, 5))
    sides = rng.uniform(0.1, 0.5, (batch, count + labels, 2))
    places = rng.random((batch, count + labels, 2))
    both = np.concatenate([places, places + sides], -1)
    data = {
        "samples": rng.integers(-1, 2, (batch, count)),
        "matches": rng.integers(0, labels, (batch, count)),
        "anchors": both[:, :count],
        "refs": both[:, count:],
        "means": rng.normal(0, 1, 4),
        "stds": rng.uniform(0.1, 2, 4),
    }
    data = {k: v.astype(kind) for k, v in data.items()}
    return Case("_contrib_box_encode", {}, data, outputs=2)


def bipartite_matching(rng: np.random.Generator) -> Case:
    lead: tuple[int, ...] = [(), (1,), (3,), (2, 2)][rng.integers(4)]
    shape = (*lead, int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    attributes = {
        "threshold": str(rng.choice([1e-12, 0.25, 0.5, 0.8])),
        "is_ascend": flag(rng),
        "topk": str(rng.choice([-1, 0, 1, 3])),
    }
    data = {"data": scores(rng, shape).astype(dtype(rng))}
    return Case("_contrib_bipartite_matching", attributes, data, outputs=2)


def multibox_prior(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(1, 9, 4))
    numbers = np.round(rng.uniform(0.1, 1.2, rng.integers(1, 4)), 3)
    ratios = np.round(rng.uniform(0.2, 4, rng.integers(1, 4)), 3)
    attributes = {"sizes": str(tuple(numbers.tolist())), "ratios": str(tuple(ratios.tolist()))}
    if rng.random() < 0.4:
        attributes["steps"] = str(rng.choice(["(0.1, 0.3)", "(-1, -1)", "(0.25,0.125)"]))
    if rng.random() < 0.4:
        attributes["offsets"] = str(rng.choice(["(0, 1)", "(0.25, 0.5)"]))
    if rng.random() < 0.5:
        attributes["clip"] = flag(rng)
    return Case("_contrib_MultiBoxPrior", attributes, {"data": np.ones(shape, np.float32)})


def anchors(rng: np.random.Generator, count: int) -> Values:
    places, sides = rng.random((1, count, 2)), rng.uniform(0.1, 0.6, (1, count, 2))
    values = np.concatenate([places - sides / 2, places + sides / 2], -1)
    return np.round(values * 8) / 8 + [0, 0, 0.125, 0.125] if rng.random() < 0.3 else values


def multibox_target(rng: np.random.Generator) -> Case:
    batch, count, classes = (int(n) for n in rng.integers(1, (4, 30, 4)))
    most = int(rng.integers(1, 6))
    labels = np.full((batch, most, 5 + int(rng.integers(0, 2))), -1.0)
    for each in labels:
        present = int(rng.integers(0, most + 1))
        each[:present, 0] = rng.integers(0, classes, present)
        each[:present, 1:5] = anchors(rng, max(present, 1))[0, :present]
    attributes = {
        "overlap_threshold": str(rng.choice([0.5, 0.3, 0.0, -1.0])),
        "ignore_label": str(rng.choice([-1, -2, 7])),
        "negative_mining_thresh": str(rng.choice([0.5, 0.9])),
        "negative_mining_ratio": str(rng.choice([-1.0, 0.5, 1.0, 3.0])),
        "minimum_negative_samples": str(rng.choice([0, 3])),
    }
    if rng.random() < 0.5:
        attributes["variances"] = "(0.2, 0.1, 0.3, 0.4)"
    data = {
        "anchor": anchors(rng, count),
        "label": labels,
        "cls_pred": np.round(rng.normal(0, 2, (batch, classes + 1, count)), 1),
    }
    data = {k: v.astype(np.float32) for k, v in data.items()}
    return Case("_contrib_MultiBoxTarget", attributes, data, outputs=3)


def multibox_detection(rng: np.random.Generator) -> Case:
    batch, count, classes = (int(n) for n in rng.integers(1, (4, 40, 5)))
    attributes = {
        "threshold": str(rng.choice([0.01, 0.25, 0.6, 2.0])),
        "nms_threshold": str(rng.choice([0.5, 0.3, 0.1, 0.0, 1.0, 1.5])),
        "nms_topk": str(rng.choice([-1, 0, 1, 10, 100])),
        "force_suppress": flag(rng),
        "clip": flag(rng),
        "background_id": str(rng.choice([0, 1])),
    }
    if rng.random() < 0.5:
        attributes["variances"] = "(0.2, 0.1, 0.3, 0.4)"
    data = {
        "cls_prob": scores(rng, (batch, classes, count)),
        "loc_pred": rng.normal(0, 1, (batch, 4 * count)) * rng.choice([0, 0.3]),
        "anchor": anchors(rng, count),
    }
    data = {k: v.astype(np.float32) for k, v in data.items()}
    return Case("_contrib_MultiBoxDetection", attributes, data)


def proposal(rng: np.random.Generator, op: str) -> Case:
    """Proposals; scores are all different, since MXNet's sorting of equal ones is not stable.

    So that the scores of boxes that are too small or outside the image, which are all −1, are
    sorted in a known order, there are up to 16 of them: libstdc++ sorts so few by insertion.
    """
    batch = 1 if op == "_contrib_Proposal" else int(rng.integers(1, 4))
    few = rng.random() < 0.5
    height, width = (int(n) for n in rng.integers(1, 3 if few else 7, 2))
    scales, ratios = rng.choice(["(2,)", "(4, 8)"]), rng.choice(["(1,)", "(0.5, 1)", "(0.7,)"])
    count = len(literal_eval(scales)) * len(literal_eval(ratios))
    stride = int(rng.choice([8, 16]))
    sizes = [stride * height, stride * width]
    if few and rng.random() < 0.5:
        sizes = [stride * int(rng.integers(1, n + 1)) for n in (height, width)]
    attributes = {
        "scales": str(scales),
        "ratios": str(ratios),
        "feature_stride": str(stride),
        "rpn_pre_nms_top_n": str(rng.choice([6000, 12, 3])),
        "rpn_post_nms_top_n": str(rng.choice([1, 4, 20])),
        "threshold": str(rng.choice([0.7, 0.5, 0.3])),
        "rpn_min_size": str(rng.choice([16, 8]) if few else 0),
        "output_score": flag(rng),
        "iou_loss": flag(rng, 0.3),
    }
    shape = (batch, 2 * count, height, width)
    probabilities = rng.permutation(np.prod(shape)).reshape(shape) / np.prod(shape)
    offsets = rng.normal(0, 1, (batch, 4 * count, height, width))
    offsets *= rng.choice([0, 0.3]) * (stride if attributes["iou_loss"] == "True" else 1)
    images = [[*sizes, float(rng.choice([1.0, 1.5]))]] * batch
    data = {"cls_prob": probabilities, "bbox_pred": offsets, "im_info": np.array(images)}
    data = {k: v.astype(np.float32) for k, v in data.items()}
    return Case(op, attributes, data, outputs=1 + (attributes["output_score"] == "True"))


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    "_contrib_box_nms": box_nms,
    "_contrib_box_iou": box_iou,
    "_contrib_box_decode": box_decode,
    "_contrib_box_encode": box_encode,
    "_contrib_bipartite_matching": bipartite_matching,
    "_contrib_MultiBoxPrior": multibox_prior,
    "_contrib_MultiBoxTarget": multibox_target,
    "_contrib_MultiBoxDetection": multibox_detection,
    **{op: partial(proposal, op=op) for op in ("_contrib_Proposal", "_contrib_MultiProposal")},
}
