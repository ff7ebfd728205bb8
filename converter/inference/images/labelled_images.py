"""Images and their classes, from a folder of class folders or from a list."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ImageError
from ..text_list import numbered_lines
from .image_file import images_below

if TYPE_CHECKING:
    from ...mappings.class_labels import Labels

SHOWN = 5  # names in an error message
# what a training writes to its output folder, which may be beside the classes
STATE, CURVES, PLOT, BOARD = "training.pt", "curves.csv", "curves.png", "tensorboard"


@dataclass(frozen=True)
class LabelledImages:
    """Image files and their classes.

    Attributes:
        paths: The image files.
        targets: The class index of each.
        by: A sentence that says how the classes were determined.
    """

    paths: tuple[str, ...]
    targets: tuple[int, ...]
    by: str


def find_labelled(
    path: Path, num_classes: int, labels: Labels | None, out: Path | None = None
) -> LabelledImages:
    """Find the images of a folder with one subfolder per class, or of a list.

    A subfolder is named by the id (mappings/class_labels.py) or the name of its class. If no
    subfolder is, and there are as many subfolders as classes, they are taken for the classes in
    sorted order, as torchvision's ImageFolder numbers them, unless they are numbers in another
    order than as text. A list has lines of `path class`: the path relative to the list's folder,
    the class by id, name or index.

    Args:
        path: The folder or the list.
        num_classes: Number of classes of the network.
        labels: Ids and names of its classes, if known.
        out: As in `class_folders`.

    Raises:
        ImageError: There is no such folder or list, a class is unknown or ambiguous, or there are
            no images.
    """
    if path.is_dir():
        return _from_folder(path, num_classes, labels, out)
    return _from_list(path, num_classes, labels)


def class_folders(path: Path, out: Path | None = None) -> list[Path]:
    """List the subfolders of a folder, sorted by name, without hidden ones.

    Output folders of trainings are left out, unless they have images of their own.

    Args:
        path: The folder.
        out: The output folder of a training that begins, which may be empty yet.
    """
    folders = sorted(each for each in path.iterdir() if each.is_dir() and each.name[0] != ".")
    return [each for each in folders if not _is_output(each, out) or _class_images(each)]


def _is_output(folder: Path, out: Path | None) -> bool:
    """Whether a folder has results of a training, or is or contains the folder for them."""
    if any((folder / name).exists() for name in (STATE, CURVES)):
        return True
    if out is None:
        return False
    real = os.path.realpath(folder)
    targets = (Path(os.path.realpath(each)) for each in (out, out / BOARD))
    return any(target.is_relative_to(real) for target in targets)


def _class_images(folder: Path) -> list[Path]:
    """List the images of a class, without the plots of trainings."""
    return [
        image
        for image in images_below(folder)
        if not (image.name == PLOT and _is_output(image.parent, None))
    ]


def _from_folder(
    path: Path, num_classes: int, labels: Labels | None, out: Path | None
) -> LabelledImages:
    folders = class_folders(path, out)
    if not folders:
        raise ImageError(f"{path}: has no folders; expected one for each class, with its images")
    known = _class_indices(labels)
    if any(folder.name in known for folder in folders):
        unknown = [folder.name for folder in folders if folder.name not in known]
        if unknown:
            raise ImageError(
                f"{path}: some folders match classes of the network, but these do not: "
                f"{_some(unknown)}; rename them, or give the class names with `--labels`"
            )
        places = [known[folder.name] for folder in folders]
        by = "the folders' names are the classes'"
    elif len(folders) == num_classes:
        _refuse_numbers(path, [folder.name for folder in folders])
        places = list(range(num_classes))
        by = "the folders' names are unknown: taken for the classes in sorted order"
    else:
        raise ImageError(
            f"{path}: has {len(folders)} folders whose names match no class, and the network has "
            f"{num_classes} classes; name the folders by class, or give the class names with "
            "`--labels`"
        )
    pairs = [
        (str(image), place)
        for folder, place in zip(folders, places, strict=True)
        for image in _class_images(folder)
    ]
    return _labelled(path, pairs, by)


def _refuse_numbers(path: Path, names: list[str]) -> None:
    """Refuse numbers as the names of classes if their order as text, by which they come, differs.

    They may be indices of classes, or names that were sorted as text when the network was trained.
    """
    if all(name.isdecimal() for name in names) and names != sorted(names, key=int):
        raise ImageError(
            f"{path}: the folders' names are numbers, whose order as text is not that of the "
            "numbers; name them by class, or give these names in the order of the network's "
            "classes with `--labels`"
        )


def _from_list(path: Path, num_classes: int, labels: Labels | None) -> LabelledImages:
    known = listed_classes(num_classes, labels)
    pairs: list[tuple[str, int]] = []
    for number, line in numbered_lines(path, ImageError, "a folder, or a list of images"):
        image, separator, name = line.rpartition("\t" if "\t" in line else " ")
        if not separator or name not in known:
            raise ImageError(
                f"{path}, line {number}: {name!r} is not a class of the network; expected an "
                "image path, a space or tab, and a class (its id, name or index)"
            )
        pairs.append((os.path.join(path.parent, image.strip()), known[name]))
    return _labelled(path, pairs, "by the list")


def listed_classes(num_classes: int, labels: Labels | None) -> dict[str, int]:
    """The classes that a list may name: by id, name or, where it is neither, index."""
    return {str(place): place for place in range(num_classes)} | _class_indices(labels)


def _labelled(path: Path, pairs: list[tuple[str, int]], by: str) -> LabelledImages:
    if not pairs:
        raise ImageError(f"{path}: has no images")
    paths, targets = zip(*pairs, strict=True)
    return LabelledImages(paths, targets, by)


def _class_indices(labels: Labels | None) -> dict[str, int]:
    """Ids and names of classes → class indices; a name that several classes share is left out."""
    if labels is None:
        return {}
    shared = {name for name in labels.names if labels.names.count(name) > 1}
    places = {name: i for i, name in enumerate(labels.names) if name not in shared}
    return places | {id_: i for i, id_ in enumerate(labels.ids)}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
