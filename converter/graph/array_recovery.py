"""The arrays of a graph, from the state_dict of the module that was built from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import torch

from ..errors import GraphError
from ..mappings.key_map import MADE_UP
from ..sources.arrays import Array, Arrays
from .importer import build_module
from .symbols.symbol import Graph

# number of the first element: no constant of a network has such values, and float64 is exact there
FIRST = 1 << 40


def recover_arrays(
    graph: Graph,
    arrays: Mapping[str, tuple[tuple[int, ...], str]],
    tensors: Mapping[str, torch.Tensor],
    inputs: Mapping[str, tuple[int, ...]],
    constants: Collection[str] = (),
) -> Arrays:
    """Recover the arrays that a module was built from.

    A module is built from arrays whose elements are numbered; its state_dict shows where each
    element is. A BatchNorm's gamma that the graph fixes is in no state_dict, and is 1.

    Args:
        graph: MXNet's graph.
        arrays: Shape and data type of each of its arrays.
        tensors: The state_dict of its module.
        inputs: Shapes of the graph's inputs.
        constants: Names of the arrays that are not trained.

    Raises:
        GraphError: If the graph cannot be imported, or its module is not the same with the arrays
            that were found, as where an operator computes new weights of them.
    """
    numbered, ends = _numbered(arrays)
    places = build_module(graph, numbered, dtype="float64", inputs=inputs, constants=constants)
    flat = np.ones(ends[-1], np.float64)
    for name, number in places.state_dict().items():
        elements = number.double().numpy().ravel() - FIRST
        if name not in tensors or tensors[name].shape != number.shape:
            raise GraphError(f"{name} is not among the weights, or has another shape")
        known = (elements >= 0) & (elements < ends[-1])
        flat[elements[known].astype(np.int64)] = (
            tensors[name].detach().double().numpy().ravel()[known]
        )
    starts = (0, *ends)
    found = {
        name: flat[start:end].reshape(shape).astype(dtype)
        for (name, (shape, dtype)), start, end in zip(arrays.items(), starts, ends, strict=False)
    }
    # as it was built for the file, so that constants are rounded as they are there
    again = build_module(
        graph, found, dtype="float64", inputs=inputs, any_dtype=True, constants=constants
    )
    _require_same(again.float(), tensors)
    return found


def _numbered(
    arrays: Mapping[str, tuple[tuple[int, ...], str]],
) -> tuple[dict[str, Array], list[int]]:
    """Arrays whose elements are consecutive numbers, and where each array ends."""
    numbered: dict[str, Array] = {}
    ends = [0] if not arrays else []
    start = 0
    for name, (shape, dtype) in arrays.items():
        end = start + int(np.prod(shape, dtype=np.int64))
        kind = np.float64 if dtype == "float32" else np.int64
        numbered[name] = np.arange(FIRST + start, FIRST + end, dtype=kind).reshape(shape)
        ends.append(end)
        start = end
    return numbered, ends


def _require_same(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in module.state_dict().items():
        if not name.endswith(f".{MADE_UP}") and not _equal(tensor, tensors[name]):
            raise GraphError(
                f"the arrays of its graph do not follow from its weights: {name} is computed from "
                "several of them"
            )


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have the same values; NaN equals NaN."""
    if torch.equal(one, other):
        return True
    alike = one.shape == other.shape and one.dtype == other.dtype and one.is_floating_point()
    return alike and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
