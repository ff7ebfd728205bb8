"""Inputs of detectors and segmentation networks against GluonCV's, value by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch.inference.images.placement import Placement
from gluon2torch.inference.images.task_input import prepare_image, short_side_size
from gluon2torch.mappings.preprocessing import ShortSide, TaskPreprocessing
from gluon2torch.mappings.zoo import load_zoo
from gluon2torch.sources.mxnet_compat import import_mxnet, legacy_names

from .images import noise, smooth
from .test_interpolation import ODD_SIZES

ZOO = load_zoo()
BOXES = np.array([[0, 0, 30, 40, 1], [3.25, 1.5, 8.75, 8.5, 0], [0, 0, 1, 1, 2]])
DETECTORS = {
    "ssd_300_vgg16_atrous_voc": ("ssd", "SSDDefaultValTransform", (300, 300)),
    "ssd_512_resnet50_v1_coco": ("ssd", "SSDDefaultValTransform", (512, 512)),
    "yolo3_darknet53_coco": ("yolo", "YOLO3DefaultValTransform", (416, 416)),
    "center_net_resnet18_v1b_coco": ("center_net", "CenterNetDefaultValTransform", (512, 512)),
    "faster_rcnn_resnet50_v1b_voc": ("rcnn", "FasterRCNNDefaultValTransform", (600, 1000)),
    "faster_rcnn_fpn_resnet50_v1b_coco": ("rcnn", "FasterRCNNDefaultValTransform", (800, 1333)),
}
DEMOS = {
    "ssd_300_vgg16_atrous_voc": ("ssd", {"short": 512}),
    "yolo3_darknet53_coco": ("yolo", {"short": 512}),
    "center_net_resnet18_v1b_coco": ("center_net", {"short": 512}),
    "faster_rcnn_resnet50_v1b_voc": ("rcnn", {}),
    "mask_rcnn_resnet50_v1b_coco": ("rcnn", {"short": 800, "max_size": 1333}),
}


def preprocessing(name: str, which: str = "preprocessing") -> TaskPreprocessing:
    found = getattr(ZOO[name], which)
    assert isinstance(found, TaskPreprocessing)
    return found


@pytest.fixture(scope="module")
def presets() -> Any:
    import_mxnet()
    with legacy_names():
        from gluoncv.data.transforms import presets
        from gluoncv.data.transforms.presets import center_net, rcnn, ssd, yolo  # noqa: F401

    return presets


def images() -> list[tuple[int, Any]]:
    """20 images of odd sizes, landscape and portrait, large and small."""
    assert len(ODD_SIZES) == 20
    return [
        (number, noise(*shape, number) if number % 2 else smooth(*shape, number))
        for number, shape in enumerate(ODD_SIZES)
    ]


@pytest.mark.mxnet
@pytest.mark.parametrize("name", DETECTORS)
def test_evaluation_inputs_are_gluoncvs_and_boxes_come_back(name: str, presets: Any) -> None:
    import mxnet

    module, transform, arguments = DETECTORS[name]
    theirs = getattr(getattr(presets, module), transform)(*arguments)
    for number, image in images():
        expected, boxes, *_ = theirs(mxnet.nd.array(image, dtype="uint8"), BOXES.copy())
        ours = prepare_image(image, preprocessing(name))
        assert np.array_equal(ours.pixels[0].numpy(), expected.asnumpy()), image.shape
        assert ours.pixels.dtype == torch.float32
        if module != "center_net":  # which clips the boxes of the ground truth
            mapped = ours.placement.boxes_to_image(ideal(boxes, BOXES, image, ours.pixels))
            assert np.abs(mapped - BOXES[:, :4]).max() < 1e-6, (number, image.shape)


def ideal(rounded: Any, boxes: Any, image: Any, pixels: Any) -> Any:
    """GluonCV's boxes on the input, in float64; they must be equal to its own in float32."""
    scale = np.array(pixels.shape[:1:-1]) / image.shape[1::-1]
    exact = boxes[:, :4] * np.tile(scale, 2)
    np.testing.assert_allclose(rounded[:, :4], exact, rtol=1e-6)
    return exact


@pytest.mark.mxnet
def test_centred_boxes_come_back_as_gluoncvs_transform_brings_them(presets: Any) -> None:
    rng = np.random.default_rng(0)
    for _, image in images():
        height, width = image.shape[:2]
        matrix = presets.center_net.get_post_transform(width, height, 512, 512)
        boxes = rng.uniform(0, 512, (7, 4))
        # in float64, unlike GluonCV's affine_transform
        points = boxes.reshape(-1, 2) @ matrix[:, :2].T + matrix[:, 2]
        placement = prepare_image(image, preprocessing("center_net_resnet18_v1b_coco")).placement
        difference = placement.boxes_to_image(boxes) - points.reshape(-1, 4)
        assert np.abs(difference).max() < 1e-6


@pytest.mark.mxnet
@pytest.mark.parametrize("name", DEMOS)
def test_demonstration_inputs_are_gluoncvs(name: str, presets: Any) -> None:
    import mxnet

    module, arguments = DEMOS[name]
    for number, image in images()[::2]:
        array = mxnet.nd.array(image, dtype="uint8")
        options = {**arguments, "short": arguments.get("short", 600)}
        expected, _ = getattr(presets, module).transform_test(array, **options)
        ours = prepare_image(image, preprocessing(name, "demo"))
        assert np.array_equal(ours.pixels.numpy(), expected.asnumpy()), (number, image.shape)


@pytest.mark.mxnet
def test_short_sides_are_gluoncvs_with_multiples() -> None:
    mxnet = import_mxnet()
    from gluoncv.data.transforms.image import resize_short_within

    rng = np.random.default_rng(0)
    for _ in range(60):
        shape = tuple(map(int, rng.integers(8, 60, 2)))
        short, longest, multiple = int(rng.integers(8, 60)), int(rng.integers(40, 90)), 1
        if rng.random() < 0.5:
            multiple = int(rng.integers(2, 9))
        array = mxnet.nd.zeros((*shape, 3), dtype="uint8")
        theirs = resize_short_within(array, short, longest, multiple).shape[:2]
        rule = ShortSide(short=short, max_size=longest, multiple=multiple, interpolation="linear")
        assert short_side_size(shape, rule) == theirs, (shape, rule)


@pytest.mark.mxnet
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # of GluonCV, when it builds networks
def test_the_sizes_of_region_detectors_are_those_of_their_networks() -> None:
    import_mxnet()
    from gluoncv.model_zoo import get_model

    for name, entry in ZOO.items():
        if "rcnn" in entry.family:
            with legacy_names():
                network = get_model(name, pretrained=False, **entry.options)
            short = network.short if isinstance(network.short, int) else network.short[-1]
            for about in (entry.preprocessing, entry.demo):
                assert about is not None
                assert isinstance(about.rule, ShortSide)
                assert (about.rule.short, about.rule.max_size) == (short, network.max_size), name


def test_every_detector_has_rules_of_its_inputs_size() -> None:
    for name, entry in ZOO.items():
        if entry.task == "detection":
            rule = preprocessing(name).rule
            size = getattr(rule, "size", None)
            assert size in (None, entry.inputs["data"][2:]), name
            assert isinstance(preprocessing(name, "demo").rule, ShortSide)


@pytest.mark.parametrize("name", ["faster_rcnn_resnet50_v1b_voc", "mask_rcnn_resnet50_v1b_coco"])
def test_a_program_of_a_fixed_size_takes_the_image_scaled_into_it(name: str) -> None:
    height, width = ZOO[name].inputs["data"][2:]
    for shape in ((375, 500), (700, 300), (40, 1000)):
        prepared = prepare_image(noise(*shape), preprocessing(name), (height, width))
        assert prepared.pixels.shape == (1, 3, height, width)
        y, x = (scale * side for scale, side in zip(prepared.placement.scale, shape, strict=True))
        assert y <= height
        assert x <= width
        assert max(y / height, x / width) > 0.6
        inside = prepared.pixels[:, :, : round(y), : round(x)]
        free = prepare_image(noise(*shape), preprocessing(name))
        if free.pixels.shape == inside.shape:
            assert torch.equal(inside, free.pixels)
        outside = prepared.pixels.clone()
        outside[:, :, : round(y), : round(x)] = 0
        assert not outside.any()
        corner = prepared.placement.boxes_to_image([0, 0, x, y])
        np.testing.assert_allclose(corner, [0, 0, shape[1], shape[0]], atol=1e-9)


def test_another_size_stretches_to_it() -> None:
    prepared = prepare_image(noise(40, 60), preprocessing("yolo3_darknet53_coco"), (96, 160))
    assert prepared.pixels.shape == (1, 3, 96, 160)
    assert prepared.placement == Placement((40, 60), (96 / 40, 160 / 60))
    assert prepared.placement.boxes_to_image(torch.tensor([[[160.0, 96, 80, 48]]])).tolist() == [
        [[60, 40, 30, 20]]
    ]
