"""Shapes, joining and padding of `mxnet.numpy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..construction.call import Call
from ..functions import arrangement, axes, joining
from .axis_changes import SPLIT, sections
from .declaration import (
    Declared,
    as_inputs,
    choice,
    flag,
    flat_pairs,
    integer,
    integers,
    number,
    one,
    optional_dtype,
    optional_integer,
    optional_integers,
    optional_number,
    unknown,
)
from .numpy_reductions import PLACE


def _unique_outputs(attributes: Mapping[str, Any], inputs: int) -> int:
    return 1 + sum(bool(value) for name, value in attributes.items() if name != "axis")


OPERATORS: dict[str, Callable[[Call], Any]] = {
    "_np_reshape": Declared(
        arrangement.reshape_to, 1, {"newshape": integers()}, ignored=("order",), rank=unknown
    ),
    "_npx_reshape": Declared(
        arrangement.reshape_codes,
        1,
        {"newshape": integers(), "reverse": flag(False)},
        ignored=("order",),
        rank=unknown,
    ),
    "_np_transpose": Declared(arrangement.transposed, 1, {"axes": optional_integers}),
    "_np_squeeze": Declared(arrangement.squeezed, 1, {"axis": optional_integers}, rank=unknown),
    "_np_roll": Declared(
        arrangement.roll, 1, {"shift": optional_integers, "axis": optional_integers}
    ),
    "_np_moveaxis": Declared(
        arrangement.moveaxis, 1, {"source": integers(), "destination": integers()}
    ),
    "_np_copy": Declared(arrangement.copied),
    **{
        f"_np_atleast_{rank}d": Declared(
            joining.at_least, None, given={"least": rank}, rank=unknown, outputs=as_inputs
        )
        for rank in (1, 2, 3)
    },
    "_npi_concatenate": Declared(
        joining.concatenate, None, {"axis": optional_integer(0)}, rank=unknown
    ),
    "_npi_stack": Declared(
        joining.stacked, None, {"axis": integer(0)}, {"name": "stack"}, rank=unknown
    ),
    **{
        f"_npi_{name}": Declared(
            joining.stacked,
            None,
            given={"name": name, "axis": 0},
            ignored=("dim", "axis"),
            rank=unknown,
        )
        for name in ("vstack", "hstack", "dstack", "column_stack")
    },
    "_npi_hsplit": Declared(
        joining.hsplit, 1, SPLIT, ignored=("axis",), rank=unknown, outputs=sections
    ),
    "_npi_dsplit": Declared(
        axes.split_v2,
        1,
        {**SPLIT, "axis": integer(1)},
        rank=unknown,
        outputs=sections,
    ),
    "_npi_broadcast_to": Declared(arrangement.expanded, 1, {"shape": integers(())}, rank=unknown),
    "_npi_flip": Declared(axes.reverse, 1, {"axis": integers()}),
    "_npi_rot90": Declared(arrangement.rot90, 1, {"k": integer(1), "axes": optional_integers}),
    "_npi_pad": Declared(
        joining.pad_axes,
        1,
        {
            "pad_width": flat_pairs,
            "mode": choice(
                "constant", "constant", "edge", "reflect", "symmetric", "maximum", "minimum"
            ),
            "constant_value": number(0.0),
        },
        ignored=("reflect_type",),
    ),
    "_npi_tril": Declared(arrangement.tril, 1, {"k": integer(0)}, rank=unknown),
    "_np_diagonal": Declared(arrangement.diagonal, 1, PLACE, rank=unknown),
    "_np_diag": Declared(arrangement.diagonal_of, 1, {"k": integer(0)}, rank=unknown),
    "_np_diagflat": Declared(arrangement.diagflat, 1, {"k": integer(0)}, rank=unknown),
    "_npi_diff": Declared(joining.diff, 1, {"n": integer(1), "axis": integer(-1)}),
    "_npi_ediff1d": Declared(
        joining.ediff1d,
        None,
        {
            "to_begin_arr_given": flag(False),
            "to_end_arr_given": flag(False),
            "to_begin_scalar": optional_number,
            "to_end_scalar": optional_number,
        },
        rank=one,
    ),
    "_npi_full_like": Declared(
        arrangement.full_like, 1, {"fill_value": number(), "dtype": optional_dtype}
    ),
    "_npi_diag_indices_from": Declared(arrangement.diag_indices_from, rank=unknown),
    "_npx_nonzero": Declared(joining.nonzero, rank=unknown),
    "_npi_unique": Declared(
        joining.unique,
        1,
        {
            **{name: flag(False) for name in ("return_index", "return_inverse", "return_counts")},
            "axis": optional_integer(),
        },
        rank=unknown,
        outputs=_unique_outputs,
    ),
}
