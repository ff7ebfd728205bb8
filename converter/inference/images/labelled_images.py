"""Images and which class each is of: a folder of folders, or a list."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ImageError
from .image_file import images_below

if TYPE_CHECKING:
    from ...mappings.class_labels import Labels

SHOWN = 5  # of names, in an error


@dataclass(frozen=True)
class LabelledImages:
    """Image files and their classes.

    Attributes:
        paths: of the files.
        targets: the class of each, by its place among the logits.
        by: how classes were told: a sentence.
    """

    paths: tuple[str, ...]
    targets: tuple[int, ...]
    by: str


def find_labelled(path: Path, num_classes: int, labels: Labels | None) -> LabelledImages:
    """The images of a folder that has a folder for each class, or of a list.

    A folder's name is the class's id (labels.py) or its name. Where none is either, and there are
    as many folders as classes, they are the classes in sorted order, as torchvision's ImageFolder
    counts them. A list has lines of `path class`: the path from the list's folder on, the class
    by id, name or number.

    Raises:
        ImageError: there is no such folder or list, a class is unknown, or there are no images.
    """
    if path.is_dir():
        return _from_folder(path, num_classes, labels)
    return _from_list(path, num_classes, labels)


def class_folders(path: Path) -> list[Path]:
    """The folders in a folder, sorted by name; hidden ones are left out."""
    return sorted(each for each in path.iterdir() if each.is_dir() and each.name[0] != ".")


def _from_folder(path: Path, num_classes: int, labels: Labels | None) -> LabelledImages:
    folders = class_folders(path)
    known = _places(labels)
    if any(folder.name in known for folder in folders):
        unknown = [folder.name for folder in folders if folder.name not in known]
        if unknown:
            raise ImageError(
                f"{path}: {_some(unknown)} are none of the network's classes, the other folders "
                "are; mend the names, or give those of the classes with `--labels`"
            )
        places = [known[folder.name] for folder in folders]
        by = "the folders' names are the classes'"
    elif len(folders) == num_classes:
        places = list(range(num_classes))
        by = "the folders' names are unknown: taken for the classes in sorted order"
    else:
        raise ImageError(
            f"{path}: has {len(folders)} folders, and their names are not the classes'; the "
            f"network has {num_classes} classes. Name the folders by class, or give `--labels`"
        )
    pairs = [
        (str(image), place)
        for folder, place in zip(folders, places, strict=True)
        for image in images_below(folder)
    ]
    return _labelled(path, pairs, by)


def _from_list(path: Path, num_classes: int, labels: Labels | None) -> LabelledImages:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: no folder, and no list that can be read ({reason})") from error
    known = _places(labels) | {str(place): place for place in range(num_classes)}
    pairs: list[tuple[str, int]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        image, separator, name = line.strip().rpartition("\t" if "\t" in line else " ")
        if not separator or name not in known:
            raise ImageError(
                f"{path}, line {number}: {name!r} is no class of the network; a line is an "
                "image's path, a space or tab, and its class by id, name or number"
            )
        pairs.append((os.path.join(path.parent, image.strip()), known[name]))
    return _labelled(path, pairs, "by the list")


def _labelled(path: Path, pairs: list[tuple[str, int]], by: str) -> LabelledImages:
    if not pairs:
        raise ImageError(f"{path}: has no images")
    paths, targets = zip(*pairs, strict=True)
    return LabelledImages(paths, targets, by)


def _places(labels: Labels | None) -> dict[str, int]:
    """Ids and names of classes → their places; a name that two classes share tells neither."""
    if labels is None:
        return {}
    shared = {name for name in labels.names if labels.names.count(name) > 1}
    places = {name: i for i, name in enumerate(labels.names) if name not in shared}
    return places | {id_: i for i, id_ in enumerate(labels.ids)}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
