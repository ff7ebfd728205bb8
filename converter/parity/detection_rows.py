"""The order of detections whose scores are equal, which sorting leaves open."""

from __future__ import annotations

import numpy as np

from ..sources.arrays import Array, Arrays

SCORES = 1
"""Number of the output with the scores: GluonCV's detectors return ids, scores, boxes, masks."""


def in_order_of(expected: Arrays, actual: Arrays) -> Arrays:
    """Detections in the order of others, where the others' scores are equal.

    MXNet sorts by an algorithm that is not stable. Among rows of exactly equal scores, each row of
    `expected` gets the nearest one of `actual` that is left; no row is used twice.

    Args:
        expected: Outputs by name, each (N, detections, …), of which the second has the scores.
        actual: The same.

    Returns:
        `actual` with other orders of rows; unchanged if these are not outputs of a detector.
    """
    if not _are_detections(expected) or not _are_detections(actual):
        return actual
    wanted, rows = _joined(expected), _joined(actual)
    if wanted.shape != rows.shape:
        return actual
    scores = list(expected.values())[SCORES].reshape(wanted.shape[:2])
    order = np.tile(np.arange(rows.shape[1]), (len(rows), 1))
    for image in range(len(rows)):
        for start, end in _runs(scores[image]):
            if np.array_equal(wanted[image, start:end], rows[image, start:end]):
                continue  # such as the empty rows at the end, of which there may be 80,000
            order[image, start:end] = start + _matching(
                wanted[image, start:end], rows[image, start:end]
            )
    return {
        name: np.stack([one[own] for one, own in zip(array, order, strict=True)])
        for name, array in actual.items()
    }


def _are_detections(outputs: Arrays) -> bool:
    """Whether there are three outputs or more, with the same rows, and one score for each row."""
    arrays = list(outputs.values())
    if len(arrays) <= SCORES + 1 or any(array.ndim < 2 for array in arrays):
        return False
    rows = {array.shape[:2] for array in arrays}
    return len(rows) == 1 and arrays[SCORES].size == np.prod(arrays[SCORES].shape[:2])


def _joined(outputs: Arrays) -> Array:
    """All outputs as one: (N, detections, numbers of a detection)."""
    return np.concatenate([each.reshape(*each.shape[:2], -1) for each in outputs.values()], axis=2)


def _runs(scores: Array) -> list[tuple[int, int]]:
    """Starts and ends of the rows that follow one another with equal scores, if there are two."""
    edges = np.flatnonzero(np.diff(scores) != 0) + 1
    starts, ends = [0, *edges], [*edges, len(scores)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if end - start > 1]


def _matching(wanted: Array, rows: Array) -> Array:
    """For each wanted row, the number of the nearest row that is left."""
    left = list(range(len(rows)))
    chosen = []
    for row in wanted:
        distances = np.abs(rows[left] - row).max(axis=1)
        chosen.append(left.pop(int(distances.argmin())))
    return np.array(chosen)
