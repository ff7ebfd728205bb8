"""Selection by index, sorting, changes of shape, and constants."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..operator_case import Case
from ..random_arrays import FLAG, FLOATING, INTEGER, Rng, array, axes, axis, shape, some

ANY = (*FLOATING, *INTEGER)
DTYPES = ("float32", "float64", "int32", "int64", "uint8")


def indices(rng: Rng, sizes: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """Whole numbers of a random data type."""
    values = rng.integers(low, max(high, low + 1), sizes)
    return values.astype(rng.choice(["float32", "float64", "int32", "int64"]))


def take(rng: Rng) -> Case:
    data = array(rng, shape(rng, 1, 4), ANY)
    given = some(rng, axis=[axis(rng, data.ndim)], mode=["clip", "wrap", "raise"])
    size = data.shape[int(given.get("axis", 0))]
    low, high = (0, size) if given.get("mode") == "raise" else (-2 * size, 2 * size)
    return Case("take", given, {"a": data, "indices": indices(rng, shape(rng, 1, 3), low, high)})


def pick(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    given = some(rng, axis=[axis(rng, data.ndim)], keepdims=FLAG, mode=["clip", "wrap"])
    place = int(given.get("axis", -1)) % data.ndim
    rest = [size for each, size in enumerate(data.shape) if each != place]
    if rng.random() < 0.5 or not rest:
        rest.insert(place, 1)
    size = data.shape[place]
    index = indices(rng, tuple(rest), -2 * size, 2 * size)
    return Case("pick", given, {"data": data, "index": index})


def batch_take(rng: Rng) -> Case:
    data = array(rng, (int(rng.integers(1, 5)), int(rng.integers(1, 5))), ANY)
    index = rng.integers(-3, 9, len(data)).astype("int32")
    return Case("batch_take", {}, {"a": data, "indices": index})


def points(rng: Rng, sizes: tuple[int, ...], low: int = 0, *, once: bool = True) -> np.ndarray:
    """Coordinates of points in the first axes of a shape; each at most once."""
    count = int(rng.integers(1, len(sizes) + 1))
    leading = sizes[:count]
    total = int(np.prod(leading))
    number = int(rng.integers(1, total + 1))
    flat = rng.permutation(total)[:number] if once else rng.integers(0, total, number)
    coordinates = np.stack(np.unravel_index(flat, leading))
    if low:
        coordinates -= np.array(leading)[:, None] * (rng.random(coordinates.shape) < 0.3)
    return coordinates.astype(rng.choice(["float32", "float64", "int32", "int64"]))


def gather_nd(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    return Case("gather_nd", {}, {"data": data, "indices": points(rng, data.shape, -1, once=False)})


def scatter_nd(rng: Rng) -> Case:
    sizes = shape(rng)
    place = points(rng, sizes)
    data = array(rng, (place.shape[1], *sizes[len(place) :]), ANY)
    return Case("scatter_nd", {"shape": str(sizes)}, {"data": data, "indices": place})


def where(rng: Rng) -> Case:
    x = array(rng, shape(rng), ANY)
    y = array(rng, x.shape, (str(x.dtype),))
    sizes = (len(x),) if rng.random() < 0.4 else x.shape
    condition = np.where(rng.random(sizes) < 0.6, array(rng, sizes, ANY, special=True), 0)
    return Case("where", {}, {"condition": condition.astype("float32"), "x": x, "y": y})


def one_hot(rng: Rng) -> Case:
    given = {"depth": str(rng.integers(1, 6))}
    given |= some(rng, on_value=[2.5, -1.0, 7.0], off_value=[0.5, 1.0], dtype=DTYPES)
    return Case("one_hot", given, {"indices": indices(rng, shape(rng, 1, 4), -2, 8)})


def ordered(rng: Rng, op: str) -> Case:
    data = array(rng, shape(rng), ("float32", "float64", "int32", "int64", "uint8"))
    if op == "topk" or (
        op == "argsort" and data.size > 16
    ):  # the order of equal values is not defined
        kind = data.dtype if data.size <= 256 or data.dtype.itemsize > 1 else np.int32
        data = rng.permutation(data.size).reshape(data.shape).astype(kind)
    given = some(rng, axis=[axis(rng, data.ndim), "None"], is_ascend=FLAG)
    outputs = 1
    if op != "sort":
        given |= some(rng, dtype=DTYPES)
    if op == "topk":
        place = given.get("axis", "-1")
        size = data.size if place == "None" else data.shape[int(place)]
        given |= some(
            rng, k=[rng.integers(0, size + 1)], ret_typ=["value", "indices", "mask", "both"]
        )
        outputs = 2 if given.get("ret_typ") == "both" else 1
    return Case(op, given, {"data": data}, outputs=outputs)


def extreme(rng: Rng, op: str) -> Case:
    data = array(rng, shape(rng), (*FLOATING, "int32", "int64"))
    if rng.random() < 0.5:
        data = np.round(data)
    given = some(rng, axis=[axis(rng, data.ndim), "None"], keepdims=FLAG)
    return Case(op, given, {"data": data})


def argmax_channel(rng: Rng) -> Case:
    data = array(rng, (int(rng.integers(1, 5)), int(rng.integers(1, 6))))
    return Case("argmax_channel", {}, {"data": np.round(data)})


def repeat(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    given = {"repeats": str(rng.integers(1, 4))}
    return Case("repeat", given | some(rng, axis=[axis(rng, data.ndim), "None"]), {"data": data})


def reverse(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    chosen = tuple(int(each) for each in rng.permutation(data.ndim)[: rng.integers(1, 6)])
    return Case("reverse", {"axis": str(chosen)}, {"data": data})


def broadcast_to(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    sizes = [int(rng.integers(1, 4)) if size == 1 else size for size in data.shape]
    sizes = [
        0 if size == own and rng.random() < 0.5 else size
        for size, own in zip(sizes, data.shape, strict=True)
    ]
    return Case("broadcast_to", {"shape": str(tuple(sizes))}, {"data": data})


def broadcast_axis(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    ones = [each for each, size in enumerate(data.shape) if size == 1]
    chosen = [each for each in ones if rng.random() < 0.7]
    sizes = tuple(int(rng.integers(1, 4)) for _ in chosen)
    return Case("broadcast_axis", {"axis": str(tuple(chosen)), "size": str(sizes)}, {"data": data})


def broadcast_like(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    like = [int(rng.integers(1, 4)) if size == 1 else size for size in data.shape]
    given = {}
    if rng.random() < 0.5:
        ones = [each for each, size in enumerate(data.shape) if size == 1]
        own = [each - data.ndim * int(rng.random() < 0.4) for each in ones]
        theirs = [axis(rng, data.ndim) for _ in own]
        given = {"lhs_axes": str(tuple(own)), "rhs_axes": str(tuple(theirs))} if own else {}
    return Case("broadcast_like", given, {"lhs": data, "rhs": array(rng, like, (str(data.dtype),))})


def of_data(rng: Rng, op: str, least: int = 1) -> Case:
    return Case(op, {}, {"data": array(rng, shape(rng, least), ANY)})


def bounds(rng: Rng, sizes: tuple[int, ...]) -> dict[str, str]:
    """The slices of the first axes, which are not empty."""
    begin, end, step = [], [], []
    for size in sizes[: rng.integers(1, len(sizes) + 1)]:
        first, last = sorted(rng.integers(0, size, 2).tolist())
        stride = int(rng.integers(1, 4))
        low: int | None = first - size * int(rng.random() < 0.3)
        high: int | None = last + 1 if rng.random() < 0.7 else None
        if rng.random() < 0.3:
            low, high, stride = last, first - 1 if first else None, -stride
        begin.append(None if rng.random() < 0.2 else low)
        end.append(high)
        step.append(stride)
    given = {"begin": str(tuple(begin)), "end": str(tuple(end))}
    return given | ({"step": str(tuple(step))} if min(step) < 0 or rng.random() < 0.8 else {})


def sliced(rng: Rng, op: str) -> Case:
    data = array(rng, shape(rng), ANY)
    return Case(op, bounds(rng, data.shape), {"data": data})


def slice_assign(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    given = bounds(rng, data.shape)
    read = {key: eval(text) for key, text in given.items()}
    steps = read.get("step", (None,) * len(read["begin"]))
    parts = tuple(map(slice, read["begin"], read["end"], steps))
    values = array(rng, data[parts].shape, (str(data.dtype),))
    return Case("_slice_assign", given, {"lhs": data, "rhs": values})


def slice_assign_scalar(rng: Rng) -> Case:
    case = sliced(rng, "_slice_assign_scalar")
    return Case(case.op, {**case.attributes, **some(rng, scalar=[2.5, -1.0, 3.0])}, case.data)


def split_v2(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    place = axis(rng, data.ndim)
    size = data.shape[place]
    given = {"axis": str(place)}
    if rng.random() < 0.5:
        sections = int(rng.integers(1, size + 1))
        given |= {"sections": str(sections), "indices": "()"}
        outputs, squeezed = sections, sections == size
    else:
        cuts = np.sort(rng.permutation(np.arange(1, size))[: rng.integers(0, size)]).tolist()
        given |= {"indices": str((0, *cuts))}
        outputs, squeezed = len(cuts) + 1, len(cuts) + 1 == size
    if squeezed and rng.random() < 0.5:
        given |= {"squeeze_axis": "True"}
    return Case("_split_v2", given, {"data": data}, outputs=outputs)


def reshape_like(rng: Rng) -> Case:
    data = array(rng, shape(rng, 1, 4), ANY)
    if rng.random() < 0.3:
        like = rng.permutation(np.array(data.shape)).tolist()
        return Case("reshape_like", {}, {"lhs": data, "rhs": array(rng, like)})
    first, last = sorted(rng.integers(0, data.ndim + 1, 2).tolist())
    if first == last:
        first, last = 0, data.ndim
    middle = rng.permutation(np.array(data.shape[first:last])).tolist()
    before, after = shape(rng, 1, 2), shape(rng, 1, 2)
    given = {
        "lhs_begin": str(first),
        "lhs_end": str(last) if last < data.ndim else str(rng.choice(["None", str(last)])),
        "rhs_begin": str(len(before)),
        "rhs_end": str(-len(after)),
    }
    return Case("reshape_like", given, {"lhs": data, "rhs": array(rng, (*before, *middle, *after))})


def squeeze(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    ones = [each for each, size in enumerate(data.shape) if size == 1]
    chosen = [each - data.ndim * int(rng.random() < 0.4) for each in ones if rng.random() < 0.7]
    return Case("squeeze", {"axis": str(tuple(chosen))} if chosen else {}, {"data": data})


def diag(rng: Rng) -> Case:
    data = array(rng, shape(rng, 1, 4), ANY)
    given = some(rng, k=[-2, -1, 0, 1, 2])
    if data.ndim > 1:
        one, other = rng.permutation(data.ndim)[:2].tolist()
        given |= some(rng, axis1=[one]) if other == 1 else {"axis1": str(one), "axis2": str(other)}
    return Case("diag", given, {"data": data})


def ravel_multi_index(rng: Rng) -> Case:
    sizes = shape(rng, 1, 4)
    given = {"shape": str((-1, *sizes[1:]) if rng.random() < 0.3 else sizes)}
    return Case("_ravel_multi_index", given, {"data": points_of_all(rng, sizes)})


def points_of_all(rng: Rng, sizes: tuple[int, ...]) -> np.ndarray:
    """Coordinates in all axes of a shape."""
    flat = rng.integers(0, int(np.prod(sizes)), int(rng.integers(1, 5)))
    place = np.stack(np.unravel_index(flat, sizes))
    return place.astype(rng.choice(["float32", "float64", "int32", "int64"]))


def unravel_index(rng: Rng) -> Case:
    sizes = shape(rng, 1, 4)
    given = {"shape": str((-1, *sizes[1:]) if rng.random() < 0.3 else sizes)}
    # MXNet gives the result of more dimensions a wrong shape
    data = indices(rng, (int(rng.integers(1, 6)),), 0, int(np.prod(sizes)))
    return Case("_unravel_index", given, {"data": data})


def boolean_mask(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    mask = rng.integers(0, 2, len(data)).astype(rng.choice(["float32", "int32", "uint8"]))
    mask[rng.integers(len(data))] = 1  # an empty result has no shape in a plain graph
    return Case("_contrib_boolean_mask", some(rng, axis=[0]), {"data": data, "index": mask})


def index_copy(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    places = rng.permutation(len(data))[: rng.integers(1, len(data) + 1)]
    rows = array(rng, (len(places), *data.shape[1:]), (str(data.dtype),))
    places = places.astype(rng.choice(["int32", "int64"]))
    return Case("_contrib_index_copy", {}, {"old": data, "index": places, "new": rows})


def blocks(rng: Rng, op: str) -> Case:
    size = int(rng.integers(1, 4))
    n, channels, height, width = (int(each) for each in rng.integers(1, 4, 4))
    sizes = (n, channels * size**2, height, width)
    if op == "space_to_depth":
        sizes = (n, channels, height * size, width * size)
    return Case(op, {"block_size": str(size)}, {"data": array(rng, sizes, ANY)})


def index_array(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    given = some(rng, axes=[axes(rng, data.ndim, 1)])
    return Case("_contrib_index_array", given, {"data": data})


def identity_like(rng: Rng) -> Case:
    data = array(rng, shape(rng), ANY)
    return Case("_identity_with_attr_like_rhs", {}, {"lhs": data, "rhs": data + data})


def filled(rng: Rng, op: str) -> Case:
    kinds = (*ANY, "bool") if op in ("_zeros", "_ones") else ANY
    given = {"shape": str(shape(rng)), **some(rng, dtype=kinds)}
    if op == "_full":
        given |= {"value": str(rng.choice(["2.5", "-1", "7", "0"]))}
        if given.get("dtype", "float32") in FLOATING and rng.random() < 0.2:
            given["value"] = "-inf"
    return Case(op, given, {})


def eye(rng: Rng) -> Case:
    given = {"N": str(rng.integers(1, 5)), **some(rng, M=[0, 1, 3, 6], k=[-2, 0, 1], dtype=ANY)}
    return Case("_eye", given, {})


def arange(rng: Rng) -> Case:
    start, step = float(rng.choice([0, 1, 0.5, 3, -2])), float(rng.choice([1, 0.3, 2, 0.7]))
    given = {"start": str(start), "stop": str(start + step * rng.uniform(0.1, 9))}
    if rng.random() < 0.2:
        given = {"start": str(rng.integers(1, 9))}
    elif rng.random() < 0.3:
        given = {"start": given["stop"], "stop": str(start), "step": str(-step)}
    elif step != 1:
        given |= {"step": str(step)}
    return Case("_arange", given | some(rng, repeat=[1, 2, 3], dtype=(*ANY, "float16")), {})


GENERATORS = {
    "take": take,
    "pick": pick,
    "batch_take": batch_take,
    "gather_nd": gather_nd,
    "scatter_nd": scatter_nd,
    "where": where,
    "one_hot": one_hot,
    **{op: partial(ordered, op=op) for op in ("sort", "argsort", "topk")},
    **{op: partial(extreme, op=op) for op in ("argmax", "argmin")},
    "argmax_channel": argmax_channel,
    "repeat": repeat,
    "reverse": reverse,
    "broadcast_to": broadcast_to,
    "broadcast_axis": broadcast_axis,
    "broadcast_like": broadcast_like,
    **{op: partial(of_data, op=op) for op in ("shape_array", "size_array")},
    "slice": partial(sliced, op="slice"),
    "_slice_assign": slice_assign,
    "_slice_assign_scalar": slice_assign_scalar,
    "_split_v2": split_v2,
    "reshape_like": reshape_like,
    "squeeze": squeeze,
    "diag": diag,
    "_ravel_multi_index": ravel_multi_index,
    "_unravel_index": unravel_index,
    "_contrib_boolean_mask": boolean_mask,
    "_contrib_index_copy": index_copy,
    **{op: partial(blocks, op=op) for op in ("depth_to_space", "space_to_depth")},
    "_contrib_index_array": index_array,
    "_identity_with_attr_like_rhs": identity_like,
    **{op: partial(filled, op=op) for op in ("_zeros", "_ones", "_full")},
    "_eye": eye,
    "_arange": arange,
}
