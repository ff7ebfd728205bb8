"""Split attention, the convolution of ResNeSt (https://arxiv.org/abs/2004.08955)."""

from __future__ import annotations

from torch import Tensor, nn

from .layers import Norm, conv


class SplitAttention(nn.Module):
    """A 3×3 convolution with `radix` splits, which are summed with attention weights.

    The keys are timm's.

    Args:
        channels: Channels of the input and of the output.
        dilation: Dilation of the 3×3 convolution.
        groups: Cardinality; the convolution has groups·radix groups.
        radix: Number of splits, between which a softmax weights each channel.
        norm: Constructor of the normalisation layers.

    Shapes: (N, channels, H, W) → the same.
    """

    def __init__(
        self,
        channels: int,
        *,
        dilation: int = 1,
        groups: int = 1,
        radix: int = 2,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.radix = radix
        self.groups = groups
        hidden = max(channels * radix // 4, 32)
        splits = channels * radix
        self.conv = conv(channels, splits, 3, dilation=dilation, groups=groups * radix)
        self.bn0 = norm(splits)
        self.act0 = nn.ReLU(inplace=True)
        self.fc1 = nn.Conv2d(channels, hidden, 1, groups=groups)
        self.bn1 = norm(hidden)
        self.act1 = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(hidden, splits, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act0(self.bn0(self.conv(x)))
        count, _, height, width = x.shape
        splits = x.reshape(count, self.radix, -1, height, width)
        weight = splits.sum(1).mean((2, 3), keepdim=True)
        weight = self.fc2(self.act1(self.bn1(self.fc1(weight))))
        # fc2's channels are the weights of each split, grouped by cardinality
        weight = weight.reshape(count, self.groups, self.radix, -1).transpose(1, 2)
        weight = weight.softmax(1).reshape(count, self.radix, -1, 1, 1)
        out: Tensor = (splits * weight).sum(1)
        return out
