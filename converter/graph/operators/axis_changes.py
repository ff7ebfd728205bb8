"""Repetition, reversal, broadcasting, splitting and reshaping of arrays."""

from __future__ import annotations

from ..functions import axes
from .declaration import (
    Declared,
    Named,
    flag,
    integer,
    integers,
    one,
    one_more,
    optional_integer,
    optional_integers,
    unknown,
)

MOST_PARTS = 1 << 12
SPLIT = {"indices": integers(most=MOST_PARTS), "squeeze_axis": flag(False), "sections": integer(0)}
RANGES = dict.fromkeys(("lhs_begin", "lhs_end", "rhs_begin", "rhs_end"), optional_integer())


def sections(attributes: Named, inputs: int) -> int:
    """The number of parts of a split."""
    count: int = attributes["sections"] or len(attributes["indices"])
    return count


OPERATORS = {
    "repeat": Declared(
        axes.repeat, 1, {"repeats": integer(), "axis": optional_integer()}, rank=unknown
    ),
    "reverse": Declared(axes.reverse, 1, {"axis": integers()}),
    "broadcast_to": Declared(axes.broadcast_to, 1, {"shape": integers(())}),
    "broadcast_axis": Declared(
        axes.broadcast_axis, 1, {"axis": integers(()), "size": integers(())}
    ),
    "broadcast_like": Declared(
        axes.broadcast_like, 2, {"lhs_axes": optional_integers, "rhs_axes": optional_integers}
    ),
    "shape_array": Declared(axes.shape_array, rank=one),
    "size_array": Declared(axes.size_array, rank=one),
    "_split_v2": Declared(
        axes.split_v2,
        1,
        {**SPLIT, "axis": integer(1)},
        rank=unknown,
        outputs=sections,
    ),
    "reshape_like": Declared(axes.reshape_like, 2, RANGES, rank=unknown),
    "squeeze": Declared(axes.squeeze, 1, {"axis": optional_integers}, rank=unknown),
    "diag": Declared(
        axes.diag, 1, {"k": integer(0), "axis1": integer(0), "axis2": integer(1)}, rank=unknown
    ),
    "depth_to_space": Declared(axes.depth_to_space, 1, {"block_size": integer()}),
    "space_to_depth": Declared(axes.space_to_depth, 1, {"block_size": integer()}),
    "_contrib_index_array": Declared(
        axes.index_array, 1, {"axes": optional_integers}, rank=one_more
    ),
}
