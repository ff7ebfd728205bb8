"""Pre-activation residual blocks of ResNet v2 (https://arxiv.org/abs/1603.05027)."""

from __future__ import annotations

from torch import Tensor, nn

from .layers import Norm, conv, squeeze_excite


class Preactivation(nn.Module):
    """Base class: norm, activation and convolution, repeated, and a skip connection.

    Subclasses define the convolutions `conv1` …; each is preceded by its norm, `bn1` …

    Args:
        in_channels: Channels of the input.
        planes: Channels of the output / the subclass's `expansion`.
        stride: Stride of the block.
        downsample: Convolution of the skip connection; None if the shapes are equal.
        dilation: Dilation of the 3×3 convolutions.
        first_dilation: Dilation of the first of them, if it differs.
        gate: `biased` or `unbiased` squeeze and excitation of the output (models/layers.py); None
            for none.
        raw_shortcut: The skip connection's convolution takes the block's input itself (CIFAR's
            v2), not the output of the first activation.
        norm: Constructor of the normalisation layers.

    Shapes: (N, in_channels, H, W) → (N, expansion·planes, ⌈H/stride⌉, ⌈W/stride⌉).
    """

    expansion: int

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        stride: int = 1,
        downsample: nn.Module | None = None,
        dilation: int = 1,
        first_dilation: int | None = None,
        gate: str | None = None,
        raw_shortcut: bool = False,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        convs = self._convolutions(
            in_channels, planes, stride, first_dilation or dilation, dilation
        )
        for number, each in enumerate(convs, start=1):
            self.add_module(f"bn{number}", norm(each.in_channels))
            self.add_module(f"conv{number}", each)
        self.act = nn.ReLU(inplace=True)
        self.se = squeeze_excite(planes * self.expansion, gate)
        self.downsample = downsample
        self.raw_shortcut = raw_shortcut
        self._depth = len(convs)

    @staticmethod
    def _convolutions(
        in_channels: int, planes: int, stride: int, first_dilation: int, dilation: int
    ) -> list[nn.Conv2d]:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        for number in range(1, self._depth + 1):
            x = self.act(self.get_submodule(f"bn{number}")(x))
            if number == 1 and self.downsample is not None:
                shortcut = self.downsample(shortcut if self.raw_shortcut else x)
            x = self.get_submodule(f"conv{number}")(x)
        if self.se is not None:
            x = self.se(x)
        return x + shortcut


class PreactivationBasic(Preactivation):
    """Two 3×3 convolutions; the first has the stride."""

    expansion = 1

    @staticmethod
    def _convolutions(
        in_channels: int, planes: int, stride: int, first_dilation: int, dilation: int
    ) -> list[nn.Conv2d]:
        return [
            conv(in_channels, planes, 3, stride, dilation=first_dilation),
            conv(planes, planes, 3, dilation=dilation),
        ]


class PreactivationBottleneck(Preactivation):
    """1×1, 3×3 with the stride, 1×1."""

    expansion = 4

    @staticmethod
    def _convolutions(
        in_channels: int, planes: int, stride: int, first_dilation: int, dilation: int
    ) -> list[nn.Conv2d]:
        return [
            conv(in_channels, planes, 1),
            conv(planes, planes, 3, stride, dilation=first_dilation),
            conv(planes, planes * PreactivationBottleneck.expansion, 1),
        ]
