"""The ResNet of all families: a stem, stages of residual blocks, pooling and a classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from .blocks import BasicBlock, Bottleneck
from .layers import NORMS, bare_downsample, downsample
from .preactivation import Preactivation, PreactivationBasic, PreactivationBottleneck
from .pruned import set_widths
from .stem import STEMS

OUTPUT_STRIDES = (8, 16, 32)

BLOCKS: dict[str, Any] = {
    "basic": BasicBlock,
    "bottleneck": Bottleneck,
    "preactivation_basic": PreactivationBasic,
    "preactivation_bottleneck": PreactivationBottleneck,
}


class ResNet(nn.Module):
    """A residual network with timm's keys (torchvision's, if torchvision has the network).

    Args:
        block: `basic`, `bottleneck`, `preactivation_basic` or `preactivation_bottleneck`. Networks
            with pre-activation blocks also have a norm before the stem (`data_bn`), and a norm and
            an activation after the last stage (`norm`, `act`).
        layers: Number of blocks in each stage.
        widths: Planes of each stage.
        stem: A key of STEMS (models/stem.py).
        stem_width: Channels of the stem's first convolution.
        average_downsample: Put an average pooling before the skip connection's convolution (v1d,
            v1e).
        downsample_kernel: Kernel size of the skip connection's convolution, from the second stage
            on.
        norm: A key of NORMS (models/layers.py).
        block_options: Arguments passed to every block (cardinality, gate …).
        conv_widths: Output channels of every convolution, in the state_dict's order, for pruned
            networks.
        num_classes: Outputs of the classifier; 0 for none.
        in_chans: Channels of the images.
        drop_rate: Dropout probability before the classifier, during training.
        output_stride: 8, 16 or 32. A stage that would reduce the resolution further is dilated
            instead; 8 is GluonCV's `dilated=True`.

    Attributes:
        feature_info: For the stem and each stage: `module`, `num_chs` (channels) and `reduction`
            (factor by which the image has shrunk).
        num_features: Channels of the last stage.

    Shapes: images (N, in_chans, H, W) → logits (N, num_classes).

    Raises:
        ValueError: `output_stride` is not 8, 16 or 32, or `conv_widths` has the wrong length.
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
        norm: str = "batch",
        block_options: dict[str, Any] | None = None,
        conv_widths: Sequence[int] | None = None,
        num_classes: int = 1000,
        in_chans: int = 3,
        drop_rate: float = 0.0,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise ValueError(f"output_stride is {output_stride}; it must be 8, 16 or 32")
        block_class = BLOCKS[block]
        preactivation = issubclass(block_class, Preactivation)
        make_norm = NORMS[norm]
        parts = STEMS[stem](in_chans, stem_width, make_norm)
        self.data_bn: nn.Module = nn.Identity()
        if preactivation:
            # Gluon's has scale=False and center=False: gamma is 1, and beta is not trained
            self.data_bn = make_norm(in_chans).requires_grad_(False)
        self.conv1 = parts.conv1
        self.bn1 = parts.bn1
        self.act1 = parts.act1
        self.maxpool = parts.maxpool
        self.feature_info: list[dict[str, Any]] = [
            {"module": "act1", "num_chs": parts.channels, "reduction": parts.stride}
        ]
        options = {**(block_options or {}), "norm": make_norm}
        make_shortcut: Any = bare_downsample
        if not preactivation:
            make_shortcut = partial(downsample, average=average_downsample, norm=make_norm)

        channels, reduction = parts.channels, parts.stride * parts.pool_stride
        geometry = _geometry(len(layers), reduction, output_stride)
        for number, (depth, planes) in enumerate(zip(layers, widths, strict=True), start=1):
            stride, first_dilation, dilation = next(geometry)
            out_channels = planes * block_class.expansion
            shortcut: nn.Module | None = None
            if stride != 1 or channels != out_channels:
                kernel_size = 1 if number == 1 else downsample_kernel
                shortcut = make_shortcut(channels, out_channels, stride, kernel_size=kernel_size)
            make = partial(block_class, planes=planes, dilation=dilation, **options)
            first = make(
                channels, stride=stride, downsample=shortcut, first_dilation=first_dilation
            )
            rest = (make(out_channels) for _ in range(depth - 1))
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
            channels, reduction = out_channels, reduction * stride
            self.feature_info.append(
                {"module": f"layer{number}", "num_chs": channels, "reduction": reduction}
            )

        if conv_widths is not None:
            for info, width in zip(
                self.feature_info, set_widths(self, self.stages(), conv_widths), strict=True
            ):
                info["num_chs"] = channels = width
        self.norm = make_norm(channels) if preactivation else nn.Identity()
        self.act = nn.ReLU(inplace=True) if preactivation else nn.Identity()
        self.num_features = channels
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(drop_rate)
        self.fc: nn.Module
        self.reset_classifier(num_classes)
        self.apply(_initialise)

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifier by a new one; with `num_classes` 0, return pooled features.

        The new layer has the network's device and dtype.
        """
        weight = next(self.parameters())
        self.num_classes = num_classes
        self.fc = (
            nn.Linear(self.num_features, num_classes, device=weight.device, dtype=weight.dtype)
            if num_classes
            else nn.Identity()
        )

    def stages(self) -> list[nn.Module]:
        """Return the stages `layer1`, `layer2` … of the network."""
        return [self.get_submodule(info["module"]) for info in self.feature_info[1:]]

    def forward_features(self, x: Tensor) -> Tensor:
        """Compute features (N, num_features, H/32, W/32) of images (N, in_chans, H, W)."""
        x = self.maxpool(self.act1(self.bn1(self.conv1(self.data_bn(x)))))
        for stage in self.stages():
            x = stage(x)
        out: Tensor = self.act(self.norm(x))
        return out

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Compute logits (N, num_classes) of features (N, num_features, h, w).

        With `pre_logits`, return the pooled features (N, num_features) instead.
        """
        x = self.drop(self.global_pool(x).flatten(1))
        return x if pre_logits else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


def _geometry(stages: int, reduction: int, output_stride: int) -> Iterator[tuple[int, int, int]]:
    """Yield each stage's stride, its first block's dilation, and the dilation of its other blocks.

    Dilation starts at the second convolution that sees the image at full size, so the first block
    has the dilation of the stage before (as in GluonCV's dilated networks).
    """
    dilation = 1
    for stage in range(stages):
        stride, first_dilation = (2 if stage else 1), dilation
        if reduction * stride > output_stride:
            stride, dilation = 1, dilation * stride
        reduction *= stride
        yield stride, first_dilation, dilation


def _initialise(module: nn.Module) -> None:
    """Apply He initialisation, for networks that are trained from scratch."""
    if isinstance(module, nn.Conv2d) and not module.weight.is_meta:  # for those, torch is slow
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
