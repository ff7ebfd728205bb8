"""Training images: their split, their order and their random crops.

Random choices depend on the seed, the epoch and the image alone, not on earlier draws: an epoch can
be repeated, by any number of worker processes, with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from ..errors import ImageError, LabelsError
from ..files.path_text import path_text
from ..inference.images.image_file import read_image
from ..inference.images.labelled_images import LabelledImages, class_folders, find_labelled
from ..inference.images.linear_resize import Image, Size, resize_linear
from ..mappings.class_labels import Labels, recorded_labels

TRAIN = "train"
HELD_OUT = ("val", "valid", "validation", "dev", "eval", "test")  # the first there is, is used
LEAST = 2  # images of a process in a batch, for the statistics of BatchNorm
ATTEMPTS = 10  # at a random crop that fits, before the whole image is used


@dataclass(frozen=True)
class Split:
    """Training images, held-out images (None if there are none), and the classes of both.

    Attributes:
        folder: The folder of the held-out images; None if they are a share of the others.
    """

    train: LabelledImages
    held_out: LabelledImages | None
    labels: Labels
    folder: Path | None = None


def split_images(folder: Path, holdout: float, seed: int, out: Path | None = None) -> Split:
    """Split the images of a folder into training and held-out images.

    Args:
        folder: Has one subfolder per class, or a `train` folder of that form and one whose name is
            in HELD_OUT.
        holdout: Share of each class's images to hold out, if there is no such folder.
        seed: Seed of that choice.
        out: The output folder of the training, which is no class.

    Raises:
        ImageError: There are fewer than two classes, a class has no images, or there is only one
            of the folders of training and of held-out images.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder}: no such folder")
    root, given = _folders(folder, out)
    names = tuple(each.name for each in class_folders(root, out))
    if len(names) < 2:
        raise ImageError(
            f"{root}: has {len(names)} folders; training needs one per class, and two classes at "
            "least"
        )
    labels = Labels(names, names)
    _require_recordable(root, labels)
    images = find_labelled(root, len(names), labels, out)
    if missing := sorted(set(range(len(names))).difference(images.targets)):
        raise ImageError(f"{root / names[missing[0]]}: has no images")
    if given is not None:
        folders = class_folders(given, out)
        if unknown := [each for each in folders if each.name not in names]:
            raise ImageError(f"{unknown[0]}: is not a class of {root}; rename the folder")
        return Split(images, find_labelled(given, len(names), labels, out), labels, given)
    held = _held_out(images.targets, holdout, seed)
    rest = sorted(set(range(len(images.targets))).difference(held))
    return Split(_part(images, rest), _part(images, held) if held else None, labels)


def _folders(folder: Path, out: Path | None) -> tuple[Path, Path | None]:
    """The folder of the training images, and that of the held-out images, or None.

    Raises:
        ImageError: There is one of both, and the other is missing.
    """
    named = {each.name.lower(): each for each in class_folders(folder, out)}
    train = named.get(TRAIN)
    held_out = next((named[name] for name in HELD_OUT if name in named), None)
    if held_out is not None and train is None:
        raise ImageError(
            f"{held_out}: has the name of a folder of held-out images, but there is no "
            f"{folder / TRAIN}; move the folders of the classes there, or rename this one if it is "
            "a class"
        )
    if train is not None and held_out is None:
        if class_folders(train, out):
            raise ImageError(
                f"{train}: has folders in it, but no folder beside it is named "
                f"{', '.join(HELD_OUT)}; give {train} in place of {folder} to hold out a share of "
                "its images, or rename it if it is a class"
            )
        return folder, None  # it is a class, as in a data set of vehicles
    return train or folder, held_out


def _require_recordable(root: Path, labels: Labels) -> None:
    """Require that the names of classes come back from a record.

    Raises:
        ImageError: One does not, such as a name with a line break, or bytes that are not UTF-8.
    """
    for name in labels.names:
        line = Labels((name,), (name,))
        try:
            name.encode()
            back = recorded_labels(line.lines())
        except (UnicodeEncodeError, LabelsError):
            back = None
        if back != line:
            raise ImageError(
                f"{path_text(root / name)}: the name of a class cannot begin or end with a space, "
                "or have a tab, a line break or bytes that are not UTF-8; rename the folder"
            )


def _held_out(targets: Sequence[int], share: float, seed: int) -> list[int]:
    """Choose the held-out share of each class, but never all of its images."""
    rng = np.random.default_rng(seed)
    held: list[int] = []
    places: dict[int, list[int]] = {target: [] for target in sorted(set(targets))}
    for index, target in enumerate(targets):
        places[target].append(index)
    for mine in places.values():
        count = min(round(share * len(mine)), len(mine) - 1)
        held += rng.permutation(mine)[:count].tolist()
    return sorted(held)


def _part(images: LabelledImages, indices: Sequence[int]) -> LabelledImages:
    paths = tuple(images.paths[index] for index in indices)
    return LabelledImages(paths, tuple(images.targets[index] for index in indices), images.by)


def epoch_batches(
    count: int, batch_size: int, seed: int, epoch: int, least: int = 2
) -> list[list[int]]:
    """Shuffle the images of an epoch into batches, every image once.

    A last batch of fewer than `least` images is dropped: batch norm over one image is not defined.

    Args:
        count: Number of images.
        batch_size: Images per batch.
        seed, epoch: What the order depends on.
        least: Smallest size of a last batch.

    Returns:
        The indices of the images of each batch.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count).tolist()
    batches = [order[at : at + batch_size] for at in range(0, count, batch_size)]
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) < least else batches


@dataclass(frozen=True)
class TrainBatch:
    """One process's share of a batch, without the images that could not be read.

    Attributes:
        pixels: (N, H, W, 3), 8-bit.
        targets: Class indices, (N,).
        weights: 1, or 0 for an image that only fills up a batch of fewer than two, (N,).
        broken: The error messages of those that could not be read.
    """

    pixels: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    broken: tuple[str, ...]


@dataclass(frozen=True)
class TrainBatches(Dataset[TrainBatch]):
    """The batches of one epoch, with random crops, half of them mirrored."""

    images: LabelledImages
    batches: Sequence[Sequence[int]]
    size: Size
    min_scale: float
    seed: int
    epoch: int

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> TrainBatch:
        indices = self.batches[number]
        crops: list[Image] = []
        targets: list[int] = []
        broken: list[str] = []
        for index in indices:
            rng = np.random.default_rng([self.seed, self.epoch, index])
            try:
                image = read_image(self.images.paths[index])
            except ImageError as error:
                broken.append(str(error))
            else:
                crops.append(random_crop(image, self.size, self.min_scale, rng))
                targets.append(self.images.targets[index])
        # the readable image again, or black ones: every process takes part in every step
        lacking = max(LEAST - len(crops), 0)
        weights = torch.tensor([1.0] * len(crops) + [0.0] * lacking)
        crops += (crops[:1] or [np.zeros((*self.size, 3), np.uint8)]) * lacking
        targets += (targets[:1] or [0]) * lacking
        return TrainBatch(
            torch.from_numpy(np.stack(crops)), torch.tensor(targets), weights, tuple(broken)
        )


def random_crop(image: Image, size: Size, min_scale: float, rng: np.random.Generator) -> Image:
    """Crop a random area of random aspect ratio (3:4 to 4:3), resize it, and mirror it or not.

    Args:
        image: (H, W, 3), 8-bit.
        size: Height and width of the result, in pixels.
        min_scale: Smallest share of the image's area; 1 uses the whole image.
        rng: Source of the random choices.
    """
    height, width = image.shape[:2]
    top = left = 0
    rows, columns = height, width
    for _ in range(ATTEMPTS if min_scale < 1 else 0):
        area = height * width * rng.uniform(min_scale, 1)
        shape = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        high, wide = round(np.sqrt(area / shape)), round(np.sqrt(area * shape))
        if 0 < high <= height and 0 < wide <= width:
            top, left = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
            rows, columns = high, wide
            break
    part = np.ascontiguousarray(image[top : top + rows, left : left + columns])
    out = resize_linear(part, size, (0, size[0]), (0, size[1]))
    return out[:, ::-1] if rng.random() < 0.5 else out
