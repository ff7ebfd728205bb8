"""Reshaping, transposing, slicing, joining and casting."""

from __future__ import annotations

import operator

import torch
from torch import fx, nn

from ..construction.builder import Values
from ..construction.call import SAME, Call
from ..functions.data_types import to_dtype
from ..functions.selection import first_boxes, slice_steps
from ..inputs.fixed_dtypes import OWN
from ..layers.dtypes import OwnDtype
from ..layers.reshaping import Crop, Flatten, Reshape, SliceLike
from .declaration import Declared, dtype

NMS = "_contrib_box_nms"


def flatten(call: Call) -> fx.Node:
    """Flatten (N, …) to (N, product of the rest)."""
    if (call.rank() or 1) == 1:  # unknown, or a vector
        return call.module(Flatten(), call.value(0), rank=2)
    return call.function(torch.flatten, call.value(0), 1, rank=2)


def reshape(call: Call) -> fx.Node:
    """Reshape, with the special sizes 0, −1, −2, −3, −4; graphs up to 0.8 use `target_shape`."""
    attributes = call.attributes
    codes = attributes.integers("shape", ()) or attributes.integers("target_shape", ())
    if not attributes.has("shape") and codes:
        # the old form: 0 is inferred; keep_highest keeps the first size
        codes = tuple(-1 if code == 0 else code for code in codes)
        if attributes.flag("keep_highest", False):
            codes = (0, *codes[1:])
    if not codes or min(codes) < -4 or codes.count(-1) - _parts(codes) > 1:
        raise attributes.unsupported("shape")
    if any(code == -4 and place + 2 >= len(codes) for place, code in enumerate(codes)):
        raise attributes.unsupported("shape")
    if not _inferred_in_place(codes[::-1] if attributes.flag("reverse", False) else codes):
        raise call.error(
            f"shape={codes}: MXNet 1.9.1 puts a size that is inferred behind -4 or -2 in another "
            "place, where it computes a wrong result; export it with that size"
        )
    reverse = attributes.flag("reverse", False)
    rank = _rank(codes[::-1] if reverse else codes, call.rank())
    return call.module(Reshape(codes, reverse), call.value(0), rank=rank)


def _rank(codes: tuple[int, ...], rank: int | None) -> int | None:
    """The number of dimensions of the result; None if it is unknown."""
    written = len(codes) - codes.count(-4) - codes.count(-2)
    if -2 not in codes:
        return written
    if rank is None:
        return None
    before = codes[: codes.index(-2)]
    # −3 takes two sizes, and −4 one for itself and the two behind it
    taken = len(before) + before.count(-3) - 2 * before.count(-4)
    return written + max(0, rank - taken)


def _parts(codes: tuple[int, ...]) -> int:
    """The number of −1 that belong to a −4."""
    places = [place for place, code in enumerate(codes) if code == -4]
    return sum(codes[place + 1 : place + 3].count(-1) for place in places)


def _inferred_in_place(codes: tuple[int, ...]) -> bool:
    """Whether there is no -1 behind a -2, and none behind a -4 or a 1 where MXNet puts its size."""
    if -2 in codes and -1 in codes[codes.index(-2) :]:
        return False
    sizes: list[int] = []  # codes by the place of their size in the result
    place, splits, moved = 0, 0, -1
    while place < len(codes):
        if codes[place] == -4:
            sizes += codes[place + 1 : place + 3]
            splits, place = splits + 1, place + 2
        else:
            if codes[place] == -1 and splits:
                moved = len(sizes) + splits
            sizes.append(codes[place])
        place += 1
    return moved < 0 or (-2 not in sizes and sizes[moved : moved + 1] == [1])


def transpose(call: Call) -> fx.Node:
    """Permute the axes; by default, reverse them."""
    axes = call.attributes.integers("axes", ()) or tuple(reversed(range(call.known_rank())))
    return call.function(torch.permute, call.value(0), axes, rank=len(axes))


def swap_axis(call: Call) -> fx.Node:
    """Swap two axes."""
    one, other = call.attributes.integer("dim1", 0), call.attributes.integer("dim2", 0)
    return call.function(torch.transpose, call.value(0), one, other)


def expand_dims(call: Call) -> fx.Node:
    """Insert an axis of size 1."""
    rank = call.rank(0)
    axis = call.attributes.integer("axis")
    return call.function(
        torch.unsqueeze, call.value(0), axis, rank=None if rank is None else rank + 1
    )


def concat(call: Call) -> fx.Node:
    """Concatenate along an axis, by default the second."""
    return call.function(
        torch.cat, call.values(), call.attributes.integer("dim", 1), rank=call.rank()
    )


def stack(call: Call) -> fx.Node:
    """Stack along a new axis."""
    rank = call.rank()
    return call.function(
        torch.stack,
        call.values(),
        call.attributes.integer("axis", 0),
        rank=None if rank is None else rank + 1,
    )


def slice_channel(call: Call) -> Values:
    """Split into equal parts along an axis, by default the second."""
    attributes, rank = call.attributes, call.rank()
    count, axis = attributes.count("num_outputs"), attributes.integer("axis", 1)
    if count > 1 << 12:
        raise attributes.unsupported("num_outputs")
    if attributes.flag("squeeze_axis", False):
        parts = call.function(torch.unbind, call.value(0), axis)
        rank = None if rank is None else rank - 1
    else:
        parts = call.function(torch.chunk, call.value(0), count, axis)
    return call.parts(parts, [rank] * count)


def slice_(call: Call) -> fx.Node:
    """Slice the first axes from `begin` to `end` in steps of `step`."""
    attributes = call.attributes
    begin, end = attributes.integers_or_none("begin"), attributes.integers_or_none("end")
    step = attributes.integers_or_none("step") or (None,) * len(begin)
    if len({len(begin), len(end), len(step)}) != 1 or not begin:
        raise attributes.unsupported("begin")
    if 0 in step:
        raise attributes.unsupported("step")
    if any(each is not None and each < 0 for each in step):
        return call.function(slice_steps, call.value(0), begin, end, step)
    parts = tuple(slice(*ends) for ends in zip(begin, end, step, strict=True))
    return call.function(operator.getitem, call.value(0), parts)


def slice_axis(call: Call) -> fx.Node:
    """Slice one axis."""
    attributes = call.attributes
    axis, begin = attributes.integer("axis"), attributes.integer("begin")
    end = attributes.integer("end") if attributes.has("end") else None
    axis = axis if axis >= 0 else axis + call.known_rank()
    if not 0 <= axis < 32:
        raise attributes.unsupported("axis")
    if call.source(0).op == NMS and begin == 0 and end is not None and end > 0:
        return call.function(first_boxes, call.value(0), axis, end)
    parts = (*(slice(None),) * axis, slice(begin, end))
    return call.function(operator.getitem, call.value(0), parts)


def slice_like(call: Call) -> fx.Node:
    """Slice to the length of another input along some axes."""
    axes = call.attributes.integers("axes", ())
    return call.module(SliceLike(axes), call.value(0), call.value(1))


def crop(call: Call) -> fx.Node:
    """Crop a feature map to a given size or the size of another input."""
    attributes = call.attributes
    size, offset = attributes.integers("h_w", (0, 0)), attributes.integers("offset", (0, 0))
    if len(size) != 2 or len(offset) != 2:
        raise attributes.unsupported("h_w")
    layer = Crop(size, offset, attributes.flag("center_crop", False))
    return call.module(layer, *call.values(), rank=4)


def pad(call: Call) -> fx.Node:
    """Pad with a constant, the edge or a reflection; each axis has a pair of widths."""
    attributes = call.attributes
    modes = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}
    mode = modes[attributes.choice("mode", None, list(modes))]
    widths = attributes.integers("pad_width")
    if len(widths) % 2 or len(widths) < 4 or any(widths[:4]) or min(widths) < 0:
        raise attributes.unsupported("pad_width")
    pairs = [widths[place : place + 2] for place in range(4, len(widths), 2)]
    # torch starts with the last axis
    amounts = tuple(amount for pair in reversed(pairs) for amount in pair)
    value = attributes.number("constant_value", 0.0) if mode == "constant" else None
    rank = len(widths) // 2
    return call.function(nn.functional.pad, call.value(0), amounts, mode, value, rank=rank)


def tile(call: Call) -> fx.Node:
    """Repeat along axes."""
    counts = call.attributes.integers("reps")
    rank = call.rank()
    rank = None if rank is None else max(rank, len(counts))
    return call.function(torch.tile, call.value(0), counts, rank=rank)


def cast(call: Call) -> fx.Node | Values:
    """A conversion to a data type, or to that of the module."""
    if call.attributes.text("dtype") == OWN:
        return call.module(OwnDtype(call.dtype), call.value(0), rank=SAME)
    return Declared(to_dtype, 1, {"dtype": dtype(None)})(call)


OPERATORS = {
    "Flatten": flatten,
    "Reshape": reshape,
    "transpose": transpose,
    "SwapAxis": swap_axis,
    "expand_dims": expand_dims,
    "Concat": concat,
    "stack": stack,
    "SliceChannel": slice_channel,
    "slice": slice_,
    "slice_axis": slice_axis,
    "slice_like": slice_like,
    "Crop": crop,
    "Pad": pad,
    "tile": tile,
    "Cast": cast,
}
