"""Comparison of eigenvalues and eigenvectors, whose order and signs are not defined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

OPERATORS = frozenset({"_npi_eig", "_npi_eigvals"})


def in_order(
    actual: Sequence[np.ndarray], expected: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Both results with the eigenvalues in ascending order and the vectors in the same direction.

    Results of other shapes than the expected ones are left as they are.
    """
    if [each.shape for each in actual] != [each.shape for each in expected]:
        return list(actual), list(expected)
    one, other = _sorted(actual), _sorted(expected)
    for place in range(1, len(one)):
        same = np.sign((one[place] * other[place]).sum(-2, keepdims=True))
        one[place] = one[place] * np.where(same == 0, 1, same).astype(one[place].dtype)
    return one, other


def _sorted(outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    values, *vectors = outputs
    order = values.argsort(-1)
    turned = [np.take_along_axis(each, order[..., None, :], -1) for each in vectors]
    return [np.take_along_axis(values, order, -1), *turned]
