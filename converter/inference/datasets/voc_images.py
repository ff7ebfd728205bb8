"""Images and boxes of a folder like Pascal VOC's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DatasetError
from ..text_list import numbered_lines
from .annotated_image import AnnotatedImage, Objects
from .xml_file import read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, eq=False)
class VocImages:
    """The images of a split.

    Attributes:
        images: The images and their objects; an image's number is its position in the list.
        skipped: Sentences about boxes that were left out because they are not in their image.
    """

    images: tuple[AnnotatedImage, ...]
    skipped: tuple[str, ...]


def voc_images(
    root: Path, names: Sequence[str], *, year: str = "VOC2007", split: str = "test"
) -> VocImages:
    """List the images of a split and their boxes, as GluonCV's VOCDetection does.

    The folder has `<year>/ImageSets/Main/<split>.txt`, `<year>/Annotations/*.xml` and
    `<year>/JPEGImages/*.jpg`. Pixels are counted from 1 in the files and from 0 in the result.
    Objects of other classes than `names` are left out.

    Args:
        root: The folder with the folder `year`.
        names: Names of the classes, in any case.
        year: The folder of the data set.
        split: The list of images.

    Raises:
        DatasetError: A file is missing or invalid.
    """
    folder = root / year
    classes = {name.lower(): place for place, name in enumerate(names)}
    images: list[AnnotatedImage] = []
    skipped: list[str] = []
    for number, name in enumerate(listed_names(folder / "ImageSets" / "Main" / f"{split}.txt")):
        path = folder / "JPEGImages" / f"{name}.jpg"
        require_file(path, f"which the split {split!r} lists")
        annotation = folder / "Annotations" / f"{name}.xml"
        width, height, objects, invalid = read_annotation(annotation, classes)
        images.append(AnnotatedImage(number, str(path), width, height, objects))
        skipped += invalid
    if not any(len(image.objects.classes) for image in images):
        raise DatasetError(
            f"{folder}: none of its objects are of the network's classes, such as {names[0]}; give "
            "their names with `--labels`, as the data set writes them"
        )
    return VocImages(tuple(images), tuple(skipped))


def listed_names(path: Path) -> Iterator[str]:
    """Read the names of a list of images, one on each line.

    Raises:
        DatasetError: The list cannot be read, is empty, or has a line that is not a name.
    """
    names = numbered_lines(path, DatasetError, "a list of images, one name on each line")
    if not names:
        raise DatasetError(f"{path}: lists no images")
    for number, name in names:
        if "/" in name or "\\" in name or len(name.split()) > 1:
            raise DatasetError(
                f"{path}, line {number}: {name!r} is not the name of an image; expected a file's "
                "name without its folder and its ending, such as 000001"
            )
        yield name


def require_file(path: Path, why: str) -> None:
    """Refuse a data set that lacks a file.

    Raises:
        DatasetError: There is no such file.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file, {why}; unpack the data set completely")


def read_annotation(
    path: Path, classes: dict[str, int]
) -> tuple[int, int, Objects, tuple[str, ...]]:
    """Read the objects of an image.

    Args:
        path: The XML file.
        classes: Names in lower case → class indices.

    Returns:
        the image's width and height, its objects, and sentences about boxes that were left out.

    Raises:
        DatasetError: The file is invalid, or lacks an element.
    """
    root = read_xml(path)
    width, height = (_number(path, root, f"size/{side}") for side in ("width", "height"))
    places, boxes, difficult, skipped = [], [], [], []
    for number, element in enumerate(root.iter("object"), 1):
        where = f"object {number}"
        name = _text(path, element, "name", where).lower()
        if name not in classes:
            continue
        box = [_number(path, element, f"bndbox/{side}", where) - 1 for side in CORNERS]
        x0, y0, x1, y1 = box
        if not (0 <= x0 < x1 <= width and x0 < width and 0 <= y0 < y1 <= height and y0 < height):
            skipped.append(
                f"{path}: {where} ({name}) has the corners {box}, which are no box in an image of "
                f"{width:g}×{height:g} pixels; it is left out"
            )
            continue
        places.append(classes[name])
        boxes.append(box)
        difficult.append(_is_difficult(element))
    objects = Objects(
        np.array(places, np.int64),
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(difficult, bool),
    )
    return int(width), int(height), objects, tuple(skipped)


def _is_difficult(element: Element) -> bool:
    """Whether the field says so; as in GluonCV, not if it is not a number, or not there."""
    try:
        return int(element.findtext("difficult") or 0) != 0
    except ValueError:
        return False


def _text(path: Path, element: Element, name: str, where: str = "") -> str:
    found = element.findtext(name)
    if found is None or not found.strip():
        place = f"{where}: " if where else ""
        raise DatasetError(
            f"{path}: {place}has no <{name.replace('/', '><')}>; expected an annotation of "
            "Pascal VOC's form"
        )
    return found.strip()


def _number(path: Path, element: Element, name: str, where: str = "") -> float:
    text = _text(path, element, name, where)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        place = f"{where}: " if where else ""
        raise DatasetError(f"{path}: {place}<{name.rpartition('/')[2]}> is {text!r}, not a number")
    return value
