"""Images and the classes of their pixels in the folders of Pascal VOC, Cityscapes and ADE20K."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError
from .pixel_labels import ADE20K, CITYSCAPES, VOC, PixelLabels
from .voc_images import listed_names, require_file


@dataclass(frozen=True)
class SegmentedImages:
    """Images and their masks.

    Attributes:
        images: The image files.
        masks: The files with the label of each pixel, in the same order.
        labels: What the numbers in the masks mean.
    """

    images: tuple[Path, ...]
    masks: tuple[Path, ...]
    labels: PixelLabels


def segmented_images(root: Path, layout: str) -> SegmentedImages:
    """List the images for validation and their masks, as GluonCV's data sets do, sorted by name.

    Args:
        root: The folder of the data set. `voc` has VOC2012/ImageSets/Segmentation/val.txt,
            VOC2012/JPEGImages and VOC2012/SegmentationClass, and is in the order of the list;
            `cityscapes` has leftImg8bit/val/<city>/*_leftImg8bit.png and
            gtFine/val/<city>/*_gtFine_labelIds.png; `ade20k` has ADEChallengeData2016/images
            and ADEChallengeData2016/annotations, each with the folder `validation`.
        layout: `voc`, `cityscapes` or `ade20k`.

    Raises:
        DatasetError: The layout is unknown, a file is missing, or there are no images.
    """
    if layout not in LAYOUTS:
        raise DatasetError(f"{layout!r}: is no layout; expected one of {', '.join(LAYOUTS)}")
    pairs, labels = LAYOUTS[layout]
    images, masks = [], []
    for image, mask in pairs(root):
        require_file(image, "which the list names")
        require_file(mask, f"the mask of {image}")
        images.append(image)
        masks.append(mask)
    return SegmentedImages(tuple(images), tuple(masks), labels)


Pairs = list[tuple[Path, Path]]


def _voc(root: Path) -> Pairs:
    folder = root / "VOC2012"
    names = listed_names(folder / "ImageSets" / "Segmentation" / "val.txt")
    return [
        (folder / "JPEGImages" / f"{name}.jpg", folder / "SegmentationClass" / f"{name}.png")
        for name in names
    ]


def _cityscapes(root: Path) -> Pairs:
    masks = root / "gtFine" / "val"
    return [
        (image, masks / image.parent.name / image.name.replace("leftImg8bit", "gtFine_labelIds"))
        for image in _found(root / "leftImg8bit" / "val", "*/*.png")
    ]


def _ade20k(root: Path) -> Pairs:
    folder = root / "ADEChallengeData2016"
    return [
        (image, folder / "annotations" / "validation" / f"{image.stem}.png")
        for image in _found(folder / "images" / "validation", "*.jpg")
    ]


def _found(folder: Path, pattern: str) -> list[Path]:
    images = sorted(folder.glob(pattern))
    if not images:
        raise DatasetError(f"{folder}: has no images {pattern}; unpack the data set completely")
    return images


LAYOUTS: dict[str, tuple[Callable[[Path], Pairs], PixelLabels]] = {
    "voc": (_voc, VOC),
    "cityscapes": (_cityscapes, CITYSCAPES),
    "ade20k": (_ade20k, ADE20K),
}


def find_layout(root: Path) -> tuple[Path, str]:
    """Find out which data set is in a folder; return its folder, and a key of LAYOUTS.

    Raises:
        DatasetError: It is none of the known ones.
    """
    for folder in (root, root / "VOCdevkit"):
        for place, layout in PLACES.items():
            if (folder / place).is_dir():
                return folder, layout
    raise DatasetError(f"{root}: has none of {', '.join(PLACES)}; give the folder of the data set")


PLACES = {
    "VOC2012/ImageSets/Segmentation": "voc",
    "leftImg8bit": "cityscapes",
    "ADEChallengeData2016": "ade20k",
}
