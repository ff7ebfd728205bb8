"""The device that the tests marked `cuda` run on: a GPU, or the one that a variable names.

With GLUON2TORCH_TEST_DEVICE=cpu, these tests run on a machine without a GPU, to try them out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

VARIABLE = "GLUON2TORCH_TEST_DEVICE"


def find_test_device() -> torch.device | None:
    """The device to test; None if there is none."""
    name = os.environ.get(VARIABLE)
    if name is None and torch.cuda.is_available():
        name = "cuda"
    return None if name is None else torch.device(name)


class OnDevice(nn.Module):
    """A module on a device, which takes and returns tensors of the CPU."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.module, self.device = module.to(device), device

    def forward(self, *inputs: torch.Tensor) -> Any:
        outputs = self.module(*(each.to(self.device) for each in inputs))
        return (
            tuple(each.cpu() for each in outputs) if isinstance(outputs, tuple) else outputs.cpu()
        )


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether cuDNN and cuBLAS may round the factors of float32 products to ten bits."""
    switches = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [each.allow_tf32 for each in switches]
    try:
        for each in switches:
            each.allow_tf32 = allowed
        yield
    finally:
        for each, value in zip(switches, before, strict=True):
            each.allow_tf32 = value
