"""Export of recurrent layers whose sequences may have any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

LAYERS = ("lstm", "gru", "rnn_tanh", "rnn_relu")


@contextmanager
def symbolic_lengths(names: Iterable[str] = LAYERS) -> Iterator[None]:
    """Let torch.export infer the shapes of recurrent layers from those of their inputs.

    torch.export runs a layer's decomposition into steps, only to learn its outputs' shapes, and so
    takes the length of its example for the only one. In this context it computes the shapes alone.
    The exported program has the layer's operator in either case.

    Args:
        names: The operators.
    """
    layers: dict[Any, Callable[..., tuple[Tensor, ...]]] = {
        getattr(torch.ops.aten, name).input: _lstm if name == "lstm" else _one_state
        for name in names
    }
    kernels = {layer: dict(layer.py_kernels) for layer in layers}
    try:
        for layer, shapes in layers.items():
            _replace(layer, dict.fromkeys(kernels[layer], shapes))
        yield
    finally:
        for layer, own in kernels.items():
            _replace(layer, own)


def _replace(layer: Any, kernels: dict[Any, Any]) -> None:
    layer.py_kernels.update(kernels)
    layer._dispatch_cache.clear()


def _lstm(
    input: Tensor,
    hx: tuple[Tensor, Tensor],
    params: object,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    hidden, cell = hx
    return _output(input, hidden, bidirectional), torch.empty_like(hidden), torch.empty_like(cell)


def _one_state(
    input: Tensor,
    hx: Tensor,
    params: object,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor]:
    return _output(input, hx, bidirectional), torch.empty_like(hx)


def _output(input: Tensor, hidden: Tensor, bidirectional: bool) -> Tensor:
    """(T, N, directions × the width of the hidden state), as the input in (T, N, C)."""
    width = hidden.shape[2] * (2 if bidirectional else 1)
    return input.new_empty((*input.shape[:2], width))
