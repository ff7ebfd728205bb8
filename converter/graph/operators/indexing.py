"""Selection by index, sorting, and changes of shape."""

from __future__ import annotations

from typing import Any

from ..functions import axes, ordering, selection
from .declaration import (
    Declared,
    choice,
    dtype,
    ends,
    flag,
    integer,
    integers,
    number,
    one,
    one_more,
    optional_integer,
    optional_integers,
    unknown,
)

SLICE = {"begin": ends, "end": ends, "step": ends}
RANGES = dict.fromkeys(("lhs_begin", "lhs_end", "rhs_begin", "rhs_end"), optional_integer())


def _kinds_of_topk(attributes: Any, inputs: int) -> int | None:
    return 2 if attributes["ret_typ"] == "both" else None


def _parts(attributes: Any, inputs: int) -> int:
    return attributes["sections"] or len(attributes["indices"])


SELECTION = {
    "take": Declared(
        selection.take,
        2,
        {"axis": integer(0), "mode": choice("clip", "clip", "wrap", "raise")},
        rank=unknown,
    ),
    "pick": Declared(
        selection.pick,
        2,
        {"axis": integer(-1), "keepdims": flag(False), "mode": choice("clip", "clip", "wrap")},
        rank=unknown,
    ),
    "batch_take": Declared(selection.batch_take, 2, rank=unknown),
    "gather_nd": Declared(selection.gather_nd, 2, rank=unknown),
    "scatter_nd": Declared(selection.scatter_nd, 2, {"shape": integers()}, rank=unknown),
    "_ravel_multi_index": Declared(
        selection.ravel_multi_index, 1, {"shape": integers()}, rank=unknown
    ),
    "_unravel_index": Declared(selection.unravel_index, 1, {"shape": integers()}, rank=one_more),
    "one_hot": Declared(
        selection.one_hot,
        1,
        {
            "depth": integer(),
            "on_value": number(1.0),
            "off_value": number(0.0),
            "dtype": dtype(),
        },
        rank=one_more,
    ),
    "_contrib_boolean_mask": Declared(selection.boolean_mask, 2, {"axis": integer(0)}),
    "_contrib_index_copy": Declared(selection.index_copy, 3),
    "_slice_assign": Declared(selection.slice_assign, 2, SLICE),
    "_slice_assign_scalar": Declared(
        selection.slice_assign_scalar, 1, {"scalar": number(0.0), **SLICE}
    ),
}
ORDERING = {
    "sort": Declared(
        ordering.sort, 1, {"axis": optional_integer(-1), "is_ascend": flag(True)}, rank=unknown
    ),
    "argsort": Declared(
        ordering.argsort,
        1,
        {"axis": optional_integer(-1), "is_ascend": flag(True), "dtype": dtype()},
        rank=unknown,
    ),
    "topk": Declared(
        ordering.topk,
        1,
        {
            "axis": optional_integer(-1),
            "k": integer(1),
            "ret_typ": choice("indices", "indices", "value", "mask", "both"),
            "is_ascend": flag(False),
            "dtype": dtype(),
        },
        rank=unknown,
        outputs=_kinds_of_topk,
    ),
    **{
        name: Declared(
            function, 1, {"axis": optional_integer(), "keepdims": flag(False)}, rank=unknown
        )
        for name, function in (("argmax", ordering.argmax), ("argmin", ordering.argmin))
    },
    "argmax_channel": Declared(ordering.argmax, given={"axis": 1, "keepdims": False}, rank=unknown),
}
SHAPES = {
    "where": Declared(selection.where, 3, rank=unknown),
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
        {
            "indices": integers(),
            "axis": integer(1),
            "squeeze_axis": flag(False),
            "sections": integer(0),
        },
        rank=unknown,
        outputs=_parts,
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
    "_identity_with_attr_like_rhs": Declared(selection.first, 2),
}
OPERATORS = {**SELECTION, **ORDERING, **SHAPES}
