"""Residual blocks, named as in timm so that its checkpoints load."""

from __future__ import annotations

from torch import Tensor, nn

from .layers import SqueezeExcite, conv


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a skip connection (ResNet-18 and -34, CIFAR).

    Args:
        in_channels: channels of the input.
        planes: channels of the output.
        stride: of the first convolution.
        downsample: brings the input to the output's shape; None where it has it already.
        dilation: of the second convolution; of the first too, unless `first_dilation` is given.
        first_dilation: the dilation of the first convolution.

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
    ) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, planes, 3, stride, dilation=first_dilation or dilation)
        self.bn1 = nn.BatchNorm2d(planes)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = conv(planes, planes, 3, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample
        self.act2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        out: Tensor = self.act2(x + shortcut)
        return out


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions and a skip connection; the 3×3 carries the stride.

    Args:
        in_channels: channels of the input.
        planes: a quarter of the output's channels.
        stride: of the 3×3 convolution.
        downsample: brings the input to the output's shape; None where it has it already.
        cardinality: groups of the 3×3 convolution.
        base_width: channels of one group for 64 planes.
        reduce_first: the first convolution has the 3×3's width divided by this (2 in SENet-154).
        squeeze_excite: whether the output is gated by channel before it is added.
        dilation: of the 3×3 convolution, unless `first_dilation` is given.
        first_dilation: the dilation of the 3×3 convolution in the first block of a stage.

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
        cardinality: int = 1,
        base_width: int = 64,
        reduce_first: int = 1,
        squeeze_excite: bool = False,
        dilation: int = 1,
        first_dilation: int | None = None,
    ) -> None:
        super().__init__()
        width = planes * base_width // 64 * cardinality
        out_channels = planes * self.expansion
        self.conv1 = conv(in_channels, width // reduce_first, 1)
        self.bn1 = nn.BatchNorm2d(width // reduce_first)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = conv(
            width // reduce_first,
            width,
            3,
            stride,
            dilation=first_dilation or dilation,
            groups=cardinality,
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.act2 = nn.ReLU(inplace=True)
        self.conv3 = conv(width, out_channels, 1)
        self.bn3 = nn.BatchNorm2d(out_channels)
        # GluonCV's reduction: a quarter of the planes, a sixteenth of the output
        self.se = SqueezeExcite(out_channels, planes // 4) if squeeze_excite else None
        self.downsample = downsample
        self.act3 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.act2(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        if self.se is not None:
            x = self.se(x)
        out: Tensor = self.act3(x + shortcut)
        return out


BLOCKS: dict[str, type[BasicBlock] | type[Bottleneck]] = {
    "basic": BasicBlock,
    "bottleneck": Bottleneck,
}
