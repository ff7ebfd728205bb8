"""validate of segmentation, pose and classification networks, against GluonCV's metrics."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gluon2torch.errors import DatasetError
from gluon2torch.inference.datasets.coco_annotations import read_annotations
from gluon2torch.inference.datasets.coco_images import annotation_file
from gluon2torch.inference.datasets.coco_persons import coco_persons
from gluon2torch.inference.detected_objects import DetectedObject
from gluon2torch.inference.images.image_file import read_image
from gluon2torch.inference.images.person_input import prepare_person
from gluon2torch.inference.runner import Setup
from gluon2torch.inference.task_validation import validate_task
from gluon2torch.inference.tasks.detector import Detector
from gluon2torch.inference.tasks.task_network import TaskNetwork
from gluon2torch.inference.tasks.task_predictor import TaskPredictor
from gluon2torch.mappings.class_labels import parse_labels
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet

from . import test_keypoints_metric, test_segmentation_folders
from .coco_folder import write_folder
from .images import smooth
from .zoo_program import random_program

SSD = "ssd_300_mobilenet0.25_voc"
FCN, POSE, CLASSES, ACTION = (
    *("fcn_resnet50_voc", "mobile_pose_mobilenetv3_small", "mobilenet0.25"),
    "resnet18_v1b_kinetics400",
)

# names of GluonCV's data sets, by layout
SEGMENTATION = {
    "voc": "VOCSegmentation",
    "ade20k": "ADE20KSegmentation",
    "cityscapes": "CitySegmentation",
}


def metrics(name: str, data: Path, **options: Any) -> dict[str, Any]:
    done = validate_task(random_program(name), data, **options)
    assert done is not None
    return done.as_dict()


def with_pictures(folder: Path) -> None:
    """Replace the black images of a data set."""
    for number, path in enumerate(sorted(folder.rglob("*.jpg"))):
        with Image.open(path) as image:
            width, height = image.size
        Image.fromarray(smooth(height, width, number)).save(path)


def with_streets(folder: Path) -> None:
    """Give images and masks of Cityscapes a size that its networks take."""
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        if path.name.endswith("_leftImg8bit.png"):
            Image.fromarray(smooth(32, 64, number)).save(path)
        else:
            with Image.open(path) as mask:
                mask.resize((64, 32), Image.Resampling.NEAREST).save(path)


def gluons_segmentation(root: Path, name: str, layout: str) -> list[float]:
    mxnet = import_mxnet()
    from gluoncv import data
    from gluoncv.utils.metrics.segmentation import SegmentationMetric
    from mxnet.gluon.data.vision import transforms

    transform = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    with contextlib.redirect_stdout(io.StringIO()):
        kind = getattr(data, SEGMENTATION[layout])
        dataset = kind(str(root), split="val", mode="testval", transform=transform)
    metric = SegmentationMetric(dataset.num_class)
    for image, mask in dataset:
        pixels = torch.from_numpy(image.asnumpy())[None]
        with torch.no_grad():
            logits = random_program(name).module({"data": tuple(pixels.shape)})(pixels)[0]
        metric.update([mask.expand_dims(0)], [mxnet.nd.array(logits.numpy())])
    return [100 * float(value) for value in metric.get()]


@pytest.mark.costly
@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("name", "layout"),
    [(FCN, "voc"), ("fcn_resnet50_ade", "ade20k"), ("fastscnn_citys", "cityscapes")],
)
def test_segmentation_is_gluoncvs(name: str, layout: str, tmp_path: Path) -> None:
    test_segmentation_folders.write_folder(tmp_path, layout)
    (with_streets if layout == "cityscapes" else with_pictures)(tmp_path)
    found = metrics(name, tmp_path)
    expected = gluons_segmentation(tmp_path, name, layout)
    assert list(found["metrics"].values()) == pytest.approx(expected)
    assert list(found["metrics"]) == ["pixAcc", "mIoU"]


def test_folders_of_other_data_sets_are_refused(tmp_path: Path) -> None:
    test_segmentation_folders.write_folder(tmp_path, "voc")
    with pytest.raises(DatasetError, match="none of VOC2012"):
        metrics(FCN, tmp_path / "VOC2012")
    test_segmentation_folders.write_folder(tmp_path / "ade", "ade20k")
    with pytest.raises(DatasetError, match="has 150 classes, but fcn_resnet50_voc has 21"):
        metrics(FCN, tmp_path / "ade")


def file_of_persons(root: Path) -> Path:
    return annotation_file(root, test_keypoints_metric.KIND)


def write_persons(root: Path) -> None:
    """Persons whose keypoints the network finds in part."""
    path = write_folder(root, 3, test_keypoints_metric.KIND, test_keypoints_metric.persons)
    with_pictures(root)
    random = np.random.default_rng(0)
    network = TaskNetwork(random_program(POSE), Setup(torch.device("cpu")), evaluation=True)
    content = json.loads(path.read_text())
    rows = {tuple(row["keypoints"]): row for row in content["annotations"]}
    images = coco_persons(root, read_annotations(path))
    for image, person in [(each, person) for each in images for person in each.persons]:
        row = next(
            row
            for key, row in rows.items()
            if row["image_id"] == image.number
            and np.array_equal(np.reshape(key, (17, 3))[:, :2], person.points)
        )
        prepared = prepare_person(
            read_image(image.path), person.box.tolist(), network.preprocessing
        )
        points, _ = prepared.keypoints(network(prepared.pixels, image.path)[0][0])
        points = (points + random.normal(0, 3, (17, 2))).round().clip(1)
        row["keypoints"] = np.hstack([points, np.full((17, 1), 2)]).ravel().astype(int).tolist()
        row["num_keypoints"] = 17
    path.write_text(json.dumps(content))


def gluons_pose(root: Path) -> list[float]:
    mxnet = import_mxnet()
    from gluoncv.data import COCOKeyPoints
    from gluoncv.data.transforms.pose import get_final_preds
    from gluoncv.data.transforms.presets.simple_pose import SimplePoseDefaultValTransform
    from gluoncv.utils.metrics.coco_keypoints import COCOKeyPointsMetric

    module = random_program(POSE).module()
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = COCOKeyPoints(str(root), ("person_keypoints_val2017",))
        transform = SimplePoseDefaultValTransform(
            num_joints=17,
            joint_pairs=dataset.joint_pairs,
            image_size=(256, 192),
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        )
        metric = COCOKeyPointsMetric(dataset, str(root / "results"), use_time=False)
        for image, label, number in dataset:
            pixels, scale, centre, score, image_id = transform(image, label, number)
            with torch.no_grad():
                heat_maps = module(torch.from_numpy(pixels.asnumpy())[None])
            points, confidences = get_final_preds(
                mxnet.nd.array(heat_maps.numpy()),
                np.asarray(centre, np.float32)[None],
                np.asarray(scale, np.float32)[None],
            )
            arrays = (points, confidences, [score], [image_id])
            metric.update(*(mxnet.nd.array(np.asarray(_numpy(each))) for each in arrays))
        values = metric.get()[0].values()
    return [100 * float(value) for value in values]


def _numpy(array: Any) -> Any:
    return array.asnumpy() if hasattr(array, "asnumpy") else array


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_keypoints_are_gluoncvs(tmp_path: Path) -> None:
    write_persons(tmp_path)
    found = metrics(POSE, tmp_path)
    expected = gluons_pose(tmp_path)
    assert 1 < expected[0] < 99
    assert list(found["metrics"].values())[:3] == pytest.approx(expected[:3])
    assert found["metrics"]["OKS_AR"] == pytest.approx(expected[5])
    assert found["published"] == {"OKS_AP": 54.3}


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_a_detectors_box_outside_the_image_does_not_lose_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures are those of the other boxes alone."""
    write_persons(tmp_path)
    images = coco_persons(tmp_path, read_annotations(file_of_persons(tmp_path)))
    boxes = {image.path: [each.box.tolist() for each in image.persons] for image in images}
    outside: list[list[float]] = []

    def objects(_detector: Detector, _image: Any, path: str) -> list[DetectedObject]:
        found = [*outside, *boxes[path]]
        return [DetectedObject("person", 14, 1.0, (x, y, z, w)) for x, y, z, w in found]

    monkeypatch.setattr(Detector, "objects", objects)
    expected = metrics(POSE, tmp_path, detector=random_program(SSD))
    assert expected["metrics"] == metrics(POSE, tmp_path)["metrics"]
    assert expected["images"] == len(images)
    outside += [[5, 5, 5, 5], [9, 9, 3, 3], [float("nan"), 0, 9, 9], [0, 0, float("inf"), 9]]
    found = metrics(POSE, tmp_path, detector=random_program(SSD))
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}


@pytest.mark.mxnet
@pytest.mark.pycocotools
def test_annotations_of_other_classes_are_refused_for_poses(tmp_path: Path) -> None:
    write_folder(tmp_path, 3, test_keypoints_metric.KIND, test_keypoints_metric.persons)
    file = file_of_persons(tmp_path)
    content = json.loads(file.read_text())
    content["categories"].append({"id": 99, "name": "cat"})
    file.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="number 1 is 'cat' instead of 'none'"):
        metrics(POSE, tmp_path)


def class_count(name: str) -> int:
    return random_program(name).record.num_classes or 0


@pytest.mark.mxnet
@pytest.mark.parametrize("name", [CLASSES, ACTION])
def test_accuracy_of_images_and_videos(name: str, tmp_path: Path) -> None:
    """Of the classes in the list, one is the network's first answer, and one its third."""
    predictor = TaskPredictor(random_program(name))
    lines = []
    for number, rank in enumerate((0, 2, -1)):
        video = tmp_path / str(number)
        video.mkdir()
        example = video if name == ACTION else video / "0.png"
        Image.fromarray(smooth(230, 300, number)).save(video / "0.png")
        top = [each["index"] for each in predictor(example).facts["top"]]
        target = top[rank] if rank >= 0 else min(set(range(6)) - set(top))
        lines.append(f"{example.relative_to(tmp_path)} {target}\n")
    (tmp_path / "list.txt").write_text("".join(lines))
    row = metrics(name, tmp_path / "list.txt")
    assert row["metrics"] == pytest.approx({"top1": 100 / 3, "top5": 200 / 3})
    assert row["images"] == 3
    assert row["published"] == load_zoo()[name].metrics
    names = [f"class {number}" for number in range(class_count(name))]
    again = metrics(name, tmp_path / "list.txt", labels=parse_labels("\n".join(names), "labels"))
    assert (again["metrics"], again["published"]) == (row["metrics"], {})
