"""Selection by index, and sorting."""

from __future__ import annotations

from typing import Any

from ..functions import ordering, selection
from .declaration import (
    Declared,
    choice,
    dtype,
    ends,
    flag,
    integer,
    integers,
    number,
    one_more,
    optional_integer,
    unknown,
)

SLICE = {"begin": ends, "end": ends, "step": ends}


def _kinds_of_topk(attributes: Any, inputs: int) -> int | None:
    return 2 if attributes["ret_typ"] == "both" else None


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
    "where": Declared(selection.where, 3, rank=unknown),
    "_identity_with_attr_like_rhs": Declared(selection.first, 2),
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
OPERATORS = {**SELECTION, **ORDERING}
