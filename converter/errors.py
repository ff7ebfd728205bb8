"""The errors a user can meet: command lines print them as one line, code catches the root.

ConversionError
├── UnknownModelError        no network of that name
├── TableError               a YAML table of the project is wrong
├── MissingDependencyError   a library that this step needs is not installed
├── ParamsFileError          a file is not what it should be, or is damaged
├── DownloadError            the published file could not be fetched whole
├── ProblemsError            several things are wrong
│   ├── GraphError           a -symbol.json is damaged, or computes what is not supported
│   ├── KeyMapError          names, shapes or dtypes do not fit the network
│   └── ReleaseError         a folder to publish cannot be built
├── ImageSizeError           the reference does not compute at that size of image
├── ImageError               an image, or a list of images, cannot be read
├── LabelsError              a list of class names is wrong
├── ParityError              the converted network differs from the reference
├── CheckpointError          a checkpoint could not be written as it should be, or is none
└── UploadError              a release could not be sent
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .checkpoints.record import Failure
    from .parity.result import Parity


class ConversionError(Exception):
    """The root of the project's errors. Its text says what, where and what to do.

    Attributes:
        failure: what was known of the conversion that it ended, where it ended one.
    """

    failure: Failure | None = None


class UnknownModelError(ConversionError):
    """No network of that name."""


class TableError(ConversionError):
    """A YAML table of the project is wrong; names the file and the place."""


class MissingDependencyError(ConversionError):
    """A library that this step needs is not installed; names the extra that brings it."""


class ParamsFileError(ConversionError):
    """A file is not what it should be, or is damaged; names the file and the byte."""


class DownloadError(ConversionError):
    """The published file could not be fetched whole."""


class ProblemsError(ConversionError):
    """Several things are wrong, and all of them are told.

    Attributes:
        problems: a line each; empty where the summary says it all.
    """

    def __init__(self, summary: str, problems: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join([summary, *self.problems]))


class KeyMapError(ProblemsError):
    """Names, shapes or dtypes do not fit the network."""


class GraphError(ProblemsError):
    """A `-symbol.json` is not what it should be, or computes what is not supported."""


class ImageSizeError(ConversionError):
    """The reference does not compute at that size of image."""


class ImageError(ConversionError):
    """An image, or a list of images, cannot be read; names the file."""


class LabelsError(ConversionError):
    """A list of class names is wrong; names the file and the line."""


class ParityError(ConversionError):
    """The converted network differs from the reference.

    Attributes:
        parity: what was measured.
    """

    def __init__(self, message: str, parity: Parity) -> None:
        super().__init__(message)
        self.parity = parity


class CheckpointError(ConversionError):
    """A checkpoint could not be written as it should be, or a file is none of ours."""


class ReleaseError(ProblemsError):
    """A folder to publish cannot be built, or cannot be read as one."""


class UploadError(ConversionError):
    """A release could not be sent; names the target, and says what went wrong there."""
