"""Persons and their keypoints in a folder like COCO's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DatasetError
from ...sources.arrays import Array
from .coco_annotations import CocoAnnotation, CocoAnnotations, CocoImage
from .coco_images import clipped_corners, image_path, objects_by_image

JOINTS = 17  # keypoints of a person, in COCO's order


@dataclass(frozen=True, eq=False)
class Person:
    """A person in an image.

    Attributes:
        box: Corners x0, y0, x1, y1 in pixels, (4,).
        points: X and y of the keypoints in pixels, (17, 2).
        visible: Which keypoints are labelled, (17,).
    """

    box: Array
    points: Array
    visible: Array


@dataclass(frozen=True, eq=False)
class PersonImage:
    """An image and the persons that are marked in it.

    Attributes:
        number: COCO's id.
        path: The image file.
        persons: The persons; none in many images.
    """

    number: int
    path: str
    persons: tuple[Person, ...]


def coco_persons(root: Path, annotations: CocoAnnotations) -> tuple[PersonImage, ...]:
    """List all images and their persons with keypoints, as GluonCV's COCOKeyPoints does.

    Crowds, persons without a labelled keypoint and those whose box has no area are left out.

    Args:
        root: The folder with the folders of images.
        annotations: The contents of a file such as person_keypoints_val2017.json.

    Raises:
        DatasetError: An image is missing, or a person has another number of keypoints.
    """
    of_image = objects_by_image(annotations)
    return tuple(
        PersonImage(
            image.id,
            str(image_path(root, annotations, image)),
            tuple(_persons(annotations, image, of_image[image.id])),
        )
        for image in annotations.images
    )


def _persons(
    annotations: CocoAnnotations, image: CocoImage, objects: Iterable[CocoAnnotation]
) -> Iterator[Person]:
    for each in objects:
        if each.iscrowd or each.category_id != annotations.categories[0].id:
            continue
        keypoints = _keypoints(annotations, each)
        corners = clipped_corners(each, image)
        visible = keypoints[:, 2] > 0
        if corners is None or not visible.any():
            continue
        yield Person(np.array(corners, np.float64), keypoints[:, :2], visible)


def _keypoints(annotations: CocoAnnotations, person: CocoAnnotation) -> Array:
    if len(person.keypoints) != 3 * JOINTS:
        raise DatasetError(
            f"{annotations.path}: the annotation with the id {person.id} has "
            f"{len(person.keypoints)} numbers in `keypoints`; expected {3 * JOINTS}, x, y and "
            f"visibility of {JOINTS} keypoints, as in person_keypoints_val2017.json"
        )
    return np.array(person.keypoints, np.float64).reshape(JOINTS, 3)
