"""Where two networks differ, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...mappings.key_map import Stage
from ...sources.arrays import Array
from ...weights.converted import Converted
from ..measurement import BATCH, Reference, stage_outputs

WORST = 3  # channels of a layer that are named


@dataclass(frozen=True)
class LayerDifference:
    """One layer's outputs, held against the reference's.

    Attributes:
        name: our module's path; `gluon`: Gluon's block's.
        relative: by dtype, the largest difference over the reference's largest value.
        worst: channels with the largest differences in the first dtype, and these, relative to
            the layer's largest value.
    """

    name: str
    gluon: str
    relative: dict[str, float]
    worst: tuple[tuple[int, float], ...]


def every_layer(converted: Converted) -> list[Stage]:
    """The network's layers that have parameters, in its order, by both their names."""
    gluons = {}
    for assignment in converted.fit.assignments:
        ours, _, _ = assignment.target.rpartition(".")
        gluons[ours] = assignment.source.rpartition(".")[0]
    order = dict.fromkeys(name.rpartition(".")[0] for name in converted.fit.targets)
    return [Stage(name, gluons[name], name) for name in order if name in gluons]


def compare_layers(
    converted: Converted,
    reference: Reference,
    layers: Sequence[Stage],
    size: tuple[int, int],
    seed: int = 0,
) -> list[LayerDifference]:
    """Run both networks once in each dtype, and compare every layer.

    Args:
        reference: gives the outputs of these layers.
        size: height and width of the image.
    """
    rng = np.random.default_rng(seed)
    shape = (BATCH, converted.fit.in_chans, *size)
    images = rng.standard_normal(shape, np.float32)
    network = converted.network().eval()
    relative: dict[str, dict[str, float]] = {layer.name: {} for layer in layers}
    worst: dict[str, tuple[tuple[int, float], ...]] = {}
    for dtype in reference.dtypes:
        network.double() if dtype == "float64" else network.float()
        reference.cast(dtype)
        inputs = images.astype(dtype)
        expected, actual = reference(inputs), stage_outputs(network, layers, inputs)
        for layer in layers:
            channels = _by_channel(actual[layer.name], expected[layer.name])
            relative[layer.name][dtype] = float(channels.max())
            if dtype == reference.dtypes[0]:
                order = np.argsort(-channels, kind="stable")[:WORST]
                worst[layer.name] = tuple((int(c), float(channels[c])) for c in order)
    return [
        LayerDifference(layer.name, layer.gluon, relative[layer.name], worst[layer.name])
        for layer in layers
    ]


def _by_channel(actual: Array, expected: Array) -> Array:
    """The largest difference in each channel, over the largest expected value."""
    if actual.size != expected.size:
        return np.full(1, np.inf)
    expected = expected.reshape(actual.shape)  # a Dense layer's output against a 1×1 convolution's
    axes = (0, *range(2, actual.ndim))
    with np.errstate(all="ignore"):
        scale = np.abs(expected).max() or 1.0
        channels: Array = np.abs(actual - expected).max(axes) / scale
    return np.nan_to_num(channels, nan=np.inf)
