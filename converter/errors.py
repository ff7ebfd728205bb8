"""Exceptions of the project.

Commands print them as one line; Python code can catch the base class, ConversionError.

ConversionError
├── UnknownModelError        a name or a file matches no network, or several
├── TableError               a YAML table of the project is invalid
├── MissingDependencyError   a library required by this step is not installed
├── ParamsFileError          a file has the wrong format or is damaged
├── PluginError              a user's Python file failed
├── DownloadError            a published file could not be downloaded completely
├── ProblemsError            several problems, reported together
│   ├── GraphError           a -symbol.json is invalid, or its computation is not supported
│   ├── KeyMapError          names, shapes or dtypes do not fit the network
│   └── ReleaseError         a release folder cannot be built or read
├── ImageSizeError           the reference does not support that image size
├── ImageError               an image or a list of images cannot be read
├── DatasetError             a data set's folder or annotations are invalid
├── LabelsError              a list of class names is invalid
├── ParityError              the converted network differs from the reference
├── CheckpointError          a checkpoint cannot be written, or a file is not a checkpoint
│   └── ExportError          torch.export cannot export a module
└── UploadError              a release could not be uploaded
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .checkpoints.record import Failure
    from .parity.result import Parity
    from .parity.wrong_node import WrongNode


class ConversionError(Exception):
    """Base class of the project's errors; its message says what is wrong, where and what to do.

    Attributes:
        failure: Facts about the conversion that this error ended; None if it ended none.
    """

    failure: Failure | None = None


class UnknownModelError(ConversionError):
    """A name or a file matches no network, or several."""


class TableError(ConversionError):
    """A YAML table of the project is invalid; the message names the file and the location."""


class MissingDependencyError(ConversionError):
    """A library required by this step is not installed; the message says how to install it."""


class ParamsFileError(ConversionError):
    """A file has the wrong format or is damaged; the message names the file and the byte offset."""


class PluginError(ConversionError):
    """A Python file that registers operators failed; the message names the file and the line."""


class DownloadError(ConversionError):
    """A published file could not be downloaded completely."""


class ProblemsError(ConversionError):
    """Several problems, reported together.

    Attributes:
        problems: One line per problem; empty if the summary is sufficient.
    """

    def __init__(self, summary: str, problems: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join([summary, *self.problems]))


def counted(problems: Collection[str]) -> str:
    """Their number in words: `1 problem`, `2 problems` …"""
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


class KeyMapError(ProblemsError):
    """Names, shapes or dtypes do not fit the network."""


class GraphError(ProblemsError):
    """A `-symbol.json` is invalid, or its computation is not supported."""


class ImageSizeError(ConversionError):
    """The reference does not support that image size."""


class ImageError(ConversionError):
    """An image or a list of images cannot be read; the message names the file."""


class DatasetError(ConversionError):
    """A data set's folder or annotations are invalid; the message names the file and the place."""


class LabelsError(ConversionError):
    """A list of class names is invalid; the message names the file and the line."""


class ParityError(ConversionError):
    """The converted network differs from the reference.

    Attributes:
        parity: The measured differences.
        wrong: The first node of a graph that differs, if it is known.
    """

    def __init__(self, message: str, parity: Parity, wrong: WrongNode | None = None) -> None:
        super().__init__(message)
        self.parity, self.wrong = parity, wrong


class CheckpointError(ConversionError):
    """A checkpoint cannot be written correctly, or a file is not a checkpoint of this project."""


class ExportError(CheckpointError):
    """torch.export cannot export a module for the given shapes; the message gives its reason.

    Attributes:
        reason: torch's reason, in one line.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class TrainingError(ConversionError):
    """A training cannot go on."""


class ReleaseError(ProblemsError):
    """A release folder cannot be built, or a folder cannot be read as a release."""


class UploadError(ConversionError):
    """A release could not be uploaded; the message names the target and the cause."""


_NO_MEMORY = "out of memory", "can't allocate memory", "not enough memory"  # torch's messages


def lack_of_memory(error: MemoryError | RuntimeError) -> str | None:
    """The message for an error that says that memory is lacking; None for other errors."""
    message = str(error)
    if isinstance(error, RuntimeError) and not any(each in message for each in _NO_MEMORY):
        return None
    reason = f" ({message.splitlines()[0]})" if message else ""
    return f"there is not enough memory{reason}; choose smaller images or a smaller batch"
