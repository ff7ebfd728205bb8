"""Class names: those of the known data sets, and lists supplied by the user."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import LabelsError
from .yaml_table import read_text


@dataclass(frozen=True)
class Labels:
    """The classes of a network, in the order of its logits.

    Attributes:
        ids: Identifiers, which name the folders of image data sets; WordNet's for ImageNet.
        names: Human-readable names.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """Return the lines that `parse_labels` reads."""
        pairs = zip(self.ids, self.names, strict=True)
        return tuple(name if id_ == name else f"{id_}\t{name}" for id_, name in pairs)


@functools.cache
def dataset_labels(dataset: str) -> Labels:
    """Load the classes of a data set in the catalogue (mappings/labels/<dataset>.txt).

    Raises:
        TableError: There is no such file.
    """
    name = f"labels/{dataset}.txt"
    return parse_labels(read_text(name), f"mappings/{name}")


def read_labels(path: str | os.PathLike[str]) -> Labels:
    """Read a user's list of classes.

    Each line is the name of a class, or its id, a tab and its name.

    Raises:
        LabelsError: The file cannot be read, a line or all of it is empty, or an id appears twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabelsError(f"{os.fspath(path)}: cannot be read ({reason})") from error
    if not text.strip():
        raise LabelsError(f"{os.fspath(path)}: has no class names; write one class per line")
    return parse_labels(text, os.fspath(path))


def recorded_labels(labels: str | Sequence[str] | None) -> Labels | None:
    """Return the classes given in a checkpoint's record, or None if it gives none.

    Args:
        labels: The name of a data set, or a user's own classes as lines.

    Raises:
        LabelsError: `labels` is neither.
    """
    if labels is None:
        return None
    if isinstance(labels, str):
        return dataset_labels(labels)
    if not all(isinstance(line, str) for line in labels):
        raise LabelsError("the record's labels are not a list of strings; pass `--labels`")
    return parse_labels("\n".join(labels), "the record's labels")


def parse_labels(text: str, where: str) -> Labels:
    """Parse the text of a list of classes as `read_labels` does.

    Args:
        where: Name of the text in error messages.

    Raises:
        LabelsError: A line is empty, or an id appears twice.
    """
    lines = text.splitlines()
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        id_ = line.partition("\t")[0].strip()
        if not id_:
            raise LabelsError(f"{where}, line {number}: is empty; write one class per line")
        if id_ in seen:
            raise LabelsError(
                f"{where}, line {number}: {id_!r} is already in line {seen[id_]}; "
                "write a distinct id and a tab before the name"
            )
        seen[id_] = number
    names = tuple(line.rpartition("\t")[2].strip() for line in lines)
    return Labels(tuple(seen), names)
