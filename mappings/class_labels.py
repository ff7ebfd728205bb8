"""Names of classes: those of the data sets known, and a user's own."""

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
        ids: a word for each, by which folders of images are called; ImageNet's are WordNet's.
        names: what people call them.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """As `parse_labels` reads them."""
        pairs = zip(self.ids, self.names, strict=True)
        return tuple(name if id_ == name else f"{id_}\t{name}" for id_, name in pairs)


@functools.cache
def dataset_labels(dataset: str) -> Labels:
    """The classes of a data set of the catalogue (mappings/labels/<dataset>.txt).

    Raises:
        TableError: there is no such table.
    """
    name = f"labels/{dataset}.txt"
    return parse_labels(read_text(name), f"mappings/{name}")


def read_labels(path: str | os.PathLike[str]) -> Labels:
    """A user's own: a line for each class, its name, or its id, a tab and its name.

    Raises:
        LabelsError: the file cannot be read, or a line in it is empty or stands twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabelsError(f"{os.fspath(path)}: cannot be read ({reason})") from error
    return parse_labels(text, os.fspath(path))


def recorded_labels(labels: str | Sequence[str] | None) -> Labels | None:
    """The classes that a record names: those of a data set, or a user's own, as lines.

    Raises:
        LabelsError: it names none.
    """
    if labels is None:
        return None
    if isinstance(labels, str):
        return dataset_labels(labels)
    if not all(isinstance(line, str) for line in labels):
        raise LabelsError("the record's labels are no list of texts; give them with `--labels`")
    return parse_labels("\n".join(labels), "the record's labels")


def parse_labels(text: str, where: str) -> Labels:
    """As `read_labels`, from the text itself; errors call it `where`."""
    lines = text.splitlines()
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        id_ = line.partition("\t")[0].strip()
        if not id_:
            raise LabelsError(f"{where}, line {number}: is empty; write one class a line")
        if id_ in seen:
            raise LabelsError(
                f"{where}, line {number}: {id_!r} stands in line {seen[id_]} too; "
                "set them apart by an id before a tab"
            )
        seen[id_] = number
    names = tuple(line.rpartition("\t")[2].strip() for line in lines)
    return Labels(tuple(seen), names)
