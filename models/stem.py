"""Stems: the layers before the first stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from .layers import Norm, conv


@dataclass(frozen=True)
class Stem:
    """The layers `conv1`, `bn1`, `act1` and `maxpool` of a network, and their geometry.

    `channels` and `stride` are those after `act1`; `pool_stride` is the pooling's own.
    """

    conv1: nn.Module
    bn1: nn.Module
    act1: nn.Module
    maxpool: nn.Module
    channels: int
    stride: int
    pool_stride: int


def conv7_stem(in_chans: int, width: int, norm: Norm) -> Stem:
    """Build a stem of one 7×7 convolution: v1, v1b, v2 and ResNeXt."""
    return Stem(
        conv1=conv(in_chans, width, 7, 2),
        bn1=norm(width),
        act1=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, 2, padding=1),
        channels=width,
        stride=2,
        pool_stride=2,
    )


def deep_stem(in_chans: int, width: int, norm: Norm) -> Stem:
    """Build a stem of three 3×3 convolutions, the last twice as wide.

    Used by v1c and v1d (width 32), v1s and v1e (width 64) and ResNeSt.
    """
    return Stem(
        conv1=nn.Sequential(
            conv(in_chans, width, 3, 2),
            norm(width),
            nn.ReLU(inplace=True),
            conv(width, width, 3),
            norm(width),
            nn.ReLU(inplace=True),
            conv(width, 2 * width, 3),
        ),
        bn1=norm(2 * width),
        act1=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, 2, padding=1),
        channels=2 * width,
        stride=2,
        pool_stride=2,
    )


def senet_stem(in_chans: int, width: int, norm: Norm) -> Stem:
    """Build the deep stem with SENet-154's pooling: no padding, sizes rounded up.

    Public ports pad by one pixel here. That shifts every window by one pixel, and the logits differ
    from Gluon's by about 7e-3 of the largest.
    """
    stem = deep_stem(in_chans, width, norm)
    return replace(stem, maxpool=nn.MaxPool2d(3, 2, padding=0, ceil_mode=True))


def cifar_stem(in_chans: int, width: int, norm: Norm) -> Stem:
    """Build a stem of one 3×3 convolution that keeps the image size: CIFAR's ResNeXt."""
    return Stem(
        conv1=conv(in_chans, width, 3),
        bn1=norm(width),
        act1=nn.ReLU(inplace=True),
        maxpool=nn.Identity(),
        channels=width,
        stride=1,
        pool_stride=1,
    )


def cifar_linear_stem(in_chans: int, width: int, norm: Norm) -> Stem:
    """Build `cifar_stem` without the activation after the norm: CIFAR's v1 and wide networks."""
    return replace(cifar_stem(in_chans, width, norm), act1=nn.Identity())


def cifar_bare_stem(in_chans: int, width: int, norm: Norm) -> Stem:
    """Build `cifar_stem` with the convolution alone: CIFAR's v2, whose blocks begin with a norm."""
    return replace(cifar_linear_stem(in_chans, width, norm), bn1=nn.Identity())


STEMS: dict[str, Callable[[int, int, Norm], Stem]] = {
    "conv7": conv7_stem,
    "deep": deep_stem,
    "senet": senet_stem,
    "cifar": cifar_stem,
    "cifar_linear": cifar_linear_stem,
    "cifar_bare": cifar_bare_stem,
}
