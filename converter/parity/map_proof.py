"""Proof of the key map itself, with random weights.

One forward pass with one file's values does not prove a map: a block whose last gamma is zero hides
everything before it, and swapped layers then pass. So both networks are compared again with
well-conditioned random weights of the same names and shapes, in float64 at a small odd size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from torch import nn

from ..sources.arrays import Array, Arrays
from ..sources.random_arrays import draw_arrays
from ..weights.converted import Converted, assemble
from .measurement import Reference, measure, random_images
from .result import Parity

SEED = 1  # of the weights and the images


class FillableReference(Reference, Protocol):
    """A reference whose weights can be replaced."""

    def fill(self, arrays: Arrays) -> None:
        """Compute with these arrays from now on; names and shapes stay the same."""


def draw_network(converted: Converted, *, uniform: bool = False) -> Converted:
    """Convert random arrays of the same names and shapes, by the same map.

    Args:
        converted: The network.
        uniform: As `draw_arrays`.
    """
    fit = converted.fit
    end = fit.keymap.residual_end[fit.entry.network["block"]]
    shapes = {name: array.shape for name, array in converted.arrays.items()}
    arrays = draw_arrays(shapes, end, SEED, uniform=uniform)
    names = {name: name for name in arrays}
    fitted = replace(fit, translation=replace(fit.translation, names=names))
    return assemble(fitted, arrays)


def map_images(converted: Converted) -> list[Array]:
    """The images that the map is proved with: one batch of the data set's small size."""
    size = converted.fit.entry.dataset.small_size
    return random_images([size], converted.fit.in_chans, SEED)


def measure_map(
    drawn: Converted, network: nn.Module, reference: FillableReference, images: Sequence[Array]
) -> Parity:
    """Compare both networks with random weights, in the reference's first data type.

    Args:
        drawn: The network that `draw_network` returned.
        network: The converted network, whose weights are replaced: to build another takes time.
        reference: The reference; its weights are replaced, too.
        images: Batches of images of shape (N, C, H, W), in float32.
    """
    first = reference.dtypes[0]
    reference.cast(first)
    reference.fill(drawn.reference_arrays())
    stages = drawn.fit.keymap.stages
    network.load_state_dict(drawn.tensors, assign=True)
    return measure(network, reference, stages, images, dtypes=(first,), condition=False)
