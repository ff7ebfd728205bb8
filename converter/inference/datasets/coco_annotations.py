"""Annotation files in COCO's format, such as instances_val2017.json."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from ...errors import DatasetError


class CocoImage(msgspec.Struct, frozen=True):
    """An image of the file; `coco_url` ends with its folder and its name."""

    id: int
    file_name: str
    width: int
    height: int
    coco_url: str = ""


class CocoCategory(msgspec.Struct, frozen=True):
    """A class."""

    id: int
    name: str


class RunLengths(msgspec.Struct, frozen=True):
    """A mask of height and width `size`, column by column: runs without and with the object."""

    size: tuple[int, int]
    counts: list[int] | str


class CocoAnnotation(msgspec.Struct, frozen=True):
    """An object in an image; `bbox` is x0, y0, width and height in pixels.

    `keypoints` are x, y and visibility (0: not labelled, 1: hidden, 2: visible) of each;
    `segmentation` is the object's polygons, x and y of each corner, or its mask.
    """

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int = 0
    ignore: int = 0
    keypoints: tuple[float, ...] = ()
    num_keypoints: int = 0
    segmentation: list[list[float]] | RunLengths | None = None


class _File(msgspec.Struct):
    images: list[CocoImage]
    categories: list[CocoCategory]
    annotations: list[CocoAnnotation]


@dataclass(frozen=True, eq=False)
class CocoAnnotations:
    """The contents of an annotation file.

    Attributes:
        path: The file.
        images: The images, by ascending id.
        categories: The classes; the place of one is its index among a network's classes.
        annotations: The objects, in the order of the file.
    """

    path: str
    images: tuple[CocoImage, ...]
    categories: tuple[CocoCategory, ...]
    annotations: tuple[CocoAnnotation, ...]

    def without(self, images: Collection[int]) -> CocoAnnotations:
        """Leave out the images with these ids, and their objects."""
        return replace(
            self,
            images=tuple(each for each in self.images if each.id not in images),
            annotations=tuple(each for each in self.annotations if each.image_id not in images),
        )

    def require_masks(self) -> None:
        """Refuse the file unless each object has a mask.

        Raises:
            DatasetError: One has none.
        """
        for each in self.annotations:
            if not each.segmentation:
                raise DatasetError(
                    f"{self.path}: the object {each.id} has no `segmentation`, with which masks "
                    "are compared; use COCO's instances_val2017.json"
                )

    def require_names(self, names: Iterable[str]) -> None:
        """Refuse the file if its classes are not the network's.

        Raises:
            DatasetError: The names or their order differ.
        """
        wanted = list(names)
        found = [category.name for category in self.categories]
        if found != wanted:
            place = next(
                (i for i, pair in enumerate(zip(found, wanted, strict=False)) if len({*pair}) > 1),
                min(len(found), len(wanted)),
            )
            shown = [each[place] if place < len(each) else "none" for each in (found, wanted)]
            raise DatasetError(
                f"{self.path}: `categories` are not the {len(wanted)} classes of the network: "
                f"number {place} is {shown[0]!r} instead of {shown[1]!r}; use the annotations of "
                "the data set that the network was trained for"
            )


def read_annotations(path: str | os.PathLike[str]) -> CocoAnnotations:
    """Read an annotation file.

    Raises:
        DatasetError: It cannot be read, is not in COCO's format, or contradicts itself.
    """
    name = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{name}: cannot be read ({error.strerror or error}); expected COCO's annotations"
        ) from error
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(
            f"{name}: is not in COCO's format ({error}); expected an object with `images`, "
            "`categories` and `annotations`, as in instances_val2017.json"
        ) from error
    _check(name, file)
    images = sorted(file.images, key=lambda image: image.id)
    return CocoAnnotations(name, tuple(images), tuple(file.categories), tuple(file.annotations))


def _check(name: str, file: _File) -> None:
    for field in ("images", "categories", "annotations"):
        seen: set[int] = set()
        for place, row in enumerate(getattr(file, field)):
            if row.id in seen:
                raise DatasetError(
                    f"{name}: {field}[{place}] has the id {row.id} of an earlier one; ids must "
                    "be unique"
                )
            seen.add(row.id)
    for place, image in enumerate(file.images):
        if image.width < 1 or image.height < 1:
            raise DatasetError(
                f"{name}: images[{place}] has {image.width}×{image.height} pixels; expected at "
                "least 1×1"
            )
    images = {image.id for image in file.images}
    categories = {category.id for category in file.categories}
    for place, annotation in enumerate(file.annotations):
        for field, known in (("image_id", images), ("category_id", categories)):
            if getattr(annotation, field) not in known:
                raise DatasetError(
                    f"{name}: annotations[{place}].{field} is {getattr(annotation, field)}; "
                    f"expected the id of one of the file's "
                    f"{'images' if field == 'image_id' else 'categories'}"
                )
