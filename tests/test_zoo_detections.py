"""Detections of converted networks in pictures, one by one, against GluonCV's own networks, which
MXNet builds and runs in float64.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gluon2torch.graph.importer import build_module
from gluon2torch.graph.symbols.precision import limits
from gluon2torch.graph.symbols.symbol_writer import symbol_json
from gluon2torch.graph.zoo.zoo_graph import load_zoo_graph
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.parity.detection_rows import in_order_of
from gluon2torch.parity.exported_reference import ExportedReference
from gluon2torch.parity.head_measurement import run
from gluon2torch.sources.arrays import Array, Arrays
from gluon2torch.sources.source import Source
from gluon2torch.sources.zoo_arrays import load_zoo_arrays

from .graph_structure import traced
from .images import smooth
from .zoo_proof import with_proposals

ZOO = load_zoo()
HEIGHT, WIDTH = 96, 128
FEW = 20  # proposals of Faster R-CNN
# the network, and how many images it takes at once
CASES = [
    ("ssd_300_mobilenet0.25_voc", (1, 4)),
    ("yolo3_mobilenet0.25_voc", (1, 4)),
    ("center_net_mobilenetv3_small_duc_voc", (1, 4)),
    ("faster_rcnn_resnet50_v1b_voc", (1,)),
]


def pictures(count: int) -> Array:
    """Images (N, C, H, W) as GluonCV's detectors take them."""
    pixels = np.stack([smooth(HEIGHT, WIDTH, seed) for seed in range(count)]).astype(np.float64)
    normalised = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


def detections(images: Array, batch: int, network: Callable[[Array], Arrays]) -> list[Arrays]:
    """The ids, scores and boxes of each image."""
    found = []
    for start in range(0, len(images), batch):
        heads = network(images[start : start + batch])
        found += [{key: each[n : n + 1] for key, each in heads.items()} for n in range(batch)]
    return found


def few_proposals(net: Any) -> None:
    net._rpn_test_post_nms = net.rpn._test_post_nms = net._rcnn_max_dets = FEW


def check(name: str, batches: tuple[int, ...], count: int) -> None:
    entry, images = ZOO[name], pictures(count)
    stored, rcnn = load_zoo_graph(entry), "rcnn" in entry.family
    arrays = load_zoo_arrays(entry, stored.shapes, stored.constants, Source("random", seed=4))
    theirs = symbol_json(traced(entry, few_proposals if rcnn else None).graph)
    reference = ExportedReference(name, arrays, ("float64",), theirs, any_dtype=True)
    reference.cast("float64")
    gc.collect()  # MXNet's blocks refer to one another, with all their arrays
    graph = with_proposals(stored.graph, FEW) if rcnn else stored.graph
    limit = limits(graph)["float64"]
    for batch in batches:
        shape = {"data": (batch, 3, HEIGHT, WIDTH)}
        module = build_module(graph, arrays, dtype="float64", inputs=shape, any_dtype=True)
        expected = detections(images, batch, lambda data: reference({"data": data}))
        actual = detections(
            images,
            batch,
            lambda data, module=module: {  # type: ignore[misc]
                f"head{n}": head for n, head in enumerate(run(module, {"data": data}))
            },
        )
        for number, (wanted, found) in enumerate(zip(expected, actual, strict=True)):
            where = f"image {number}, in a batch of {batch}"
            (ids, *numbers), (own_ids, *own) = wanted.values(), in_order_of(wanted, found).values()
            assert (ids >= 0).sum() >= 20, where
            assert np.array_equal(own_ids, ids), where
            for mine, one in zip(own, numbers, strict=True):
                assert np.abs(mine - one).max() <= limit * np.abs(one).max(), where


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.parametrize(("name", "batches"), CASES, ids=[row[0] for row in CASES])
def test_detections_are_gluoncvs(name: str, batches: tuple[int, ...]) -> None:
    check(name, batches, max(batches))


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.parametrize(("name", "batches"), CASES, ids=[row[0] for row in CASES])
def test_detections_in_twenty_pictures_are_gluoncvs(name: str, batches: tuple[int, ...]) -> None:
    check(name, batches, 20)
