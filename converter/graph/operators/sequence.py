"""Embeddings, sequences of different lengths, and CTC."""

from __future__ import annotations

import torch
from torch import fx, nn

from ..construction.call import Call
from ..functions.sequences import embedding, sequence_last, sequence_mask, sequence_reverse
from ..layers.sequence_layers import CTCLoss, Embedding


def embed(call: Call) -> fx.Node:
    """Rows of a table by index.

    `sparse_grad` concerns the gradient's storage alone, and `dtype` repeats that of the table.
    """
    attributes, rank = call.attributes, call.rank(0)
    rank = None if rank is None else rank + 1
    shape = attributes.count("input_dim"), attributes.count("output_dim")
    if not call.is_array(1):
        return call.function(embedding, call.value(0), call.value(1), rank=rank)
    with torch.device("meta"):
        layer = Embedding(*shape)
    return call.module(call.fill(layer, weight=1), call.value(0), rank=rank)


def mask(call: Call) -> fx.Node:
    """SequenceMask: replace the steps after the end of each sequence by `value`, by default 0."""
    axis = call.attributes.choice("axis", "0", ["0", "1"])
    if not _has_lengths(call):
        return call.module(nn.Identity(), call.value(0))
    value = call.attributes.any_single("value", 0.0)
    return call.function(sequence_mask, call.value(0), call.value(1), value, int(axis))


def last(call: Call) -> fx.Node:
    """SequenceLast: the last step of each sequence."""
    axis = int(call.attributes.choice("axis", "0", ["0", "1"]))
    rank = call.rank(0)
    rank = None if rank is None else rank - 1
    if not _has_lengths(call):
        return call.function(torch.select, call.value(0), axis, -1, rank=rank)
    return call.function(sequence_last, call.value(0), call.value(1), axis, rank=rank)


def reverse(call: Call) -> fx.Node:
    """SequenceReverse: reverse the steps of each sequence; the first axis is time."""
    call.attributes.choice("axis", "0", ["0"])
    if not _has_lengths(call):
        return call.function(torch.flip, call.value(0), (0,))
    return call.function(sequence_reverse, call.value(0), call.value(1))


def _has_lengths(call: Call) -> bool:
    return call.attributes.flag("use_sequence_length", False)


def ctc_loss(call: Call) -> fx.Node:
    """CTC loss of each sequence, which is what MXNet's operator returns in inference, too."""
    attributes = call.attributes
    first = attributes.choice("blank_label", "first", ["first", "last"]) == "first"
    flags = [attributes.flag(f"use_{each}_lengths", False) for each in ("data", "label")]
    return call.module(CTCLoss(first, *flags), *call.values(), rank=1)


def warp_ctc(call: Call) -> fx.Node:
    """Output layer of MXNet's plug-in for warp-ctc: softmax. Only training uses the label.

    The plug-in is not part of its releases; plugin/warpctc/warpctc-inl.h has its forward.
    """
    call.ignore(1)
    for name in ("label_length", "input_length"):
        call.attributes.integer(name, 0)
    return call.module(nn.Softmax(-1), call.value(0))


OPERATORS = {
    **dict.fromkeys(("Embedding", "_contrib_SparseEmbedding"), embed),
    "SequenceMask": mask,
    "SequenceLast": last,
    "SequenceReverse": reverse,
    "CTCLoss": ctc_loss,
    "WarpCTC": warp_ctc,
}
