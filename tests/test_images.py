"""Crops against MXNet's, OpenCV's and timm's own; files of every kind."""

from __future__ import annotations

import builtins
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile, features

from gluon2torch.errors import ImageError, MissingDependencyError
from gluon2torch.inference.images.image_file import find_images, read_image, suffixes
from gluon2torch.inference.images.linear_resize import resize_linear
from gluon2torch.inference.images.normalisation import normalise
from gluon2torch.inference.images.presets import Crop, make_crop
from gluon2torch.mappings.catalog import Preprocessing, load_catalog
from gluon2torch.sources.mxnet_compat import import_mxnet

from .images import encode, noise, smooth

IMAGENET = Preprocessing(
    (224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.875, "bilinear"
)
ODD_SIZES = (
    *((375, 500), (500, 375), (333, 499), (256, 256), (257, 255), (224, 224), (231, 1017)),
    *((512, 512), (512, 700), (31, 45), (1, 7), (7, 1), (1023, 769), (256, 341), (128, 128)),
    *((255, 1024), (1025, 256), (640, 427), (768, 768), (299, 301)),
)


def preprocessing(size: int, crop_pct: float) -> Preprocessing:
    return Preprocessing((size, size), IMAGENET.mean, IMAGENET.std, crop_pct, "bilinear")


@pytest.fixture(scope="module")
def transforms() -> Any:
    import_mxnet()
    from mxnet.gluon.data.vision import transforms

    return transforms


@pytest.mark.mxnet
@pytest.mark.parametrize(("size", "crop_pct"), [(224, 0.875), (32, 1.0), (299, 0.9)])
def test_the_gluon_preset_is_mxnets_transform_bit_for_bit(
    size: int, crop_pct: float, transforms: Any
) -> None:
    import mxnet

    about = preprocessing(size, crop_pct)
    crop = make_crop(about)
    theirs = transforms.Compose(
        [
            transforms.Resize(int(np.ceil(size / crop_pct)), keep_ratio=True),
            transforms.CenterCrop(size),
            transforms.ToTensor(),
            transforms.Normalize(about.mean, about.std),
        ]
    )
    assert len(ODD_SIZES) == 20
    for number, (height, width) in enumerate(ODD_SIZES):
        image = noise(height, width, number)
        ours = normalise(torch.from_numpy(crop(image).copy())[None], about)[0].numpy()
        assert np.array_equal(ours, theirs(mxnet.nd.array(image, dtype="uint8")).asnumpy()), (
            image.shape
        )


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("image", "size"),
    [((100, 300), (224, 224)), ((300, 100), (224, 224)), ((5, 7), (32, 32)), ((50, 40), (60, 20))],
)
def test_a_centre_larger_than_the_image_is_resized_as_mxnet_does(
    image: tuple[int, int], size: tuple[int, int], transforms: Any
) -> None:
    import mxnet

    pixels = noise(*image)
    theirs = transforms.CenterCrop(size[::-1])(mxnet.nd.array(pixels, dtype="uint8")).asnumpy()
    assert np.array_equal(Crop("gluon", min(image), size)(pixels), theirs)


@pytest.mark.mxnet  # GluonCV needs OpenCV
def test_resizing_is_opencvs_bit_for_bit() -> None:
    import cv2

    rng = np.random.default_rng(0)
    special = {0: (2, 2), 1: (2, 1), 2: (3, 3), 3: (4, 4), 4: (1, 1)}
    for number in range(200):
        height, width = map(int, rng.integers(1, 200 if number % 2 else 20, 2))
        down, across = special.get(number % 9, (0, 0))
        source = tuple(map(int, rng.integers(1, 200, 2)))
        if down:
            source = (down * height, across * width)
        image = noise(*source, number)
        theirs = cv2.resize(image, (width, height)).reshape(height, width, 3)
        assert np.array_equal(
            resize_linear(image, (height, width), (0, height), (0, width)), theirs
        ), (source, height, width)
        rows, columns = (height // 3, height), (width // 4, width // 2 + 1)
        window = resize_linear(image, (height, width), rows, columns)
        assert np.array_equal(window, theirs[slice(*rows), slice(*columns)])


@pytest.mark.timm
def test_the_timm_preset_is_timms_own(timm: Any) -> None:
    from timm.data import create_transform

    for size, crop_pct in [(224, 0.875), (299, 0.9), (224, 1.25)]:
        crop = make_crop(preprocessing(size, crop_pct), "timm")
        theirs = create_transform(
            (3, size, size), interpolation="bicubic", crop_pct=crop_pct, normalize=False
        )
        for number, shape in enumerate(ODD_SIZES[:10]):
            image = noise(*shape, number)
            expected = theirs(Image.fromarray(image)).permute(1, 2, 0).numpy()
            assert np.array_equal(crop(image), expected), (size, shape)


def test_how_far_the_presets_are_apart() -> None:
    """Measured on 20 images like photographs, in levels of 255."""
    differences = [
        np.abs(make_crop(IMAGENET)(image).astype(int) - make_crop(IMAGENET, "timm")(image))
        for number, shape in enumerate(ODD_SIZES)
        for image in [smooth(*shape, number)]
    ]
    largest = max(int(each.max()) for each in differences)
    mean = float(np.mean([each.mean() for each in differences]))
    print(f"gluon against timm: at most {largest} levels of 255, {mean:.2f} in the mean")
    assert 3 <= largest < 64
    assert 0.1 < mean < 6


def test_files_of_every_kind_are_read_as_rgb(tmp_path: Path) -> None:
    pixels = noise(9, 7)
    grey16 = np.random.default_rng(0).integers(0, 65536, (9, 7)).astype(np.uint16)
    alpha = Image.fromarray(noise(9, 7, channels=4))
    turned = Image.Exif()
    turned[0x0112] = 6  # turn by 90 degrees to the right
    palette = Image.fromarray(pixels).quantize(16)
    wanted: dict[str, tuple[bytes, Any]] = {
        "rgb.png": (encode(Image.fromarray(pixels), "PNG"), pixels),
        "grey.png": (
            encode(Image.fromarray(pixels[:, :, 0]), "PNG"),
            pixels[:, :, :1].repeat(3, 2),
        ),
        "grey16.png": (
            encode(Image.fromarray(grey16), "PNG"),
            (grey16 >> 8).astype(np.uint8)[:, :, None].repeat(3, 2),
        ),
        "alpha.png": (encode(alpha, "PNG"), np.asarray(alpha)[:, :, :3]),
        "palette.png": (
            encode(palette, "PNG", transparency=b"\x00" * 9),
            np.asarray(palette.convert("RGB")),
        ),
        "turned.png": (encode(Image.fromarray(pixels), "PNG", exif=turned), np.rot90(pixels, -1)),
        "bits.png": (
            encode(Image.fromarray(pixels[:, :, 0] > 99), "PNG"),
            255 * (pixels[:, :, :1] > 99).repeat(3, 2),
        ),
    }
    for name, (content, expected) in wanted.items():
        (tmp_path / name).write_bytes(content)
        assert np.array_equal(read_image(tmp_path / name), expected), name
    cmyk = Image.fromarray(np.full((16, 16, 4), (0, 255, 255, 0), np.uint8), "CMYK")
    (tmp_path / "cmyk.jpg").write_bytes(encode(cmyk, "JPEG"))
    assert np.abs(read_image(tmp_path / "cmyk.jpg") - np.array((255.0, 0, 0))).max() < 6  # red


@pytest.mark.mxnet
def test_jpegs_are_decoded_as_mxnet_decodes_them(tmp_path: Path) -> None:
    """Two builds of libjpeg, whose last bits need not agree."""
    mxnet = import_mxnet()
    path = tmp_path / "image.jpg"
    for quality, subsampling in [(90, 0), (75, 2)]:
        image = Image.fromarray(smooth(375, 500))
        path.write_bytes(encode(image, "JPEG", quality=quality, subsampling=subsampling))
        theirs = mxnet.image.imdecode(path.read_bytes()).asnumpy()
        difference = int(np.abs(read_image(path).astype(int) - theirs).max())
        print(f"JPEG at {quality}: Pillow and MXNet differ by {difference} of 255")
        assert difference <= 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Pillow does not recognise its format"),
        (b"\xff\xd8 not a photograph", "does not recognise its format"),
        (encode(Image.fromarray(smooth(60, 60)), "JPEG")[:900], "truncated"),
        (encode(Image.fromarray(noise(60, 60)), "PNG")[:900], "truncated"),
        (
            encode(Image.fromarray(noise(6, 6)[:, :, 0].astype(np.float32)), "TIFF"),
            "floating-point",
        ),
        (None, "No such file"),
    ],
)
def test_a_broken_image_is_named(
    content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as gluoncv.data leaves it
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_bytes_make_another_error(tmp_path: Path) -> None:
    """Images cut and flipped at random: pixels, or ImageError."""
    rng = np.random.default_rng(0)
    path = tmp_path / "image"
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        sound = encode(Image.fromarray(smooth(20, 30)), kind)
        for _ in range(60):
            content = bytearray(sound)
            for place in rng.integers(0, len(content), 3):
                content[place] = rng.integers(256)
            path.write_bytes(content[: rng.integers(len(content) // 2, len(content) + 1)])
            with suppress(ImageError):
                assert read_image(path).shape[2] == 3


def test_folders_are_searched(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/2.JPG", "a.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    assert find_images([tmp_path, "-"]) == [
        *map(str, (tmp_path / "a.png", tmp_path / "b/2.JPG")),
        "<stdin>",
    ]
    assert find_images([tmp_path / "c"]) == [str(tmp_path / "c")]
    with pytest.raises(ImageError, match="No such file"):
        read_image(tmp_path / "c")
    (tmp_path / "c").mkdir()
    assert find_images([tmp_path / "c"]) == [str(tmp_path / "c")]
    with pytest.raises(ImageError, match="has no images"):
        read_image(tmp_path / "c")


def test_formats_that_not_every_pillow_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.avif", "b.heic", "c.png"):
        (tmp_path / name).write_bytes(b"")
    for known, found in (
        ({".png": "PNG"}, ["c.png"]),
        ({".avif": "AVIF", ".png": "PNG"}, ["a.avif", "c.png"]),
        ({".heic": "HEIF", ".xyz": "XYZ"}, ["b.heic", "c.png"]),
    ):
        monkeypatch.setattr(Image, "registered_extensions", known.copy)
        suffixes.cache_clear()
        assert [Path(each).name for each in find_images([tmp_path])] == found
    monkeypatch.undo()
    suffixes.cache_clear()
    if features.check("avif"):
        (tmp_path / "a.avif").write_bytes(encode(Image.fromarray(smooth(20, 30)), "AVIF"))
        assert str(tmp_path / "a.avif") in find_images([tmp_path])
        assert read_image(tmp_path / "a.avif").shape == (20, 30, 3)


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name.startswith("PIL"):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match="pip install Pillow"):
        read_image("x.png")


def test_every_data_set_of_the_catalogue_has_a_crop() -> None:
    for entry in load_catalog().values():
        dataset = entry.dataset
        about = Preprocessing(
            dataset.input_size, dataset.mean, dataset.std, dataset.crop_pct, dataset.interpolation
        )
        assert make_crop(about)(noise(40, 50)).shape == (*dataset.input_size, 3)
