"""Images and boxes of a folder like COCO's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np

from ...errors import DatasetError
from .annotated_image import AnnotatedImage, Objects
from .coco_annotations import CocoAnnotation, CocoAnnotations, CocoImage

SPLIT = "val2017"  # the images for validation


def annotation_file(root: Path, kind: str = "instances") -> Path:
    """Locate a file of annotations, such as annotations/instances_val2017.json."""
    return root / "annotations" / f"{kind}_{SPLIT}.json"


def coco_images(root: Path, annotations: CocoAnnotations) -> tuple[AnnotatedImage, ...]:
    """List the images of a folder and their boxes, as GluonCV's COCODetection does.

    Corners belong to a box: one that is w wide ends at x0 + w - 1. Boxes are clipped at the edges
    of the image; those without an area are left out, and so are those with the field `ignore`.
    Images without boxes are listed, too, so that wrong detections in them count. No box is marked
    as difficult: COCO's own evaluation knows which stand for crowds.

    Args:
        root: The folder with the folders of images.
        annotations: The annotations.

    Raises:
        DatasetError: An image is missing.
    """
    of_image = objects_by_image(annotations)
    classes = {category.id: place for place, category in enumerate(annotations.categories)}
    return tuple(
        AnnotatedImage(
            image.id,
            str(image_path(root, annotations, image)),
            image.width,
            image.height,
            _objects(image, of_image[image.id], classes),
        )
        for image in annotations.images
    )


def objects_by_image(annotations: CocoAnnotations) -> defaultdict[int, list[CocoAnnotation]]:
    """Group the objects by the id of their image, in the order of the file."""
    groups: defaultdict[int, list[CocoAnnotation]] = defaultdict(list)
    for each in annotations.annotations:
        groups[each.image_id].append(each)
    return groups


def image_path(root: Path, annotations: CocoAnnotations, image: CocoImage) -> Path:
    """Locate an image: its `coco_url` ends with its folder and its name, as GluonCV reads it;
    without that, it is in the folder val2017.

    Raises:
        DatasetError: There is no such file, or it is not in the data set's folder.
    """
    if image.coco_url:
        place = PurePosixPath(*PurePosixPath(image.coco_url).parts[-2:])
    else:
        place = PurePosixPath(SPLIT, image.file_name)
    if place.is_absolute() or ".." in place.parts:
        raise DatasetError(
            f"{annotations.path}: image {image.id} is {str(place)!r}, which may be outside the "
            "data set's folder; expected a folder and a file name"
        )
    path = root / place
    if not path.is_file():
        raise DatasetError(
            f"{path}: no such file, but it is image {image.id} of {annotations.path}; put the "
            f"images where that file expects them, as in {root / SPLIT}"
        )
    return path


def clipped_corners(annotation: CocoAnnotation, image: CocoImage) -> tuple[float, ...] | None:
    """Corners x0, y0, x1, y1 of an object within its image; None if nothing is left of it."""
    x0, y0, width, height = annotation.bbox
    right, lower = image.width - 1, image.height - 1
    x1, y1 = x0 + max(width - 1, 0), y0 + max(height - 1, 0)
    x0, x1 = (min(right, max(0, x)) for x in (x0, x1))
    y0, y1 = (min(lower, max(0, y)) for y in (y0, y1))
    if annotation.area <= 0 or x1 <= x0 or y1 <= y0:
        return None
    return x0, y0, x1, y1


def _objects(
    image: CocoImage, annotations: Iterable[CocoAnnotation], classes: dict[int, int]
) -> Objects:
    boxes, places = [], []
    for each in annotations:
        corners = clipped_corners(each, image)
        if corners is not None and each.ignore != 1:
            boxes.append(corners)
            places.append(classes[each.category_id])
    return Objects(
        np.array(places, np.int64),
        np.array(boxes, np.float64).reshape(-1, 4),
        np.zeros(len(places), bool),
    )
