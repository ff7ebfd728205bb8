"""COCO's average precision of masks and boxes, against GluonCV's metric of Mask R-CNN."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import pickle
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from gluon2torch.errors import DatasetError
from gluon2torch.graph.importer import build_module
from gluon2torch.inference.datasets.coco_annotations import read_annotations
from gluon2torch.inference.metrics import coco_instances
from gluon2torch.inference.metrics.coco_instances import MEASURES, CocoInstances
from gluon2torch.inference.runner import Setup
from gluon2torch.inference.tasks.detection_evaluator import CocoEvaluator
from gluon2torch.inference.tasks.detector import Detector
from gluon2torch.inference.tasks.task_network import TaskNetwork
from gluon2torch.inference.tasks.task_options import TaskOptions
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from .coco_folder import NAMES, write_folder
from .images import smooth
from .mutated_module import mutated
from .zoo_program import random_program
from .zoo_proof import with_proposals

SEEDS = range(30)
Outputs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Case:
    """A data set, and the outputs of a Mask R-CNN for its images."""

    def __init__(self, root: Path, seed: int) -> None:
        self.path = write_folder(root, seed)
        self.truth = read_annotations(self.path)
        random = np.random.default_rng(1000 + seed)
        self.outputs = [self.detect(random, image.id) for image in self.truth.images]

    def detect(self, random: np.random.Generator, image: int) -> Outputs:
        """Boxes near the objects, some scores equal and some small, and masks with soft edges."""
        ids = [category.id for category in self.truth.categories]
        near = [each for each in self.truth.annotations if each.image_id == image] * 2
        count = len(near) + 2
        classes = random.integers(-1, len(NAMES) + 1, count).astype(np.float32)
        scores = random.choice([0.0004, 0.0014, 0.3, 0.3001, 0.3004, random.random()], count)
        boxes = random.uniform(0, 60, (count, 4))
        boxes[:, 2:] += boxes[:, :2] + 3
        for row, each in enumerate(near):
            x0, y0, width, height = each.bbox
            boxes[row] = np.array([x0, y0, x0 + width, y0 + height]) + random.normal(0, 0.7, 4)
            classes[row] = ids.index(each.category_id)
        size = next(each for each in self.truth.images if each.id == image)
        boxes = boxes.clip(0, [size.width - 4, size.height - 4] * 2)
        boxes[:, 2:] = boxes[:, 2:].clip(boxes[:, :2] + 3)
        masks = random.uniform(0.4, 1, (count, 28, 28)).astype(np.float32)
        return classes[:, None], scores.astype(np.float32)[:, None], boxes.astype("f4"), masks

    def ours(self, module: ModuleType = coco_instances) -> list[float]:
        metric = module.CocoInstances()
        for image, outputs in zip(self.truth.images, self.outputs, strict=True):
            metric.update(image.id, *outputs, (image.height, image.width))
        result = metric.result(self.truth)
        return [*result.boxes.values(), *result.masks.values(), np.nanmean(result.per_class)]

    @functools.cached_property
    def gluons(self) -> list[float]:
        """What GluonCV's metric computes; its summary has the figures as text."""
        import_mxnet()
        with legacy_names():
            from gluoncv.data.transforms.mask import fill
            from gluoncv.utils.metrics.coco_instance import COCOInstanceMetric
        from pycocotools.coco import COCO

        with contextlib.redirect_stdout(io.StringIO()):
            known = COCO(str(self.path))
        numbers = {n: each.id for n, each in enumerate(self.truth.categories)}
        dataset = SimpleNamespace(coco=known, contiguous_id_to_json=numbers)
        metric = COCOInstanceMetric(dataset, "unused", cleanup=True)
        evaluations = []
        keep = metric._get_ap
        metric._get_ap = lambda each: evaluations.append(each) or keep(each)
        for image, (ids, scores, boxes, masks) in zip(self.truth.images, self.outputs, strict=True):
            size = image.width, image.height
            metric.update(boxes, ids[:, 0], scores[:, 0], fill(masks, boxes, size))
        with contextlib.redirect_stdout(io.StringIO()):
            metric.get()
        values = [value for each in evaluations for value in each.stats[: len(MEASURES)]]
        values.append(keep(evaluations[1]))
        return [float("nan") if value == -1 else float(value) for value in values]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    root = tmp_path_factory.mktemp("coco")
    found = [Case(root / str(seed), seed) for seed in SEEDS]
    return [case for case in found if case.truth.annotations]


def differ(cases: list[Case], module: ModuleType = coco_instances) -> bool:
    return any(
        not (math.isclose(mine, one, abs_tol=1e-12) or (math.isnan(mine) and math.isnan(one)))
        for case in cases
        for mine, one in zip(case.ours(module), case.gluons, strict=True)
    )


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_it_equals_gluoncv(cases: list[Case]) -> None:
    assert not differ(cases)
    assert max(case.ours()[len(MEASURES)] for case in cases) > 0.2  # masks are found


MUTATIONS = {
    "edges are part of boxes": ("corners[:, 2:] - corners", "corners[:, 2:] + 1 - corners"),
    "low scores count": ("SCORE_THRESHOLD = 0.001", "SCORE_THRESHOLD = 0.0001"),
    "scores are not rounded": ("round(float(scores[row]), 3)", "float(scores[row])"),
    "classes are categories": ('ids[row["class"]]', 'row["class"] + 1'),
    "masks are compared as boxes": ("self._rows(truth), MASKS", "self._rows(truth), BOXES"),
}


@pytest.mark.mxnet
@pytest.mark.pycocotools
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name: str, cases: list[Case]) -> None:
    assert differ(cases, mutated(coco_instances, *MUTATIONS[name]))


@pytest.mark.pycocotools
def test_processes_that_share_the_images_find_the_same(cases: list[Case]) -> None:
    case = cases[0]
    whole, *parts = (CocoInstances() for _ in range(3))
    for number, (image, outputs) in enumerate(zip(case.truth.images, case.outputs, strict=True)):
        size = image.height, image.width
        whole.update(image.id, *outputs, size)
        parts[number % 2].update(image.id, *outputs, size)
    parts[1].merge(pickle.loads(pickle.dumps(parts[0])))
    assert repr(parts[1].result(case.truth)) == repr(whole.result(case.truth))


@pytest.mark.pycocotools
@pytest.mark.costly
def test_a_network_with_masks_is_validated_by_them(tmp_path: Path) -> None:
    """The objects are what the network itself finds in one of the images."""
    program = random_program("mask_rcnn_resnet18_v1b_coco")
    graph = with_proposals(program.graph, 20)
    zeros = {name: np.zeros(shape, dtype) for name, (shape, dtype) in program.arrays.items()}
    constants = build_module(graph, zeros, inputs=program.inputs).state_dict()
    tensors = program.tensors.items()
    kept = {key: value for key, value in tensors if value.shape == constants[key].shape}
    program = replace(program, graph=graph, tensors={**constants, **kept})
    network = TaskNetwork(program, Setup(torch.device("cpu")), evaluation=True)
    small = msgspec.structs.replace(network.preprocessing.rule, short=64, max_size=96)
    network.preprocessing = replace(network.preprocessing, rule=small)
    path = write_folder(tmp_path, 3)
    content = json.loads(path.read_text())
    names = network.names
    content["categories"] = [{"id": n + 1, "name": name} for n, name in enumerate(names)]
    content["images"] = [image := content["images"][0]]
    image["coco_url"] = ""
    file = tmp_path / "val2017" / image["file_name"]
    Image.fromarray(smooth(image["height"], image["width"], 0)).save(file)
    objects = Detector(network, TaskOptions(threshold=0))(str(file)).facts["objects"]
    annotations = [
        {
            "id": number,
            "image_id": image["id"],
            "category_id": each["category_id"] + 1,
            "bbox": each["bbox"],
            "area": each["bbox"][2] * each["bbox"][3],
            "segmentation": each["segmentation"],
        }
        for number, each in enumerate(objects[:5], 1)
    ]
    content["annotations"] = annotations
    path.write_text(json.dumps(content))
    evaluator = CocoEvaluator(network, tmp_path)
    for example in evaluator.examples:
        evaluator.update(example)
    figures = evaluator.result([])
    assert figures.values["mask_AP"] > 50
    assert set(figures.values) == {*MEASURES, *(f"mask_{name}" for name in MEASURES)}
    found = {names[each["category_id"]] for each in objects[:5]}
    assert {name for name, value in figures.per_class.items() if not math.isnan(value)} == found


def test_objects_without_masks_are_refused(tmp_path: Path) -> None:
    path = write_folder(tmp_path, 3)
    content = json.loads(path.read_text())
    content["annotations"][1]["segmentation"] = []
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="the object 2 has no `segmentation`"):
        read_annotations(path).require_masks()
    content["annotations"][1]["segmentation"] = {"size": [2, 2], "counts": 5}
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="is not in COCO's format"):
        read_annotations(path)
