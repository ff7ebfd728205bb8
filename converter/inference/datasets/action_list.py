"""Lists of videos and the action in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DatasetError
from ..images.labelled_images import listed_classes
from ..text_list import numbered_lines

if TYPE_CHECKING:
    from ...mappings.class_labels import Labels


@dataclass(frozen=True)
class LabelledVideos:
    """Videos and their classes.

    Attributes:
        paths: Video files, or folders with the frames of a video.
        frames: Number of frames to use of each; None where the list does not say.
        targets: The class index of each.
    """

    paths: tuple[Path, ...]
    frames: tuple[int | None, ...]
    targets: tuple[int, ...]


def read_action_list(path: Path, num_classes: int, labels: Labels | None = None) -> LabelledVideos:
    """Read a list of videos, with a line `path class` or `path frames class` for each.

    The second form is that of GluonCV's VideoClsCustom. The path is relative to the list's folder,
    the class its id, name or index. A class with spaces needs tabs between the parts of the line.

    Args:
        path: The list.
        num_classes: Number of classes of the network.
        labels: Ids and names of its classes, if known.

    Raises:
        DatasetError: The list cannot be read or is empty, a line is invalid, or a video is missing.
    """
    classes = listed_classes(num_classes, labels)
    lines = numbered_lines(path, DatasetError, "a list with lines `path class`")
    rows = [_row(f"{path}, line {number}", line, path.parent, classes) for number, line in lines]
    if not rows:
        raise DatasetError(f"{path}: lists no videos")
    paths, frames, targets = zip(*rows, strict=True)
    return LabelledVideos(paths, frames, targets)


def _row(
    where: str, line: str, folder: Path, classes: Mapping[str, int]
) -> tuple[Path, int | None, int]:
    separator = "\t" if "\t" in line else " "
    name, _, label = (part.strip() for part in line.rpartition(separator))
    rest, _, count = (part.strip() for part in name.rpartition(separator))
    frames = int(count) if rest and count.isdecimal() else None
    if frames is not None:
        name = rest
    if not name or label not in classes or frames == 0:
        raise DatasetError(
            f"{where}: {line!r} is not understood; expected `path class` or `path frames class`, "
            "separated by spaces or tabs, and a class of the network (its id, its name, or its "
            f"index, 0 to {max(classes.values())})"
        )
    video = folder / name
    if not video.exists():
        raise DatasetError(f"{where}: {video}: no such video or folder of frames")
    return video, frames, classes[label]
