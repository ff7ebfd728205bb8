"""Residual blocks that end in an activation; named as in timm, so that its checkpoints load."""

from __future__ import annotations

from torch import Tensor, nn

from .layers import Norm, conv, squeeze_excite
from .split_attention import SplitAttention


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a skip connection (ResNet-18 and -34, CIFAR).

    Args:
        in_channels: Channels of the input.
        planes: Channels of the output.
        stride: Stride of the first convolution.
        downsample: Maps the input to the output's shape; None if the shapes are equal.
        dilation: Of the second convolution; of the first too, unless `first_dilation` is given.
        first_dilation: Dilation of the first convolution.
        norm: Builds a norm layer for a number of channels.
        gate: `biased` or `unbiased` squeeze and excitation (models/layers.py); None for none.

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
        in_channels: Channels of the input.
        planes: A quarter of the output's channels.
        stride: Stride of the 3×3 convolution, or of the first one with `stride_first`.
        downsample: Maps the input to the output's shape; None if the shapes are equal.
        dilation: Of the 3×3 convolution, unless `first_dilation` is given.
        first_dilation: Dilation of the 3×3 convolution in the first block of a stage.
        norm: Builds a norm layer for a number of channels.
        gate: `biased` or `unbiased` squeeze and excitation (models/layers.py); None for none.
        cardinality: Groups of the 3×3 convolution.
        base_width: Channels per group for 64 planes.
        reduce_first: Divisor of the 3×3's width that gives the first 1×1's (2 in SENet-154).
        stride_first: Put the stride in the first 1×1 convolution (v1).
        bias: Give both 1×1 convolutions a bias (v1).
        radix: If not 0, replace the 3×3 convolution by a split attention with this many splits,
            followed by an average pooling that has the stride and counts the zero padding in its
            mean (ResNeSt).

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
        conv2_dilation = first_dilation or dilation
        first_stride, second_stride = (stride, 1) if stride_first else (1, stride)
        self.conv1 = conv(in_channels, width // reduce_first, 1, first_stride, bias=bias)
        self.bn1 = norm(width // reduce_first)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2: nn.Module
        if radix:
            self.conv2 = SplitAttention(
                width, dilation=conv2_dilation, groups=cardinality, radix=radix, norm=norm
            )
            self.bn2: nn.Module = nn.Identity()  # part of the split attention
            self.act2: nn.Module = nn.Identity()
        else:
            self.conv2 = conv(
                width // reduce_first,
                width,
                3,
                second_stride,
                dilation=conv2_dilation,
                groups=cardinality,
            )
            self.bn2 = norm(width)
            self.act2 = nn.ReLU(inplace=True)
        pooled = radix and (stride > 1 or conv2_dilation != dilation)
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
