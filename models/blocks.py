"""Residual blocks that end in an activation, named as in timm so that its checkpoints load."""

from __future__ import annotations

from torch import Tensor, nn

from .layers import Norm, conv, squeeze_excite
from .split_attention import SplitAttention


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a skip connection (ResNet-18 and -34, CIFAR).

    Args:
        in_channels: channels of the input.
        planes: channels of the output.
        stride: of the first convolution.
        downsample: brings the input to the output's shape; None where it has it already.
        dilation: of the second convolution; of the first too, unless `first_dilation` is given.
        first_dilation: the dilation of the first convolution.
        norm: makes the normalisations.
        gate: `biased` or `unbiased` squeeze and excitation (models/layers.py).

    Shapes: (N, in_channels, H, W) → (N, planes, ⌈H/stride⌉, ⌈W/stride⌉).
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        stride: int = 1,
        downsample: nn.Module | None = None,
        dilation: int = 1,
        first_dilation: int | None = None,
        norm: Norm = nn.BatchNorm2d,
        gate: str | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, planes, 3, stride, dilation=first_dilation or dilation)
        self.bn1 = norm(planes)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = conv(planes, planes, 3, dilation=dilation)
        self.bn2 = norm(planes)
        self.se = squeeze_excite(planes, gate)
        self.downsample = downsample
        self.act2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        if self.se is not None:
            x = self.se(x)
        out: Tensor = self.act2(x + shortcut)
        return out


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions and a skip connection.

    Args:
        in_channels: channels of the input.
        planes: a quarter of the output's channels.
        stride: of the 3×3 convolution, or of the first with `stride_first`.
        downsample: brings the input to the output's shape; None where it has it already.
        dilation: of the 3×3 convolution, unless `first_dilation` is given.
        first_dilation: the dilation of the 3×3 convolution in the first block of a stage.
        norm: makes the normalisations.
        gate: `biased` or `unbiased` squeeze and excitation (models/layers.py).
        cardinality: groups of the 3×3 convolution.
        base_width: channels of one group for 64 planes.
        reduce_first: the first convolution has the 3×3's width divided by this (2 in SENet-154).
        stride_first: v1, where the first 1×1 has the stride.
        bias: v1, where both 1×1 have a bias.
        radix: ResNeSt, where the 3×3 is a split attention of so many splits, and an average
            pooling behind it has the stride. Zeros at the edges count in its mean.

    Shapes: (N, in_channels, H, W) → (N, 4·planes, ⌈H/stride⌉, ⌈W/stride⌉).
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        stride: int = 1,
        downsample: nn.Module | None = None,
        dilation: int = 1,
        first_dilation: int | None = None,
        norm: Norm = nn.BatchNorm2d,
        gate: str | None = None,
        cardinality: int = 1,
        base_width: int = 64,
        reduce_first: int = 1,
        stride_first: bool = False,
        bias: bool = False,
        radix: int = 0,
    ) -> None:
        super().__init__()
        width = planes * base_width // 64 * cardinality
        out_channels = planes * self.expansion
        spread = first_dilation or dilation
        first_stride, second_stride = (stride, 1) if stride_first else (1, stride)
        self.conv1 = conv(in_channels, width // reduce_first, 1, first_stride, bias=bias)
        self.bn1 = norm(width // reduce_first)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2: nn.Module
        if radix:
            self.conv2 = SplitAttention(width, dilation=spread, groups=cardinality, radix=radix)
            self.bn2: nn.Module = nn.Identity()  # split attention has its own
            self.act2: nn.Module = nn.Identity()
        else:
            self.conv2 = conv(
                width // reduce_first,
                width,
                3,
                second_stride,
                dilation=spread,
                groups=cardinality,
            )
            self.bn2 = norm(width)
            self.act2 = nn.ReLU(inplace=True)
        pooled = radix and (stride > 1 or spread != dilation)
        self.avd_last = nn.AvgPool2d(3, stride, padding=1) if pooled else nn.Identity()
        self.conv3 = conv(width, out_channels, 1, bias=bias)
        self.bn3 = norm(out_channels)
        self.se = squeeze_excite(out_channels, gate)
        self.downsample = downsample
        self.act3 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.avd_last(self.act2(self.bn2(self.conv2(x))))
        x = self.bn3(self.conv3(x))
        if self.se is not None:
            x = self.se(x)
        out: Tensor = self.act3(x + shortcut)
        return out
