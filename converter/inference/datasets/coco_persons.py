"""Persons and their keypoints in a folder like COCO's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DatasetError
from ...sources.arrays import Array
from .coco_annotations import CocoAnnotation, CocoAnnotations
from .coco_images import SPLIT, clipped_corners, image_path, objects_by_image

COUNT = 17  # keypoints of a person


@dataclass(frozen=True, eq=False)
class Person:
    """A person in an image.

    Attributes:
        number: position in the list of persons.
        image: COCO's id of the image.
        path: the image file.
        box: corners x0, y0, x1, y1 in pixels, (4,).
        points: x and y of the keypoints in pixels, (17, 2).
        visible: which keypoints are labelled, (17,).
    """

    number: int
    image: int
    path: str
    box: Array
    points: Array
    visible: Array


def coco_persons(
    root: Path, annotations: CocoAnnotations, split: str = SPLIT
) -> tuple[Person, ...]:
    """List the persons with keypoints, by image, as GluonCV's COCOKeyPoints does.

    Crowds, persons without a labelled keypoint and those whose box has no area are left out.

    Args:
        root: the folder with the folders of images.
        annotations: the contents of a file such as person_keypoints_val2017.json.
        split: the folder of images whose `coco_url` names none.

    Raises:
        DatasetError: an image is missing, or a person has another number of keypoints.
    """
    of_image = objects_by_image(annotations)
    person = annotations.categories[0].id if annotations.categories else None
    persons: list[Person] = []
    for image in annotations.images:
        path = image_path(root, annotations, image, split)
        for each in of_image[image.id]:
            if each.iscrowd or each.category_id != person:
                continue
            keypoints = _keypoints(annotations, each)
            corners = clipped_corners(each, image)
            visible = keypoints[:, 2] > 0
            if corners is None or not visible.any() or keypoints.max() == 0:
                continue
            persons.append(
                Person(
                    len(persons),
                    image.id,
                    str(path),
                    np.array(corners, np.float64),
                    keypoints[:, :2],
                    visible,
                )
            )
    return tuple(persons)


def _keypoints(annotations: CocoAnnotations, person: CocoAnnotation) -> Array:
    if len(person.keypoints) != 3 * COUNT:
        raise DatasetError(
            f"{annotations.path}: the annotation with the id {person.id} has "
            f"{len(person.keypoints)} numbers in `keypoints`; expected {3 * COUNT}, x, y and "
            f"visibility of {COUNT} keypoints, as in person_keypoints_val2017.json"
        )
    return np.array(person.keypoints, np.float64).reshape(COUNT, 3)
