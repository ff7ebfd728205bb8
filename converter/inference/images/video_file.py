"""Frames of a video: of a file, or a folder of images."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from ...errors import ImageError, MissingDependencyError
from .image_file import images_below, read_image
from .linear_resize import Image


class Video(Protocol):
    """A video whose frames can be read by number.

    Attributes:
        count: Number of its frames.
    """

    count: int

    def frames(self, numbers: Collection[int]) -> Mapping[int, Image]:
        """Read frames, each (H, W, 3), 8-bit RGB, by their numbers from 0.

        Raises:
            ImageError: If one cannot be read.
        """


def open_video(path: str | os.PathLike[str]) -> Video:
    """Open a video file, or a folder of frames, in the order of their names and their numbers.

    Raises:
        ImageError: If there is no such file, it is not a video, or the folder has no images.
        MissingDependencyError: If it is a file, and PyAV is not installed.
    """
    path = Path(path)
    return FrameFolder(path) if path.is_dir() else VideoFile(path)


def frame_of(video: Video, number: int) -> Image:
    """Read one frame, by its number from 0.

    Raises:
        ImageError: If it cannot be read.
    """
    return video.frames([number])[number]


class FrameFolder:
    """A folder of frames."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(images_below(folder), key=_natural)
        self.count = len(self._files)
        if not self._files:
            raise ImageError(f"{folder}: has no images; give a folder of frames, or a video file")

    def frames(self, numbers: Collection[int]) -> Mapping[int, Image]:
        """As Video."""
        return {number: read_image(self._files[number]) for number in numbers}


def _natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts `9.png` before `10.png`, however many zeros are in front."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(int(part) if part.isdecimal() else -1, part) for part in parts]


class VideoFile:
    """A video file, which is decoded from its beginning.

    Frames that are read in their order are decoded once.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._av = path, _require_av()
        self._rest, self._next = iter(()), 0  # the frames that follow, and the number of the first
        # the number of frames in the file's head is missing or wrong in many files
        self.count = len([None for _ in self._decoded()])
        if not self.count:
            raise ImageError(f"{path}: has no frames")

    def frames(self, numbers: Collection[int]) -> Mapping[int, Image]:
        """As Video."""
        found: dict[int, Image] = {}
        if not self._next or min(numbers, default=0) < self._next:
            self._rest, self._next = self._decoded(), 0
        while len(found) < len(numbers) and (frame := next(self._rest, None)) is not None:
            if self._next in numbers:
                found[self._next] = frame.to_ndarray(format="rgb24")
            self._next += 1
        return found

    def _decoded(self) -> Iterator[Any]:
        """Decode the frames, one after the other."""
        try:
            with self._av.open(str(self._path)) as container:
                yield from container.decode(video=0)
        except (self._av.error.FFmpegError, OSError, IndexError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ImageError(f"{self._path}: is not a video that can be read ({reason})") from error


def _require_av() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            "reading videos needs PyAV, which is not installed: `pip install av`; or give a folder "
            "of frames"
        ) from error
    return av
