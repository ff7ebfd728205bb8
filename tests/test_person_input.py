"""Persons of an image as inputs of pose networks, and their keypoints, against GluonCV's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gluon2torch.errors import ImageError
from gluon2torch.inference.images.person_input import prepare_person
from gluon2torch.mappings.preprocessing import TaskPreprocessing
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from .images import noise
from .test_interpolation import ODD_SIZES

SIZE = (256, 192)
ZOO = load_zoo()


def preprocessing(name: str, which: str = "preprocessing") -> TaskPreprocessing:
    found = getattr(ZOO[name], which)
    assert isinstance(found, TaskPreprocessing)
    return found


def persons() -> list[tuple[Any, list[float]]]:
    """20 images, each with a box that may reach over an edge, in float32."""
    found = []
    for number, (height, width) in enumerate(ODD_SIZES):
        rng = np.random.default_rng(number)
        x, y = rng.uniform(-0.1, 0.5, 2) * (width, height)
        w, h = rng.uniform(0.25, 0.7, 2) * (width, height)
        box = [float(np.float32(value)) for value in (x, y, x + w, y + h)]
        found.append((noise(height, width, number), box))
    return found


def heat_maps(seed: int) -> Any:
    """Heat maps with peaks anywhere, at edges as well, and one without a positive value."""
    rng = np.random.default_rng(seed)
    maps = rng.uniform(0, 0.5, (1, 17, 64, 48)).astype(np.float32)
    for joint in range(16):
        y = rng.integers(0, 64) if joint > 3 else (0, 1, 62, 63)[joint]
        x = rng.integers(0, 48) if joint > 7 else (0, 1, 46, 47)[joint % 4]
        maps[0, joint, y, x] = 1
    maps[0, 16] -= 1
    return maps


@pytest.fixture(scope="module")
def pose() -> Any:
    import_mxnet()
    with legacy_names():
        from gluoncv.data.transforms import pose
        from gluoncv.data.transforms.presets import simple_pose  # noqa: F401

    return pose


def assert_keypoints(person: Any, maps: Any, theirs: Any, scores: Any) -> None:
    points, values = person.keypoints(maps[0])
    assert points.shape == (17, 2)
    assert np.abs(points - theirs.asnumpy()[0]).max() < 2e-4  # GluonCV's are rounded to float32
    assert np.array_equal(values, scores.asnumpy()[0, :, 0])


@pytest.mark.mxnet
@pytest.mark.parametrize("name", ["simple_pose_resnet18_v1b", "mobile_pose_resnet18_v1b"])
def test_evaluation_is_gluoncvs(name: str, pose: Any) -> None:
    mxnet = import_mxnet()
    from gluoncv.data.transforms.presets.simple_pose import SimplePoseDefaultValTransform

    transform = SimplePoseDefaultValTransform(17, [], SIZE)
    for number, (image, box) in enumerate(persons()):
        label = {"bbox": box, "joints_3d": None}
        pixels, scale, centre, *_ = transform(mxnet.nd.array(image, dtype="uint8"), label, "")
        ours = prepare_person(image, box, preprocessing(name))
        assert np.array_equal(ours.pixels[0].numpy(), pixels.asnumpy()), number
        if number % 4 == 0:
            maps = heat_maps(number)
            theirs = pose.get_final_preds(mxnet.nd.array(maps), centre[None], scale[None])
            assert_keypoints(ours, maps, *theirs)


@pytest.mark.mxnet
def test_the_demonstration_is_gluoncvs(pose: Any) -> None:
    mxnet = import_mxnet()
    about = preprocessing("simple_pose_resnet18_v1b", "demo")
    for number, (image, box) in enumerate(persons()):
        array = mxnet.nd.array([[box]])
        one = mxnet.nd.ones((1, 1, 1))
        pixels, boxes = pose.detector_to_simple_pose(image, one * 0, one, array, SIZE)
        ours = prepare_person(image, box, about)
        assert np.array_equal(ours.pixels.numpy(), pixels.asnumpy()), number
        maps = heat_maps(number)
        assert_keypoints(ours, maps, *pose.heatmap_to_coord(mxnet.nd.array(maps), boxes))


@pytest.mark.mxnet
def test_alpha_pose_is_gluoncvs(pose: Any) -> None:
    mxnet = import_mxnet()
    about = preprocessing("alpha_pose_resnet101_v1b_coco")
    for number, (image, box) in enumerate(persons()):
        one = mxnet.nd.ones((1, 1))
        array = mxnet.nd.array([box])
        pixels, boxes = pose.detector_to_alpha_pose(image.copy(), one * 0, one, array, SIZE)
        ours = prepare_person(image, box, about)
        assert np.array_equal(ours.pixels.numpy(), pixels.asnumpy()), number
        if number % 4 == 0:
            maps = heat_maps(number)
            theirs = pose.heatmap_to_coord_alpha_pose(mxnet.nd.array(maps), boxes)
            assert_keypoints(ours, maps, *theirs)


@pytest.mark.parametrize("which", ["preprocessing", "demo"])
def test_a_box_without_pixels_is_refused(which: str) -> None:
    image = noise(30, 40)
    about = preprocessing("simple_pose_resnet18_v1b", which)
    for box in ([5, 5, 5, 9], [9, 5, 4, 9]):
        with pytest.raises(ImageError, match=r"the box \(\d\.0, .* has no pixels of the image"):
            prepare_person(image, box, about)
    with pytest.raises(ImageError, match="has no pixels"):
        prepare_person(image, [60, 3, 70, 9], preprocessing("alpha_pose_resnet101_v1b_coco"))


def test_only_pose_networks_take_persons() -> None:
    with pytest.raises(TypeError, match="Stretch does not take a person"):
        prepare_person(noise(9, 9), [0, 0, 5, 5], preprocessing("yolo3_darknet53_voc"))
