"""Differences between two networks, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...mappings.key_map import Stage
from ...sources.arrays import Array
from ...weights.converted import Converted
from ..measurement import BATCH, Reference, stage_outputs

WORST = 3  # channels listed for each layer


@dataclass(frozen=True)
class LayerDifference:
    """Difference of one layer's outputs from the reference's.

    Attributes:
        name: Path of our module.
        gluon: Path of Gluon's block.
        relative: Largest difference divided by the reference's largest value, by data type.
        worst: The channels with the largest differences in the first data type, and these
            differences, relative to the layer's largest value.
    """

    name: str
    gluon: str
    relative: dict[str, float]
    worst: tuple[tuple[int, float], ...]


def every_layer(converted: Converted) -> list[Stage]:
    """Return the layers that have parameters, in the network's order, under both names."""
    gluon_names = {}
    for assignment in converted.fit.assignments:
        ours, _, _ = assignment.target.rpartition(".")
        gluon_names[ours] = assignment.source.rpartition(".")[0]
    order = dict.fromkeys(name.rpartition(".")[0] for name in converted.fit.targets)
    return [Stage(name, gluon_names[name], name) for name in order if name in gluon_names]


def compare_layers(
    converted: Converted,
    reference: Reference,
    layers: Sequence[Stage],
    size: tuple[int, int],
    seed: int = 0,
) -> list[LayerDifference]:
    """Run both networks once in each data type and compare every layer.

    Args:
        converted: The converted network.
        reference: The reference; it returns the outputs of these layers.
        layers: Layers to compare.
        size: Height and width of the images, in pixels.
        seed: Seed of the random images.
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
    """Return the largest difference in each channel, divided by the largest expected value."""
    if actual.size != expected.size:
        return np.full(1, np.inf)
    # the shapes differ where Gluon has a Dense layer and we have a 1×1 convolution
    expected = expected.reshape(actual.shape)
    axes = (0, *range(2, actual.ndim))
    with np.errstate(all="ignore"):
        scale = np.abs(expected).max() or 1.0
        channels: Array = np.abs(actual - expected).max(axes) / scale
    return np.nan_to_num(channels, nan=np.inf)
