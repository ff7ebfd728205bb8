"""Recurrent layers, embeddings, sequences of different lengths, and CTC."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..operator_case import Case

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "gru": 3, "lstm": 4}


def vector_size(
    mode: str, inputs: int, hidden: int, layers: int, directions: int, projection: int = 0
) -> int:
    """Length of the vector of all parameters of a fused recurrent layer."""
    size, total = projection or hidden, 0
    for layer in range(layers):
        width = inputs if layer == 0 else size * directions
        total += GATES[mode] * hidden * (width + size + 2) + projection * hidden
    return total * directions


def rnn(rng: np.random.Generator) -> Case:
    """Any mode, number of layers, directions, projection, and states that are not 0."""
    mode = str(rng.choice(list(GATES)))
    steps, batch, inputs, hidden, layers = (int(n) for n in rng.integers(1, 6, 5))
    directions = int(rng.integers(1, 3))
    projection = int(rng.integers(1, 7)) if mode == "lstm" and rng.random() < 0.4 else 0
    dtype = rng.choice(["float32", "float64"])
    size = vector_size(mode, inputs, hidden, layers, directions, projection)
    states = (layers * directions, batch, projection or hidden)
    arrays = {"parameters": 0.5 * rng.standard_normal(size), "state": rng.standard_normal(states)}
    if mode == "lstm":
        arrays["state_cell"] = rng.standard_normal((*states[:2], hidden))
    attributes = {
        "mode": mode,
        "state_size": str(hidden),
        "num_layers": str(layers),
        "state_outputs": str(bool(rng.random() < 0.7)),
        "p": str(rng.choice([0.0, 0.5])),
    }
    if directions == 2 or rng.random() < 0.5:
        attributes["bidirectional"] = str(directions == 2)
    if projection or rng.random() < 0.5:
        attributes["projection_size"] = str(projection or None)
    return Case(
        "RNN",
        attributes,
        {"data": rng.standard_normal((steps, batch, inputs)).astype(dtype)},
        {name: array.astype(dtype) for name, array in arrays.items()},
        outputs=(3 if mode == "lstm" else 2) if attributes["state_outputs"] == "True" else 1,
    )


def embedding(rng: np.random.Generator) -> Case:
    """Indices of any type, some of them beyond the table."""
    rows, width = (int(n) for n in rng.integers(1, 8, 2))
    dtype = rng.choice(["float32", "float64"])
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
    indices = rng.integers(-2, rows + 2, shape)
    kind = rng.choice([dtype, "int32", "int64", "uint8"])
    if kind == "uint8":
        indices = indices.clip(0)
    attributes = {"input_dim": str(rows), "output_dim": str(width), "dtype": str(dtype)}
    if rng.random() < 0.5:
        attributes["sparse_grad"] = str(bool(rng.random() < 0.5))
    weight = rng.standard_normal((rows, width)).astype(dtype)
    return Case("Embedding", attributes, {"data": indices.astype(kind)}, {"weight": weight})


def of_lengths(rng: np.random.Generator, op: str) -> Case:
    """SequenceMask, SequenceLast or SequenceReverse, with and without lengths."""
    axis = 0 if op == "SequenceReverse" else int(rng.integers(0, 2))
    sizes = [int(n) for n in rng.integers(1, 6, rng.integers(2, 6))]
    dtype = rng.choice(["float32", "float64"])
    data = {"data": rng.standard_normal(sizes).astype(dtype)}
    attributes = {"axis": str(axis)} if axis or rng.random() < 0.5 else {}
    if rng.random() < 0.7:
        attributes["use_sequence_length"] = str(rng.choice(["True", "1"]))
        least = 0 if op == "SequenceMask" else 1
        lengths = rng.integers(least, sizes[axis] + 1, sizes[1 - axis])
        data["lengths"] = lengths.astype(rng.choice([dtype, "int32", "int64"]))
    if op == "SequenceMask" and rng.random() < 0.5:
        attributes["value"] = str(rng.choice(["0.1", "-1e9", "-1", "-inf"]))
    return Case(op, attributes, data)


def ctc_loss(rng: np.random.Generator, op: str) -> Case:
    """Labels of which some are padded, have lengths, repeat classes, or do not fit."""
    batch, longest, classes = (int(n) for n in rng.integers(1, 6, 3))
    classes += 1
    steps = int(rng.integers(longest, 2 * longest + 5))
    first = bool(rng.random() < 0.5)
    dtype = rng.choice(["float32", "float64"])
    lengths = rng.integers(1, longest + 1, batch)
    low, high = (1, classes) if first else (0, classes - 1)
    labels = rng.integers(low, high, (batch, longest))
    attributes = (
        {} if first and rng.random() < 0.5 else {"blank_label": "first" if first else "last"}
    )
    data = {"data": rng.standard_normal((steps, batch, classes)).astype(dtype)}
    labels[np.arange(longest) >= lengths[:, None]] = 0 if first else -1
    data["label"] = labels.astype(dtype)
    if rng.random() < 0.4:
        attributes["use_data_lengths"] = "True"
        data["data_lengths"] = rng.integers(1, steps + 1, batch).astype(dtype)
    if rng.random() < 0.4:
        attributes["use_label_lengths"] = "True"
        data["label_lengths"] = lengths.astype(dtype)
    return Case(op, attributes, data)


def named(make: Callable[..., Case], op: str) -> Callable[[np.random.Generator], Case]:
    """A generator of one operator from one of several."""
    return lambda rng: make(rng, op)


def param_concat(rng: np.random.Generator) -> Case:
    """The parts of the vector of all parameters of a recurrent layer."""
    count = int(rng.integers(1, 5))
    parts = {f"part{n}": rng.normal(0, 1, rng.integers(1, 7)) for n in range(count)}
    return Case("_rnn_param_concat", {"num_args": str(count), "dim": "0"}, parts)


GENERATORS: dict[str, Callable[[np.random.Generator], Case]] = {
    "RNN": rnn,
    "_rnn_param_concat": param_concat,
    "Embedding": embedding,
    **{op: named(of_lengths, op) for op in ("SequenceMask", "SequenceLast", "SequenceReverse")},
    **{
        op: named(ctc_loss, op)
        for op in ("CTCLoss", "ctc_loss", "_contrib_CTCLoss", "_contrib_ctc_loss")
    },
}
