"""Folders of segmented images, against GluonCV's data sets."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gluon2torch.errors import DatasetError
from gluon2torch.inference.datasets import pixel_labels
from gluon2torch.inference.datasets.segmentation_folders import LAYOUTS, segmented_images
from gluon2torch.sources.mxnet_compat import import_mxnet

from .mutated_module import mutated

NUMBERS = {"voc": [*range(21), 255], "cityscapes": list(range(34)), "ade20k": list(range(151))}


def places(layout: str, name: str) -> tuple[str, str]:
    """Where an image and its mask are."""
    if layout == "voc":
        return f"VOC2012/JPEGImages/{name}.jpg", f"VOC2012/SegmentationClass/{name}.png"
    if layout == "cityscapes":
        city = f"city{name[-1]}"
        return (
            f"leftImg8bit/val/{city}/{name}_leftImg8bit.png",
            f"gtFine/val/{city}/{name}_gtFine_labelIds.png",
        )
    folder = "ADEChallengeData2016"
    return f"{folder}/images/validation/{name}.jpg", f"{folder}/annotations/validation/{name}.png"


def write_folder(root: Path, layout: str) -> None:
    random = np.random.default_rng(3)
    names = [f"image_{number}" for number in (4, 1, 3)]
    for name in names:
        image, mask = (root / place for place in places(layout, name))
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        height, width = random.integers(20, 40, 2)
        numbers = random.choice(NUMBERS[layout], (height, width)).astype(np.uint8)
        picture = Image.fromarray(numbers)
        if layout == "voc":  # its masks have colours
            picture = picture.convert("P")
            picture.putdata(numbers.ravel().tolist())
        picture.save(mask)
        Image.new("RGB", (width, height)).save(image)
    if layout == "voc":
        listed = root / "VOC2012" / "ImageSets" / "Segmentation" / "val.txt"
        listed.parent.mkdir(parents=True)
        listed.write_text("\n".join(names) + "\n")


def gluons(root: Path, layout: str) -> dict[str, list[Any]]:
    """Image files and the labels of their pixels, as GluonCV's evaluation reads them."""
    import_mxnet()
    from gluoncv import data

    kinds = {
        "voc": data.VOCSegmentation,
        "cityscapes": data.CitySegmentation,
        "ade20k": data.ADE20KSegmentation,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = kinds[layout](str(root), split="val", mode="testval")
    masks = [dataset[index][1].asnumpy().tolist() for index in range(len(dataset))]
    return dict(zip(map(os.path.normpath, dataset.images), masks, strict=True))


@pytest.mark.mxnet
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_folder_is_read_as_gluoncv_reads_it(layout: str, tmp_path: Path) -> None:
    write_folder(tmp_path, layout)
    found = segmented_images(tmp_path, layout)
    masks = [found.labels.read(mask).tolist() for mask in found.masks]
    expected = gluons(tmp_path, layout)
    assert dict(zip(map(str, found.images), masks, strict=True)) == expected
    assert len(expected) == 3
    names = [path.name for path in found.images]
    assert layout == "voc" or names == sorted(names)


MUTATIONS = {
    "voc": ("255: IGNORED", "255: 20"),
    "ade20k": ("{number: number - 1 for", "{number: min(number, 149) for"),
    "cityscapes": ("*range(19, 29)", "*range(19, 27), 29, 30"),
}


@pytest.mark.mxnet
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mutation_is_noticed(layout: str, tmp_path: Path) -> None:
    write_folder(tmp_path, layout)
    module = mutated(pixel_labels, *MUTATIONS[layout])
    labels = getattr(module, layout.upper())
    found = segmented_images(tmp_path, layout)
    masks = [labels.read(mask).tolist() for mask in found.masks]
    assert dict(zip(map(str, found.images), masks, strict=True)) != gluons(tmp_path, layout)


@pytest.mark.parametrize(
    ("layout", "number", "expected"),
    [("voc", 21, "0 to 20, or 255"), ("cityscapes", 34, "0 to 33"), ("ade20k", 151, "0 to 150")],
)
def test_unknown_numbers_are_refused(
    layout: str, number: int, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(np.full((2, 3), number, np.uint8)).save(path)
    with pytest.raises(
        DatasetError, match=f"has a pixel with the number {number}; expected {expected}, as"
    ):
        LAYOUTS[layout][1].read(path)


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.new("RGB", (3, 2)).save(path)
    with pytest.raises(DatasetError, match="has pixels of the kind 'RGB'; expected one number"):
        pixel_labels.VOC.read(path)
    path.write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"mask\.png: is not a readable mask"):
        pixel_labels.VOC.read(path)
    with pytest.raises(DatasetError, match=r"none\.png: is not a readable mask \(No such file"):
        pixel_labels.VOC.read(tmp_path / "none.png")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("which", [0, 1])
def test_a_missing_file_is_refused(layout: str, which: int, tmp_path: Path) -> None:
    write_folder(tmp_path, layout)
    (tmp_path / places(layout, "image_3")[which]).unlink()
    if which == 0 and layout != "voc":  # what is not there is not listed
        assert len(segmented_images(tmp_path, layout).images) == 2
        return
    with pytest.raises(DatasetError, match="image_3.*: no such file"):
        segmented_images(tmp_path, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_empty_folder_is_refused(layout: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no images|cannot be read"):
        segmented_images(tmp_path, layout)
    with pytest.raises(DatasetError, match="'vok': is no layout; expected one of voc, cityscapes"):
        segmented_images(tmp_path, "vok")
