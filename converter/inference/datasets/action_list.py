"""Lists of videos and the action in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError


@dataclass(frozen=True)
class LabelledVideos:
    """Videos and their classes.

    Attributes:
        paths: video files, or folders with the frames of a video.
        frames: number of frames to use of each; None where the list does not say.
        targets: the class index of each.
    """

    paths: tuple[Path, ...]
    frames: tuple[int | None, ...]
    targets: tuple[int, ...]


def read_action_list(path: Path, num_classes: int, root: Path | None = None) -> LabelledVideos:
    """Read a list of videos, with a line `path class` or `path frames class` for each.

    The second form is that of GluonCV's VideoClsCustom. A path may contain spaces if tabs separate
    the parts of the line.

    Args:
        path: the list.
        num_classes: number of classes of the network.
        root: the folder to which the paths are relative; that of the list by default.

    Raises:
        DatasetError: the list cannot be read or is empty, a line is invalid, or a video is missing.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DatasetError(
            f"{path}: cannot be read ({reason}); expected a list with lines `path class`"
        ) from error
    folder = path.parent if root is None else root
    rows = [
        _row(f"{path}, line {number}", line, folder, num_classes)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not rows:
        raise DatasetError(f"{path}: lists no videos")
    paths, frames, targets = zip(*rows, strict=True)
    return LabelledVideos(paths, frames, targets)


def _row(where: str, line: str, folder: Path, num_classes: int) -> tuple[Path, int | None, int]:
    name, *numbers = line.strip().split("\t" if "\t" in line else None)
    try:
        *frames, target = map(int, numbers)
    except ValueError:
        frames, target = [], -1
    if len(numbers) not in (1, 2) or not 0 <= target < num_classes or min(frames, default=1) < 1:
        raise DatasetError(
            f"{where}: {line.strip()!r} is not understood; expected `path class` or `path frames "
            f"class`, separated by spaces or tabs, and a class from 0 to {num_classes - 1}"
        )
    video = folder / name
    if not video.exists():
        raise DatasetError(f"{where}: {video}: no such video or folder of frames")
    return video, frames[0] if frames else None, target
