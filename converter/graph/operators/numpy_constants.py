"""Tensors of `mxnet.numpy` that depend on no input."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import fx

from ..construction.call import Call
from .constants import arange, checked_shape, eye, limited, ones, zeros
from .declaration import dtype

PI = float(np.float32(math.pi))  # MXNet computes the phases of windows in float32
COSINES = {"hanning": (0.5, 0.5, 0.0), "hamming": (0.54, 0.46, 0.0), "blackman": (0.42, 0.5, 0.08)}


def identity(call: Call) -> fx.Node:
    """The identity matrix."""
    shape = checked_shape(call)
    if len(shape) != 2:
        raise call.attributes.unsupported("shape")
    return call.constant(torch.eye(*shape, dtype=dtype()(call.attributes, "dtype")))


def indices(call: Call) -> fx.Node:
    """The coordinates of each point of a grid, along a new first axis."""
    sizes = call.attributes.integers("dimensions")
    if not sizes:
        raise call.attributes.unsupported("dimensions")
    limited(call, math.prod(sizes) * len(sizes) if all(size >= 0 for size in sizes) else -1)
    grid = torch.meshgrid(*(torch.arange(size) for size in sizes), indexing="ij")
    return call.constant(torch.stack(grid).to(dtype("int32")(call.attributes, "dtype")))


def _steps(call: Call) -> torch.Tensor:
    """Numbers from start to stop in equal steps, in float64."""
    attributes = call.attributes
    start, stop = attributes.number("start"), attributes.number("stop")
    count = limited(call, attributes.integer("num", 50))
    last = count - 1 if attributes.flag("endpoint", True) else count
    step = (stop - start) / last if last > 0 else 0.0
    return start + torch.arange(count, dtype=torch.float64) * step


def linspace(call: Call) -> fx.Node:
    """Numbers in equal steps."""
    return call.constant(_steps(call).to(dtype()(call.attributes, "dtype")))


def logspace(call: Call) -> fx.Node:
    """Powers of a base, whose exponents have equal steps."""
    powers = torch.pow(call.attributes.number("base", 10.0), _steps(call))
    return call.constant(powers.to(dtype()(call.attributes, "dtype")))


def window(call: Call) -> fx.Node:
    """The window of Hann, Hamming or Blackman."""
    count = limited(call, call.attributes.integer("M", 0))
    level, first, second = COSINES[call.node.op.rpartition("_")[2]]
    kind = dtype()(call.attributes, "dtype")
    if count == 1:
        return call.constant(torch.ones(1, dtype=kind))
    phase = (torch.arange(count, dtype=torch.float32) * (2 * PI) / (count - 1)).double()
    values = level - first * torch.cos(phase) + second * torch.cos(2 * phase)
    return call.constant(values.to(kind))


OPERATORS = {
    "_npi_zeros": zeros,
    "_npi_ones": ones,
    "_npi_eye": eye,
    "_npi_arange": arange,
    "_npi_identity": identity,
    "_npi_indices": indices,
    "_linspace": linspace,
    "_npi_logspace": logspace,
    **{f"_npi_{name}": window for name in COSINES},
}
