"""Normalisations of MXNet that torch.nn does not have."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...models.gluon_batch_norm import GluonBatchNorm

Statistics = tuple[Tensor, Tensor, Tensor]
EPSILON = 1.0000000474974513e-3  # 1e-3 in float32, the default of a parameter that is a double


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm over axis 1 of an input with any number of dimensions."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass


class FrozenBatchNorm(BatchNorm):
    """BatchNorm with `use_global_stats`: it uses the running statistics in training, too."""

    def forward(self, input: Tensor) -> Tensor:
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


def use_gluon_statistics(module: nn.Module) -> None:
    """Replace each BatchNorm in a module by one that updates its statistics as MXNet does.

    Its arrays are the same; one that never updates its statistics is left.
    """
    for name, child in module.named_children():
        if type(child) not in (BatchNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
            use_gluon_statistics(child)
            continue
        assert isinstance(child, nn.modules.batchnorm._BatchNorm)
        with torch.device("meta"):
            norm = GluonBatchNorm(child.num_features, child.eps, child.momentum)
        norm.weight, norm.bias = child.weight, child.bias
        for buffer, values in child.named_buffers():
            norm.register_buffer(buffer, values)
        setattr(module, name, norm.train(child.training))


class BatchNormStatistics(nn.Module):
    """The result of a BatchNorm, and the mean and 1 / √(variance + eps) of each channel."""

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, input: Tensor) -> Statistics:
        if self.training and not isinstance(self.norm, FrozenBatchNorm):
            axes = tuple(axis for axis in range(input.dim()) if axis != 1)
            variance, mean = torch.var_mean(input, axes, correction=0)
        else:
            assert self.norm.running_mean is not None
            assert self.norm.running_var is not None
            # copies, since training changes the running statistics
            mean, variance = self.norm.running_mean.clone(), self.norm.running_var
        return self.norm(input), mean, (variance + self.norm.eps).rsqrt()


class InstanceNorm(nn.modules.instancenorm._InstanceNorm):
    """InstanceNorm of an input with any number of dimensions, and of single positions."""

    def forward(self, input: Tensor) -> Tensor:
        if input.shape[2:].numel() == 1:  # torch refuses it; nothing remains but the shift
            return (input - input) + self.bias.reshape(-1, *[1] * (input.dim() - 2))
        return F.instance_norm(input, weight=self.weight, bias=self.bias, eps=self.eps)


class LayerNorm(nn.Module):
    """LayerNorm over any one axis; with `statistics`, also its mean and √(variance + eps)."""

    def __init__(self, size: int, axis: int, eps: float, statistics: bool) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))
        self.size, self.axis, self.eps, self.statistics = size, axis, eps, statistics

    def forward(self, input: Tensor) -> Tensor | Statistics:
        moved = input.movedim(self.axis, -1)
        result = F.layer_norm(moved, moved.shape[-1:], self.weight, self.bias, self.eps)
        result = result.movedim(-1, self.axis)
        if not self.statistics:
            return result
        variance, mean = torch.var_mean(input, self.axis, correction=0, keepdim=True)
        return result, mean, (variance + self.eps).sqrt()

    def extra_repr(self) -> str:
        return f"{self.size}, axis={self.axis}, eps={self.eps:.3g}"


class GroupNorm(nn.Module):
    """GroupNorm with a scale and a shift for each group, where torch's has one for each channel.

    With `statistics`, it also returns the mean and √(variance + eps) of each group, (N, groups).
    """

    def __init__(self, groups: int, eps: float, statistics: bool) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(groups)), nn.Parameter(torch.zeros(groups))
        self.groups, self.eps, self.statistics = groups, eps, statistics

    def forward(self, input: Tensor) -> Tensor | Statistics:
        groups = input.reshape(input.shape[0], self.groups, -1)
        normal = F.layer_norm(groups, groups.shape[-1:], eps=self.eps)
        result = (normal * self.weight[:, None] + self.bias[:, None]).reshape(input.shape)
        if not self.statistics:
            return result
        variance, mean = torch.var_mean(groups, -1, correction=0)
        return result, mean, (variance + self.eps).sqrt()

    def extra_repr(self) -> str:
        return f"{self.groups}, eps={self.eps:.3g}"


class L2Normalization(nn.Module):
    """x / sqrt(Σ x² + eps), with the sum over the dimensions of the mode.

    Modes: `instance` is all dimensions but the first, `channel` the second, `spatial` the third and
    later.
    """

    def __init__(self, mode: str, eps: float) -> None:
        super().__init__()
        self.mode, self.eps = mode, eps

    def forward(self, input: Tensor) -> Tensor:
        dims = {
            "instance": range(1, input.dim()),
            "channel": range(1, 2),
            "spatial": range(2, input.dim()),
        }[self.mode]
        squares = input.square()
        if dims:  # torch's sum over none is that over all; a vector's instances have none
            squares = squares.sum(tuple(dims), keepdim=True)
        return input / (squares + self.eps).sqrt()

    def extra_repr(self) -> str:
        return f"mode={self.mode!r}, eps={self.eps:.3g}"
