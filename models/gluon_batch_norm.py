"""BatchNorm with the running statistics of MXNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# MXNet keeps its momentum of 0.9 in float32 (src/operator/nn/batch_norm-inl.h)
MOMENTUM = 1 - 0.8999999761581421


class GluonBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm over axis 1 whose running variance is MXNet's, with torch's keys and outputs.

    MXNet averages the biased variance of each batch, Σ(x - mean)² / n; PyTorch the unbiased one,
    which is n / (n - 1) times as large, n being the values of a channel in the batch. Outputs and
    gradients are the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(N, num_features, …) → the same."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        mean, variance = torch.empty_like(self.running_mean), torch.empty_like(self.running_var)
        # with a momentum of 1, torch gives the batch's own statistics
        output = F.batch_norm(
            input, mean.zero_(), variance.zero_(), self.weight, self.bias, True, 1.0, self.eps
        )
        count = input.numel() // input.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * ((count - 1) / count), self.momentum)
            self.num_batches_tracked.add_(1)
        return output

    def _check_input_dim(self, input: Tensor) -> None:
        pass


class GluonBatchNorm2d(GluonBatchNorm, nn.BatchNorm2d):
    """GluonBatchNorm of (N, num_features, H, W), with Gluon's momentum of 0.9."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, momentum=MOMENTUM)
