"""Parity of an imported module with MXNet, measured for each output of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import nn

from ..graph.inputs.input_spec import Specs, describe, in_dtype, random_inputs
from ..sources.arrays import Array, Arrays
from .cores import run_both
from .detection_rows import in_order_of
from .mask_values import Masks, find_masks
from .measurement import Castable, Outputs, run_reference
from .output_comparison import compare_at_shapes
from .result import Parity


class HeadReference(Castable, Protocol):
    """A graph that an imported module is compared with."""

    name: str

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return the outputs, as `head0`, `head1` …, for inputs by name."""


def measure_heads(
    module: nn.Module,
    reference: HeadReference,
    examples: Sequence[Specs],
    limits: Mapping[str, float],
    *,
    inputs: Sequence[Arrays] | None = None,
    seed: int = 0,
    any_order: bool = False,
    announce: Callable[[str, float], None] = lambda what, done: None,
) -> Parity:
    """Compare a module with its reference, in each data type and at each shape of the inputs.

    Both run at the same time. The module is left in float32. Beside other outputs, one may be the
    same for all inputs of a shape, as anchor boxes are; it is named in the result.

    Args:
        module: The imported module.
        reference: The network that the module is expected to equal.
        examples: The inputs to measure; their values are random.
        limits: Allowed relative difference by data type, in the order of measurement.
        inputs: Their values, if these are not to be drawn.
        seed: Seed of the random inputs.
        any_order: Whether detections of equal scores may be in another order.
        announce: Called with the data type and shapes of each part, and the share before it.
    """
    *drawn, another = draw_inputs([*examples, examples[0]], seed)
    inputs = drawn if inputs is None else inputs
    (outputs, constant, masks), expected = run_both(
        lambda: _run_module(module, inputs, another, announce),
        lambda: run_reference(reference, limits, inputs, in_dtype),
    )
    outputs, expected = (_without_masks(each, masks) for each in (outputs, expected))
    if any_order:
        outputs |= {key: in_order_of(wanted, outputs[key]) for key, wanted in expected.items()}
    heads = list(outputs["float64", 0])
    constant_from = _first_not_finite(outputs["float64", 0])
    if constant_from is None and len(constant) == len(heads):
        constant_from = heads[0]
    parity = compare_at_shapes(
        reference.name,
        heads,
        [describe({name: value.shape for name, value in values.items()}) for values in inputs],
        outputs,
        expected,
        limits,
        heads=heads,
        condition=None,
        constant_from=constant_from,
    )
    return replace(parity, constant_heads=constant)


def inexact_weights(module: nn.Module) -> dict[str, torch.Tensor]:
    """The float64 weights that float32 does not hold, which a measurement leaves rounded."""
    return {
        name: tensor
        for name, tensor in _tensors(module).items()
        if tensor.dtype == torch.float64 and not torch.equal(tensor.float().double(), tensor)
    }


def restore_weights(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give a module, in float64, the weights back that it had before a measurement."""
    if weights:
        module.double()
        present = _tensors(module)
        for name, tensor in weights.items():
            present[name].copy_(tensor)


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers, detached: they keep their values if the module is cast."""
    named = (*module.named_parameters(), *module.named_buffers())
    return {name: tensor.detach() for name, tensor in named}


def draw_inputs(examples: Sequence[Specs], seed: int) -> list[Arrays]:
    """Random values of inputs, each the same whatever follows it."""
    rng = np.random.default_rng(seed)
    return [random_inputs(specs, rng) for specs in examples]


def _run_module(
    module: nn.Module,
    inputs: Sequence[Arrays],
    another: Arrays,
    announce: Callable[[str, float], None],
) -> tuple[Outputs, tuple[str, ...], dict[str, Masks]]:
    """The outputs, the names of those that are the same for other inputs, and their masks.

    Those in float32 are needed without a reference in float32, too: they bound the rounding.
    """
    outputs, constant, masks, done = {}, tuple[str, ...](), dict[str, Masks](), 0
    for dtype in (dtypes := ("float64", "float32")):
        module.to(getattr(torch, dtype))
        for number, values in enumerate(inputs):
            shapes = describe({name: value.shape for name, value in values.items()})
            announce(f"{dtype} {shapes}", done / (len(dtypes) * len(inputs)))
            done += 1
            outputs[dtype, number] = _heads(module, in_dtype(values, dtype))
        if dtype == "float64":
            first, others = outputs[dtype, 0], _heads(module, another)
            constant = _constant(first, others)
            masks = {name: find_masks(each, others[name]) for name, each in first.items()}
    return outputs, constant, masks


def _without_masks(outputs: Outputs, masks: Mapping[str, Masks]) -> Outputs:
    return {
        key: {name: masks[name].replaced(each) for name, each in heads.items()}
        for key, heads in outputs.items()
    }


def _constant(outputs: Arrays, others: Arrays) -> tuple[str, ...]:
    """The outputs that other inputs do not change."""
    return tuple(name for name, output in outputs.items() if np.array_equal(output, others[name]))


def _first_not_finite(outputs: Arrays) -> str | None:
    return next((name for name, each in outputs.items() if not np.isfinite(each).all()), None)


def _heads(module: nn.Module, inputs: Arrays) -> Arrays:
    return {f"head{place}": head for place, head in enumerate(run(module, inputs))}


def run(module: nn.Module, inputs: Arrays) -> list[Array]:
    """Run a module and return its outputs as a list, also where there is only one."""
    with torch.inference_mode():
        result = module(*map(torch.from_numpy, inputs.values()))
    return [head.numpy() for head in (result if isinstance(result, tuple) else (result,))]
