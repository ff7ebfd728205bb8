"""Files with the class of each pixel, and what their numbers mean in each data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DatasetError
from ...sources.arrays import Array
from ..images.image_file import require_pillow

IGNORED = -1  # pixels that count neither for nor against a network
PALETTE, GREY = "P", "L"  # Pillow's names of images with one number of 8 bits for each pixel


@dataclass(frozen=True)
class PixelLabels:
    """The numbers in a data set's masks.

    Attributes:
        classes: Class index of each number that occurs, or IGNORED.
        num_classes: Number of classes.
    """

    classes: dict[int, int]
    num_classes: int

    def read(self, path: Path) -> Array:
        """Read the class of each pixel, as int32, (H, W).

        Raises:
            DatasetError: The file is not a mask, or has a number that does not occur in such.
            MissingDependencyError: Pillow is not installed.
        """
        pillow = require_pillow()
        try:
            with pillow.open(path) as image:
                mode, numbers = image.mode, np.asarray(image)
        except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DatasetError(f"{path}: is not a readable mask ({reason})") from error
        if mode not in (PALETTE, GREY):
            raise DatasetError(
                f"{path}: has pixels of the kind {mode!r}; expected one number of 8 bits for each "
                "pixel: the data set's masks, not pictures of them in colour"
            )
        table = np.full(256, self.num_classes, np.int32)
        for number, class_ in self.classes.items():
            table[number] = class_
        labels: Array = table[numbers]
        if (labels == self.num_classes).any():
            wrong = int(numbers[labels == self.num_classes][0])
            raise DatasetError(
                f"{path}: has a pixel with the number {wrong}; expected {self._numbers()}, as in "
                "the data set's masks"
            )
        return labels

    def _numbers(self) -> str:
        *others, last = sorted(self.classes)
        if others[-1] == last - 1:
            return f"{others[0]} to {last}"
        return f"{others[0]} to {others[-1]}, or {last}"


# 0 is the background; 255 is the edge of an object
VOC = PixelLabels({**{number: number for number in range(21)}, 255: IGNORED}, 21)
# 0 is what is none of the 150 classes
ADE20K = PixelLabels({number: number - 1 for number in range(151)}, 150)
# the 19 of 34 labels by which networks are judged
_CITYSCAPES = (7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33)
CITYSCAPES = PixelLabels(
    {
        number: _CITYSCAPES.index(number) if number in _CITYSCAPES else IGNORED
        for number in range(34)
    },
    19,
)
