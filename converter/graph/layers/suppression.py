"""Greedy non-maximum suppression and greedy matching, in tensors of static shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

BLOCK = 512  # boxes whose overlaps with all later boxes are in memory at once


def suppress(valid: Tensor, conflicts: Callable[[slice, slice], Tensor]) -> Tensor:
    """Greedy non-maximum suppression of boxes that are sorted, best first.

    A valid box is kept unless it conflicts with a kept box before it.

    Args:
        valid: Which boxes take part: (B, N), boolean.
        conflicts: Computes whether the boxes of one slice remove those of another: (B, rows,
            columns), boolean.

    Returns:
        Which boxes are kept: (B, N), boolean.
    """
    jit: Any = torch.jit  # whose functions have no types
    recorded = torch.compiler.is_compiling() or jit.is_tracing()
    count = valid.shape[1] if recorded else _last(valid)
    parts, rest, others = [], valid[:, :count], valid[:, count:]  # none of the others is valid
    for start in range(0, count, BLOCK):
        block, later = rest[:, :BLOCK], rest[:, BLOCK:]
        removes = conflicts(slice(start, start + block.shape[1]), slice(start, count))
        kept = _settle(block, removes[:, :, : block.shape[1]].triu(1))
        parts.append(kept)
        rest = later & ~(removes[:, :, block.shape[1] :] & kept.unsqueeze(2)).any(1)
    return torch.cat([*parts, others], 1)


def _last(valid: Tensor) -> int:
    """The number of boxes up to the last one that takes part."""
    numbers = torch.arange(1, valid.shape[1] + 1, device=valid.device)
    return int((numbers * valid.any(0)).max()) if len(numbers) else 0


def _settle(valid: Tensor, removes: Tensor) -> Tensor:
    """Repeat the rule on all boxes at once until none changes, which gives the greedy result.

    After n repetitions, the first n boxes are final. Usually a few are enough.
    """
    if not torch.compiler.is_compiling():
        # torch.jit.trace would record as many repetitions as its example needs
        jit: Any = torch.jit  # whose functions have no types
        found: Tensor = jit.script_if_tracing(_repeat)(valid, removes)
        return found
    # torch.export records the loop, whose length depends on data
    from torch._higher_order_ops.while_loop import while_loop

    # torch.export requires that a loop's values keep their strides
    valid = valid.clone(memory_format=torch.contiguous_format)

    def repeat(kept: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        again = _remaining(valid, removes, kept)
        return again, (again != kept).sum() > 0

    loop: Callable[..., tuple[Tensor, Tensor]] = while_loop
    # sums: onnxruntime takes `any` of nothing for true, and a loop over an empty block never ends
    return loop(_has_changed, repeat, (valid.clone(), valid.sum() > 0))[0]


def _repeat(valid: Tensor, removes: Tensor) -> Tensor:
    kept, changed = valid, bool(valid.any())
    while changed:
        before = kept
        kept = _remaining(valid, removes, before)
        changed = bool((kept != before).any())
    return kept


def _remaining(valid: Tensor, removes: Tensor, kept: Tensor) -> Tensor:
    """The boxes that none of the kept ones removes."""
    return valid & ~(removes & kept.unsqueeze(2)).any(1)


def _has_changed(_: Tensor, changed: Tensor) -> Tensor:
    return changed.clone()  # the loop's condition must not be one of its inputs


def match(scores: Tensor, allowed: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """Greedy matching of rows with columns: repeatedly the pair of the highest score.

    Of equal scores, the first in row-major order is taken.

    Args:
        scores: (B, rows, columns)
        allowed: Which pairs may be matched: (B, rows, columns), boolean.
        limit: The largest number of matches.

    Returns:
        The column of each row (B, rows), and the row of each column (B, columns); −1 if unmatched.
    """
    batch, rows, columns = scores.shape
    column_of = scores.new_full((batch, rows), -1, dtype=torch.int64)
    row_of = scores.new_full((batch, columns), -1, dtype=torch.int64)
    row_numbers = torch.arange(rows, device=scores.device)
    column_numbers = torch.arange(columns, device=scores.device)
    for _ in range(min(rows, columns, limit)):
        open_scores = torch.where(allowed, scores, -torch.inf).flatten(1)
        best = open_scores.argmax(1, keepdim=True)
        found = allowed.flatten(1).gather(1, best)
        row, column = best // columns, best % columns
        is_row, is_column = found & (row_numbers == row), found & (column_numbers == column)
        column_of = torch.where(is_row, column, column_of)
        row_of = torch.where(is_column, row, row_of)
        allowed = allowed & ~(is_row.unsqueeze(2) | is_column.unsqueeze(1))
    return column_of, row_of


def compact(values: Tensor, kept: Tensor) -> Tensor:
    """Move the kept rows to the front, in their order; the others are −1.

    Args:
        values: (B, N, K)
        kept: (B, N), boolean.
    """
    order = kept.to(torch.int8).sort(dim=1, descending=True, stable=True).indices.unsqueeze(2)
    present = kept.unsqueeze(2).gather(1, order)
    return torch.where(present, values.gather(1, order.expand_as(values)), -1.0)
