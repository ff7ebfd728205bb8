"""Functions that return their input, or another simple function of it, with their own gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .elementwise import unary


def gradient_multiplier(x: Tensor, scalar: float) -> Tensor:
    """The input; its gradient is multiplied by a number."""
    result: Tensor = _ScaledGradient.apply(x, scalar)  # type: ignore[no-untyped-call]
    return result


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, scalar: float) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        ctx.scalar = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.scalar, None


def straight_through(x: Tensor, name: str) -> Tensor:
    """A function of UNARY whose gradient is that of the identity."""
    result: Tensor = _StraightThrough.apply(x, name)  # type: ignore[no-untyped-call]
    return result


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, name: str) -> Tensor:
        return unary(x, name)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, str], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def loss(x: Tensor, scale: float, normalization: str, valid_thresh: float) -> Tensor:
    """The input; its gradient is multiplied by `scale`, and divided by a number.

    Args:
        normalization: This number: `batch` for the size of the batch, `valid` for the number of
            values greater than `valid_thresh`, at least 1, or `null` for 1.
    """
    result: Tensor = _LossGradient.apply(  # type: ignore[no-untyped-call]
        x, scale, normalization, valid_thresh
    )
    return result


class _LossGradient(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, scale: float, normalization: str, valid_thresh: float) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, str, float], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.options = inputs[1:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (x,), (scale, normalization, valid_thresh) = ctx.saved_tensors, ctx.options
        factor = torch.tensor(scale, device=x.device)
        if normalization == "batch":
            factor = factor / len(x)  # in float32, as MXNet
        elif normalization == "valid":
            factor = factor.to(x.dtype) / (x > valid_thresh).sum().clamp(min=1)
        return gradient * factor.to(gradient.dtype), None, None, None
