"""Operations of torch that its ONNX exporter has not, in ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Functions that write operations of torch in ONNX, by the operation."""
    aten = torch.ops.aten
    sums = [
        *(aten.embedding_bag.default, aten.embedding_bag.padding_idx),
        *(aten._embedding_bag.default, aten._embedding_bag_forward_only.default),
    ]
    return {aten.sort.stable: _sort, **dict.fromkeys(sums, _row_sums)}


def _sort(
    values: Any, stable: bool = True, dim: int = -1, descending: bool = False
) -> tuple[Any, Any]:
    """A stable sort as ONNX's TopK of all values, in which equal ones keep their order.

    TopK of onnxruntime has no 8-bit integers and no booleans.
    """
    from onnxscript import ir, opset18

    op: Any = opset18  # whose types are those of tensors that ONNX computes with
    small = values.dtype in (ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.BOOL)
    wide = op.Cast(values, to=ir.DataType.INT32) if small else values
    count = op.Gather(op.Shape(values), op.Constant(value_ints=[dim]))
    found, indices = op.TopK(wide, count, axis=dim, largest=int(descending), sorted=1)
    return op.Cast(found, to=values.dtype) if small else found, indices


def _row_sums(
    rows: Any,
    indices: Any,
    offsets: Any,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Weighted sums of equally many rows of a matrix, as `pooled_samples` computes them.

    Torch's own translation adds row after row in a loop. Only the first result is used.
    """
    from onnxscript import opset18

    op: Any = opset18
    weighted = op.Mul(op.Gather(rows, indices), op.Unsqueeze(per_sample_weights, [1]))
    width = op.Shape(rows, start=1, end=2)
    shape = op.Concat(op.Shape(offsets), op.Constant(value_ints=[-1]), width, axis=0)
    sums = op.ReduceSum(op.Reshape(weighted, shape), [1], keepdims=0)
    return sums, offsets, offsets, offsets
