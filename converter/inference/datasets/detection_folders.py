"""Which data set of boxes a folder has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError
from .coco_images import annotation_file

VOC2007 = "VOC2007"
_LISTS = Path("ImageSets", "Main")


@dataclass(frozen=True)
class VocSplit:
    """A part of Pascal VOC.

    Attributes:
        root: The folder with the folder `year`.
        year: VOC2007, VOC2012 …
        split: The list of images: `test` of VOC2007, on which GluonCV's figures were measured, and
            `val` of the others, whose test images have no annotations.
    """

    root: Path
    year: str
    split: str


def find_boxes(root: Path) -> VocSplit | None:
    """Find out which data set of boxes is in a folder.

    Args:
        root: A folder with VOC2007 or a later year, one with VOCdevkit, or the year's folder
            itself; or a folder with annotations/instances_val2017.json.

    Returns:
        the part of Pascal VOC, the earliest year if there are several; or None for COCO.

    Raises:
        DatasetError: It is none of these.
    """
    if (root / _LISTS).is_dir():
        folder = root.resolve()
        return _split(folder.parent, folder.name)
    for parent in (root, root / "VOCdevkit"):
        years = sorted(path.parents[1].name for path in parent.glob(f"VOC*/{_LISTS}"))
        if years:
            return _split(parent, years[0])
    if annotation_file(root).is_file():
        return None
    raise DatasetError(
        f"{root}: has neither Pascal VOC (VOC2007/ImageSets/Main) nor COCO "
        "(annotations/instances_val2017.json); give the folder of the data set"
    )


def _split(root: Path, year: str) -> VocSplit:
    return VocSplit(root, year, "test" if year == VOC2007 else "val")
