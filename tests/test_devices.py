"""Operators make their tensors on the device of their inputs; shown without a GPU.

Fake tensors have a device and no values. torch refuses to compute with fake tensors of two devices,
as it does on a GPU, and some device other than the CPU must be linked into torch: `lazy` always is.
"""

from __future__ import annotations

import contextlib
import zlib

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)

from gluon2torch.errors import GraphError

from .fuzz.generators import load_generators
from .fuzz.operator_case import imported, module_of

pytestmark = pytest.mark.posix
DEVICE = torch.device("lazy:0")
MOST, SEED = 20, 0
# shapes or loops depend on values, which fake tensors do not have
BY_VALUE = {
    *("CTCLoss", "_contrib_CTCLoss", "_contrib_ctc_loss", "ctc_loss", "_contrib_box_nms"),
    *("_contrib_MultiBoxDetection", "_contrib_MultiProposal", "_contrib_Proposal"),
    *("_contrib_ROIAlign", "_contrib_RROIAlign", "_contrib_boolean_mask", "_npx_nonzero"),
    *("_npi_bincount", "_npi_eig", "_npi_eigvals", "_npi_unique", "_npx_constraint_check"),
}


def run_elsewhere(module: nn.Module, *inputs: np.ndarray) -> tuple[torch.Tensor, ...]:
    """The fake outputs of a module that was moved to another device."""

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        sizes = tensor.shape, tensor.stride()
        return torch.empty_strided(*sizes, dtype=tensor.dtype, device=DEVICE)

    with FakeTensorMode(), torch.no_grad():
        for each in module.modules():
            for name, parameter in each.named_parameters(recurse=False):
                setattr(each, name, nn.Parameter(moved(parameter), requires_grad=False))
            for name, buffer in each.named_buffers(recurse=False):
                setattr(each, name, moved(buffer))
        outputs = module(*(moved(torch.tensor(each)) for each in inputs))
    return outputs if isinstance(outputs, tuple) else (outputs,)


@pytest.mark.costly
@pytest.mark.parametrize("op", load_generators())
def test_an_operator_stays_on_its_device(op: str) -> None:
    generate = load_generators()[op]
    rng = np.random.default_rng((SEED, zlib.crc32(op.encode())))
    for case in (generate(rng) for _ in range(MOST)):
        with contextlib.suppress(GraphError, RuntimeError, IndexError, ValueError):
            imported(case)
            break
    else:
        pytest.fail(f"none of {MOST} cases has a result")
    try:
        outputs = run_elsewhere(module_of(case), *case.data.values())
    except (DataDependentOutputException, DynamicOutputShapeException):
        assert op in BY_VALUE
    else:
        assert [each.device for each in outputs] == [DEVICE] * len(outputs), str(case)


class WithConstant(nn.Module):
    """A module that adds a tensor of its own."""

    def __init__(self, on_cpu: bool) -> None:
        super().__init__()
        self.on_cpu = on_cpu

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input + torch.arange(3, device="cpu" if self.on_cpu else input.device)


def test_a_tensor_on_another_device_is_noticed() -> None:
    inputs = np.zeros(3, np.float32)
    assert run_elsewhere(WithConstant(False), inputs)[0].device == DEVICE
    with pytest.raises(RuntimeError, match="same device"):
        run_elsewhere(WithConstant(True), inputs)
