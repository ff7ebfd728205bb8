"""The ResNet of all families: a stem, stages of residual blocks, a pooled classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from .blocks import BLOCKS, BasicBlock, Bottleneck
from .layers import downsample
from .stem import STEMS

OUTPUT_STRIDES = (8, 16, 32)


class ResNet(nn.Module):
    """A residual network whose keys are timm's (torchvision's, where torchvision has the network).

    Args:
        block: `basic` or `bottleneck` (models/blocks.py).
        layers: the number of blocks of each stage.
        widths: the planes of each stage.
        stem: `conv7`, `deep`, `senet` or `cifar` (models/stem.py).
        stem_width: channels of the stem's first convolution.
        average_downsample: pool the skip connection before its convolution (v1d, v1e).
        downsample_kernel: kernel of the skip connection's convolution, from the second stage on.
        block_options: passed on to every block (cardinality, squeeze_excite …).
        num_classes: outputs of the classifier; 0 leaves it out.
        in_chans: channels of the images.
        drop_rate: dropout before the classifier, while training.
        output_stride: 8, 16 or 32. A stage that would shrink the image further keeps its size and
            dilates instead; 8 is what GluonCV calls `dilated=True`.

    Attributes:
        feature_info: for the stem and each stage: `module`, `num_chs` (channels) and `reduction`
            (by how much the image has shrunk).
        num_features: channels of the last stage.

    Shapes: images (N, in_chans, H, W) → logits (N, num_classes).
    """

    def __init__(
        self,
        *,
        block: str,
        layers: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512),
        stem: str = "conv7",
        stem_width: int = 64,
        average_downsample: bool = False,
        downsample_kernel: int = 1,
        block_options: dict[str, Any] | None = None,
        num_classes: int = 1000,
        in_chans: int = 3,
        drop_rate: float = 0.0,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise ValueError(f"output_stride is {output_stride}; it can be 8, 16 or 32")
        parts = STEMS[stem](in_chans, stem_width)
        self.conv1 = parts.conv1
        self.bn1 = parts.bn1
        self.act1 = parts.act1
        self.maxpool = parts.maxpool
        self.feature_info = [
            {"module": "act1", "num_chs": parts.channels, "reduction": parts.stride}
        ]

        channels, reduction, dilation = parts.channels, parts.stride * parts.pool_stride, 1
        for number, (depth, planes) in enumerate(zip(layers, widths, strict=True), start=1):
            stride, first_dilation = (1 if number == 1 else 2), dilation
            if reduction * stride > output_stride:
                stride, dilation = 1, dilation * stride
            stage = _stage(
                BLOCKS[block],
                depth,
                channels,
                planes,
                stride=stride,
                dilation=dilation,
                first_dilation=first_dilation,
                average_downsample=average_downsample,
                downsample_kernel=1 if number == 1 else downsample_kernel,
                block_options=block_options or {},
            )
            channels, reduction = planes * BLOCKS[block].expansion, reduction * stride
            self.add_module(f"layer{number}", stage)
            self.feature_info.append(
                {"module": f"layer{number}", "num_chs": channels, "reduction": reduction}
            )

        self.num_features = channels
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(drop_rate)
        self.fc: nn.Module
        self.reset_classifier(num_classes)
        self.apply(_initialise)

    def reset_classifier(self, num_classes: int) -> None:
        """Put a fresh classifier of `num_classes` outputs in place; 0 leaves the pooled features.

        The new layer stands where the network stands, with its dtype.
        """
        weight = next(self.parameters())
        self.num_classes = num_classes
        self.fc = (
            nn.Linear(self.num_features, num_classes, device=weight.device, dtype=weight.dtype)
            if num_classes
            else nn.Identity()
        )

    def stages(self) -> list[nn.Module]:
        """`layer1`, `layer2` …, as many as the network has."""
        return [self.get_submodule(str(info["module"])) for info in self.feature_info[1:]]

    def forward_features(self, x: Tensor) -> Tensor:
        """Images (N, in_chans, H, W) → the last stage's output (N, num_features, H/32, W/32)."""
        x = self.maxpool(self.act1(self.bn1(self.conv1(x))))
        for stage in self.stages():
            x = stage(x)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Features (N, num_features, h, w) → logits (N, num_classes).

        With `pre_logits` → the pooled features (N, num_features).
        """
        x = self.drop(self.global_pool(x).flatten(1))
        return x if pre_logits else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


def _stage(
    block: type[BasicBlock] | type[Bottleneck],
    depth: int,
    in_channels: int,
    planes: int,
    *,
    stride: int,
    dilation: int,
    first_dilation: int,
    average_downsample: bool,
    downsample_kernel: int,
    block_options: dict[str, Any],
) -> nn.Sequential:
    """`depth` blocks, of which the first carries the stride and the change of width.

    Dilation starts at the second convolution that sees the unshrunk image, so the first block has
    the dilation of the stage before (as in GluonCV's dilated networks).
    """
    out_channels = planes * block.expansion
    shortcut = None
    if stride != 1 or in_channels != out_channels:
        shortcut = downsample(
            in_channels,
            out_channels,
            stride,
            kernel_size=downsample_kernel,
            average=average_downsample,
        )
    first = block(
        in_channels,
        planes,
        stride=stride,
        downsample=shortcut,
        dilation=dilation,
        first_dilation=first_dilation,
        **block_options,
    )
    rest = (
        block(out_channels, planes, dilation=dilation, **block_options) for _ in range(depth - 1)
    )
    return nn.Sequential(first, *rest)


def _initialise(module: nn.Module) -> None:
    """He's initialisation, for networks that are trained from scratch."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
