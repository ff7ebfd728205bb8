"""Modules for MXNet's fused recurrent layers where torch.nn's have no equivalent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

States = tuple[Tensor, Tensor]


def lstm_states(hidden: Tensor | None, cell: Tensor | None) -> States | None:
    """The initial states as nn.LSTM expects them: a pair, or None for zeros.

    Raises:
        ValueError: If only one of the two is given.
    """
    if hidden is None and cell is None:
        return None
    if hidden is None or cell is None:
        raise ValueError("an LSTM needs both its initial hidden state and its initial cell state")
    return hidden, cell


class ZeroState(nn.Module):
    """Zeros of a given shape, where a size of 0 stands for that of the input along an axis."""

    def __init__(self, shape: Sequence[int], axis: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.shape, self.axis = tuple(shape), axis
        self.zero: Tensor
        self.register_buffer("zero", torch.zeros((), dtype=dtype), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return self.zero.expand([size or input.shape[self.axis] for size in self.shape])

    def extra_repr(self) -> str:
        return f"{self.shape}, axis={self.axis}"


class VariableLengths(nn.Module):
    """A recurrent layer on sequences of different lengths, as MXNet's `use_sequence_length`.

    Steps after the end of a sequence are 0 in the output; the final states are those at the end of
    each sequence, where the backward direction begins. All lengths are at least 1.

    Args:
        layer: nn.RNN, nn.GRU or nn.LSTM, which takes (T, N, C).
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, input: Tensor, lengths: Tensor, states: Tensor | States | None = None
    ) -> tuple[Tensor, Tensor | States]:
        packed = pack_padded_sequence(input, lengths.to("cpu", torch.int64), enforce_sorted=False)
        output, final = self.layer(packed, states)
        padded, _ = pad_packed_sequence(output, total_length=input.shape[0])
        return padded, final


class SteppedLSTM(nn.Module):
    """An LSTM computed step by step, with what nn.LSTM lacks.

    The cell state can be clipped in every step, before the hidden state is computed from it, and
    the projection can be as large as the hidden state or larger. The parameters are named as in
    nn.LSTM, and so are the inputs and outputs; (T, N, C) is the only layout.

    Args:
        projection: Size of the projected hidden state; 0 for none.
        clip: Bounds of the cell state; None for none.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int,
        *,
        bidirectional: bool = False,
        projection: int = 0,
        dropout: float = 0.0,
        clip: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.hidden, self.layers = inputs, hidden, layers
        self.bidirectional, self.projection = bidirectional, projection
        self.dropout, self.clip = dropout, clip
        self.directions = 1 + bidirectional
        size = projection or hidden
        for layer, suffix in self._parts():
            width = inputs if layer == 0 else size * self.directions
            shapes = {
                "weight_ih": (4 * hidden, width),
                "weight_hh": (4 * hidden, size),
                "bias_ih": (4 * hidden,),
                "bias_hh": (4 * hidden,),
            }
            if projection:
                shapes["weight_hr"] = (projection, hidden)
            for name, shape in shapes.items():
                self.register_parameter(f"{name}_{suffix}", nn.Parameter(torch.zeros(shape)))

    def forward(self, input: Tensor, states: States | None = None) -> tuple[Tensor, States]:
        if states is None:
            count, batch = self.layers * self.directions, input.shape[1]
            states = (
                input.new_zeros(count, batch, self.projection or self.hidden),
                input.new_zeros(count, batch, self.hidden),
            )
        outputs: list[Tensor] = []
        final: list[States] = []
        for place, (layer, suffix) in enumerate(self._parts()):
            steps = input.flip(0) if place % self.directions else input
            output, last = self._run(steps, suffix, (states[0][place], states[1][place]))
            outputs.append(output.flip(0) if place % self.directions else output)
            final.append(last)
            if len(outputs) == self.directions:
                input, outputs = torch.cat(outputs, -1), []
                if layer + 1 < self.layers:
                    input = F.dropout(input, self.dropout, self.training)
        hidden, cells = zip(*final, strict=True)
        return input, (torch.stack(hidden), torch.stack(cells))

    def _run(self, steps: Tensor, suffix: str, state: States) -> tuple[Tensor, States]:
        """One layer in one direction; returns the outputs (T, N, size) and the last states."""
        hidden, cell = state
        given = F.linear(
            steps, getattr(self, f"weight_ih_{suffix}"), getattr(self, f"bias_ih_{suffix}")
        )
        weight, bias = getattr(self, f"weight_hh_{suffix}"), getattr(self, f"bias_hh_{suffix}")
        outputs = []
        for step in given.unbind(0):
            gates = step + F.linear(hidden, weight, bias)
            enter, forget, new, leave = gates.chunk(4, -1)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            if self.clip is not None:
                cell = cell.clamp(*self.clip)
            hidden = leave.sigmoid() * cell.tanh()
            if self.projection:
                hidden = F.linear(hidden, getattr(self, f"weight_hr_{suffix}"))
            outputs.append(hidden)
        return torch.stack(outputs), (hidden, cell)

    def _parts(self) -> Iterator[tuple[int, str]]:
        """The number of the layer and the suffix of the parameters, in the order of the states."""
        for layer in range(self.layers):
            for reverse in ("", "_reverse")[: self.directions]:
                yield layer, f"l{layer}{reverse}"

    def extra_repr(self) -> str:
        clip = f", clip={self.clip}" if self.clip else ""
        return (
            f"hidden={self.hidden}, layers={self.layers}, directions={self.directions}, "
            f"projection={self.projection}, dropout={self.dropout}{clip}"
        )
