"""Inputs of detectors and segmentation networks against GluonCV's, value by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gluon2torch.inference.images.normalisation import normalise
from gluon2torch.inference.images.placement import Placement
from gluon2torch.inference.images.presets import make_crop
from gluon2torch.inference.images.task_input import prepare_image, short_side_size
from gluon2torch.mappings.preprocessing import (
    KeepSize,
    ObjectWindows,
    ShortSide,
    TaskPreprocessing,
)
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
    for number in range(200):
        shape = tuple(map(int, rng.integers(8, 60, 2)))
        multiple = int(rng.integers(2, 9)) if number % 2 else 1
        short, longest = int(rng.integers(8, 60)), multiple * int(rng.integers(5, 12))
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


@pytest.mark.mxnet
@pytest.mark.parametrize("name", ["fcn_resnet101_voc", "fastscnn_citys"])
def test_segmentation_inputs_are_gluoncvs(name: str) -> None:
    mxnet = import_mxnet()
    with legacy_names():
        from gluoncv.data.transforms.presets.segmentation import test_transform

    for number, image in images():
        expected = test_transform(mxnet.nd.array(image, dtype="uint8"), mxnet.cpu())
        ours = prepare_image(image, preprocessing(name))
        assert np.array_equal(ours.pixels.numpy(), expected.asnumpy()), number
        logits = torch.zeros(1, 2, *image.shape[:2])
        assert ours.placement.logits_to_image(logits).shape == logits.shape


@pytest.mark.mxnet
def test_logits_are_resized_to_the_image_as_gluoncvs_evaluation_does() -> None:
    mxnet = import_mxnet()
    rng = np.random.default_rng(0)
    for shape in ((375, 500), (333, 97), (40, 60)):
        logits = rng.standard_normal((1, 4, 96, 120)).astype(np.float32)
        scale = min(96 / shape[0], 120 / shape[1])
        inside = logits[:, :, : round(scale * shape[0]), : round(scale * shape[1])]
        theirs = mxnet.nd.contrib.BilinearResize2D(
            mxnet.nd.array(inside), height=shape[0], width=shape[1]
        ).asnumpy()
        placement = Placement(shape, (scale, scale))
        ours = placement.logits_to_image(torch.from_numpy(logits)).numpy()
        assert ours.shape == (1, 4, *shape)
        # MXNet's positions are rounded to float32
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_a_segmentation_input_is_extended_with_black_to_a_multiple() -> None:
    """The image's own pixels are not resampled, and the logits of the rest are dropped."""
    about = preprocessing("fcn_resnet101_voc")
    for shape, size in (((30, 65), (32, 96)), ((64, 32), (64, 32)), ((1, 33), (32, 64))):
        image = noise(*shape)
        prepared, as_it_is = prepare_image(image, about, 32), prepare_image(image, about)
        assert prepared.pixels.shape[2:] == size
        inside = prepared.pixels[:, :, : shape[0], : shape[1]]
        assert torch.equal(inside, as_it_is.pixels)
        expected = prepare_image(np.zeros((*size, 3), np.uint8), about).pixels.clone()
        expected[:, :, : shape[0], : shape[1]] = as_it_is.pixels
        assert torch.equal(prepared.pixels, expected)
        logits = torch.randn(1, 2, *size)
        kept = logits[:, :, : shape[0], : shape[1]]
        assert torch.equal(prepared.placement.logits_to_image(logits), kept)


def test_depth_inputs_are_those_of_gluoncvs_demonstration() -> None:
    """scripts/depth/demo.py resizes with Pillow, and does not normalise."""
    for number, image in images()[::4]:
        picture = Image.fromarray(image).resize((640, 192), Image.Resampling.LANCZOS)
        expected = np.float32(np.asarray(picture).transpose(2, 0, 1)) / np.float32(255)
        name = "monodepth2_resnet18_kitti_mono_stereo_640x192"
        prepared = prepare_image(image, preprocessing(name))
        assert np.array_equal(prepared.pixels[0].numpy(), expected), number


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("name", "short", "side"), [("vgg16", 256, 224), ("inceptionv3", 342, 299)]
)
def test_classifiers_crops_are_gluons(name: str, short: int, side: int) -> None:
    mxnet = import_mxnet()
    from mxnet.gluon.data.vision import transforms

    about = preprocessing(name).of_classifier()
    theirs = transforms.Compose(
        [
            transforms.Resize(short, keep_ratio=True),
            transforms.CenterCrop(side),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    for number, image in images():
        ours = normalise(torch.from_numpy(make_crop(about)(image).copy())[None], about)[0]
        expected = theirs(mxnet.nd.array(image, dtype="uint8")).asnumpy()
        assert np.array_equal(ours.numpy(), expected), number


def test_every_network_has_a_rule_of_its_inputs_size() -> None:
    for name, entry in ZOO.items():
        rule = entry.preprocessing.rule
        if isinstance(rule, ObjectWindows):
            sides = {"template": rule.template, "search": rule.search}
            assert entry.inputs == {key: (1, 3, side, side) for key, side in sides.items()}
            continue
        size = getattr(rule, "size", None)
        assert size in (None, entry.inputs["data"][-2:]), name
        assert (size is None) == isinstance(rule, KeepSize | ShortSide), name


def test_rules_refuse_what_they_do_not_take() -> None:
    with pytest.raises(TypeError, match="CentreCrop does not take one image"):
        prepare_image(noise(9, 9), preprocessing("vgg16"))
    with pytest.raises(TypeError, match="Stretch is not the crop of an image classifier"):
        preprocessing("ssd_300_vgg16_atrous_voc").of_classifier()
