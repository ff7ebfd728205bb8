"""An image and the objects that are marked in it."""

from __future__ import annotations

from dataclasses import dataclass

from ...sources.arrays import Array


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of an image.

    Attributes:
        classes: Class index of each, (M,).
        boxes: Corners x0, y0, x1, y1 of each, in pixels of the image, (M, 4).
        difficult: Which are marked as hard to recognise: finding them counts neither for nor
            against a detector, (M,).
    """

    classes: Array
    boxes: Array
    difficult: Array


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """An image file and the objects in it.

    Attributes:
        number: Identifies the image in its data set: COCO's id, or its position in the list.
        path: The image file.
        width: Width in pixels, as the annotations say.
        height: Height in pixels, as the annotations say.
        objects: The objects.
    """

    number: int
    path: str
    width: int
    height: int
    objects: Objects
