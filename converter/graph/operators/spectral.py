"""Fourier transforms and count sketches, which MXNet computes on GPUs only."""

from __future__ import annotations

from torch import fx

from ..construction.call import Call
from ..layers.fourier import CountSketch, FourierTransform, InverseFourierTransform


def fourier_transform(call: Call) -> fx.Node:
    """Fourier transform; MXNet computes it on GPUs only."""
    call.attributes.count("compute_size", 128)
    return call.module(FourierTransform(), call.value(0))


def inverse_fourier_transform(call: Call) -> fx.Node:
    """Inverse Fourier transform, not divided by its size; MXNet computes it on GPUs only."""
    call.attributes.count("compute_size", 128)
    return call.module(InverseFourierTransform(), call.value(0))


def count_sketch(call: Call) -> fx.Node:
    """Count sketch; MXNet computes it on GPUs only."""
    size = call.attributes.count("out_dim")
    call.attributes.count("processing_batch_size", 32)
    return call.module(CountSketch(size), *(call.value(index) for index in range(3)))


OPERATORS = {
    "_contrib_fft": fourier_transform,
    "_contrib_ifft": inverse_fourier_transform,
    "_contrib_count_sketch": count_sketch,
}
