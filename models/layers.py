"""Layers shared by the blocks and the networks."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from .gluon_batch_norm import GluonBatchNorm2d

Norm = Callable[[int], nn.Module]
"""Builds a norm layer for a number of channels."""

NORMS: dict[str, Norm] = {
    "batch": nn.BatchNorm2d,
    "gluon_batch": GluonBatchNorm2d,
    "group": lambda channels: nn.GroupNorm(32, channels),
}


def conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    *,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """Build a convolution, padded so that only the stride changes height and width.

    Shapes: (N, in_channels, H, W) → (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉).
    """
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding=dilation * (kernel_size // 2),
        dilation=dilation,
        groups=groups,
        bias=bias,
    )


class SqueezeExcite(nn.Module):
    """Squeeze and excitation (https://arxiv.org/abs/1709.01507).

    Scales each channel by a gate computed from the channels' means over the image.

    Shapes: (N, channels, H, W) → the same.
    """

    def __init__(self, channels: int, *, bias: bool = True) -> None:
        super().__init__()
        hidden = self.hidden(channels)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=bias)
        self.act = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=bias)
        self.gate = nn.Sigmoid()

    @staticmethod
    def hidden(channels: int) -> int:
        """Return GluonCV's hidden width: a sixteenth of the channels, not rounded up."""
        return channels // 16

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = x.mean((2, 3), keepdim=True)
        weight = self.gate(self.fc2(self.act(self.fc1(weight))))
        return x * weight


def squeeze_excite(channels: int, kind: str | None) -> nn.Module | None:
    """Build a block's gate: `biased` (ResNeXt), `unbiased` (SE-ResNet), or None for none."""
    return None if kind is None else SqueezeExcite(channels, bias=kind == "biased")


def bare_downsample(
    in_channels: int, out_channels: int, stride: int, *, kernel_size: int = 1
) -> nn.Conv2d:
    """Build the skip connection of pre-activation blocks: a convolution without a norm."""
    return conv(in_channels, out_channels, kernel_size, stride)


def downsample(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    kernel_size: int = 1,
    average: bool = False,
    norm: Norm = nn.BatchNorm2d,
) -> nn.Sequential:
    """Build the skip connection of a stage's first block.

    `average` puts an average pooling with the stride before the convolution (v1d, v1e). It rounds
    sizes up and excludes padding from the mean, as Gluon's
    `AvgPool2D(ceil_mode=True, count_include_pad=False)` does. A stage without a stride has an
    Identity instead, so that the convolution is `downsample.1` in every stage.

    Shapes: (N, in_channels, H, W) → (N, out_channels, ⌈H/stride⌉, ⌈W/stride⌉).
    """
    if not average:
        return nn.Sequential(
            conv(in_channels, out_channels, kernel_size, stride), norm(out_channels)
        )
    pool = (
        nn.Identity()
        if stride == 1
        else nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
    )
    return nn.Sequential(pool, conv(in_channels, out_channels, kernel_size), norm(out_channels))
