"""Export of layers whose sequences may have any length."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
_KEYS = (torch._C.DispatchKey.CompositeImplicitAutograd, torch._C.DispatchKey.Autograd)
_LOCK = RLock()  # torch's tables are one for all threads


@contextmanager
def symbolic_lengths(recurrent: Collection[str] = RECURRENT) -> Iterator[None]:
    """Let torch.export compute shapes behind recurrent layers and 1-D max pooling from symbols.

    torch.export learns the shapes from kernels that take sizes as numbers, of recurrent layers step
    by step, and so takes the length of its example for the only one. In this context it has other
    kernels. The exported program has the layer's operator in either case.

    Args:
        recurrent: The recurrent layers, whose kernels here compute no values.
    """
    table: dict[Any, Callable[..., Any]] = torch._decomp.decomposition_table
    kernels: dict[Any, Callable[..., Any]] = {
        getattr(torch.ops.aten, name).input: _recurrent for name in recurrent
    }
    kernels[torch.ops.aten.max_pool1d.default] = _max_pool1d
    with _LOCK:
        own = {operator: dict(operator.py_kernels) for operator in kernels}
        decompositions = {each: table[each] for each in kernels if each in table}
        try:
            for operator, kernel in kernels.items():
                _replace(operator, {**own[operator], **dict.fromkeys(_KEYS, kernel)})
            table.update({each: kernels[each] for each in decompositions})
            yield
        finally:
            for operator, before in own.items():
                _replace(operator, before)
            table.update(decompositions)


def _replace(operator: Any, kernels: dict[Any, Any]) -> None:
    operator.py_kernels.clear()
    operator.py_kernels.update(kernels)
    operator._dispatch_cache.clear()


def _recurrent(
    input: Tensor,
    hx: Tensor | Sequence[Tensor],
    params: object,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """Outputs (T, N, directions × width of the hidden state) of an input (T, N, C), and states."""
    states = [hx] if isinstance(hx, Tensor) else hx  # an LSTM has two
    width = states[0].shape[2] * (2 if bidirectional else 1)
    return input.new_empty((*input.shape[:2], width)), *map(torch.empty_like, states)


def _max_pool1d(
    input: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Tensor:
    """As pooling of images that are one pixel high."""
    pooled = nn.functional.max_pool2d(
        input.unsqueeze(-2),
        (1, *kernel_size),
        (1, *(stride or kernel_size)),
        (0, *padding),
        (1, *dilation),
        ceil_mode,
    )
    return pooled.squeeze(-2)
