"""Figures of results, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import MissingDependencyError
from ..files.atomic_file import new_file

NAMED_CLASSES = 40  # more tick labels are illegible


def draw_confusion(
    targets: ArrayLike, guesses: ArrayLike, names: Sequence[str], path: Path
) -> None:
    """Draw a confusion matrix, normalised over the images of each class.

    Args:
        targets: True classes, the rows, (N,).
        guesses: Predicted classes, the columns, (N,); a negative one counts as wrong.
        names: Names of the classes.
        path: The file to write.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
        CheckpointError: The file cannot be written.
    """
    figure_class = require_matplotlib()
    rows, columns = np.asarray(targets), np.asarray(guesses)
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (rows[columns >= 0], columns[columns >= 0]), 1)
    shares = counts / np.bincount(rows, minlength=len(names))[:, None].clip(1)
    figure = figure_class(figsize=(8, 7), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(drawn, label="share of the class's images")
    axes.set(xlabel="predicted", ylabel="is", title=f"{counts.trace()} of {len(rows)} right")
    if len(names) <= NAMED_CLASSES:
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        for row, column in np.argwhere(counts) if len(names) <= NAMED_CLASSES // 2 else ():
            dark = shares[row, column] > 0.5
            color = "white" if dark else "black"
            axes.text(column, row, counts[row, column], ha="center", va="center", color=color)
    save_figure(figure, path)


def draw_curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Plot loss, accuracy and learning rate by epoch.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
        CheckpointError: The file cannot be written.
    """
    figure = require_matplotlib()(figsize=(12, 3.6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, name in zip(
        figure.subplots(1, 3), ("loss", "accuracy", "learning rate"), strict=True
    ):
        for column in history[0]:
            if column.endswith(name):
                label = column.removesuffix(name).strip() or name
                axes.plot(epochs, [row[column] for row in history], marker=".", label=label)
        axes.set(xlabel="epoch", title=name)
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure in the format of the path's suffix; PNG if matplotlib does not support it."""
    kind = path.suffix[1:] if path.suffix[1:] in figure.canvas.get_supported_filetypes() else "png"
    with new_file(path) as file:
        figure.savefig(file, format=kind, dpi=120)


def require_matplotlib() -> Any:
    """Import matplotlib's Figure class, which needs no display.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "drawing figures needs matplotlib, which is not installed: `pip install matplotlib`"
        ) from error
    return Figure
