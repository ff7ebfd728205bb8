"""Which sizes of its inputs a module accepts, by running it on others."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

from torch import fx

from ..errors import ImageSizeError
from ..graph.inputs.free_dimensions import (
    LENGTHS,
    SHORTER,
    Dimension,
    Free,
    choices,
    further_specs,
    near,
)
from ..graph.inputs.input_spec import Specs, describe, with_batch
from ..graph.plugin import plugin_place
from ..graph.symbols.symbol import Graph
from ..parity.head_measurement import run
from ..sources.arrays import Array

# a network that runs with these batch sizes is taken to run with any
BATCHES = (1, 2, 3)
# operators that MXNet computes for a batch of 1 only
ONE_EXAMPLE = frozenset({"_contrib_Proposal"})
# what a module raises on inputs that do not fit, and what a plugin's function may raise
_FAILURES = (
    *(RuntimeError, LookupError, ValueError, ArithmeticError, TypeError, AttributeError),
    MemoryError,
)
OTHER_SHAPES = "; give other shapes with `--input NAME=SHAPE`"
MULTIPLE = "the height and width of images must be multiples of {multiple}"
LONGEST = "{name} ({inputs}) is at most {size}: the network does not run with {longer}"


def fixed_batch(graph: Graph, module: fx.GraphModule, specs: Specs) -> str | None:
    """The reason why a module accepts the batch of these inputs only; None if it accepts any."""
    sizes = {spec.batch for spec in specs.values()}
    if len(sizes) != 1:
        return "the inputs have different first sizes"
    if any(node.op in ONE_EXAMPLE for node in graph.operators()):
        return "the network has an operator that takes one image at a time in MXNet"
    for size in BATCHES:
        if size not in sizes and not _runs(module, with_batch(specs, size)):
            return f"the network does not run with a batch of {size}"
    return None


def free_dimensions(module: fx.GraphModule, specs: Specs) -> tuple[Dimension, ...]:
    """The dimensions, other than the batch, with other sizes of which a module runs."""
    free: tuple[Dimension, ...] = ()
    for alternatives in choices(specs):
        for more in alternatives:
            if all(_runs(module, each) for each in further_specs(specs, (*free, *more))):
                free = (*free, *more)
                break
    return free


def size_notes(free: Free, specs: Specs) -> list[str]:
    """Notes on the sizes that free dimensions may have.

    Args:
        specs: The inputs with which they were tried.
    """
    multiples = {each.multiple for each in free.dimensions} - {1}
    notes = [MULTIPLE.format(multiple=multiple) for multiple in multiples]
    for each in free.dimensions:
        if each.eighths == SHORTER:
            inputs, size = ", ".join(name for name, _ in each.axes), each.size(specs)
            longer = near(size, LENGTHS[0])
            notes.append(LONGEST.format(name=each.name, inputs=inputs, size=size, longer=longer))
    return notes


def _runs(module: fx.GraphModule, specs: Specs) -> bool:
    try:
        try_run(module, specs, "")
    except ImageSizeError:
        return False
    return True


def try_run(module: fx.GraphModule, specs: Specs, where: str) -> list[Array]:
    """Run a module on zeros and return its outputs.

    Args:
        where: File name of the graph, for errors.

    Raises:
        ImageSizeError: If the module cannot run on inputs of these shapes.
    """
    try:
        with redirect_stderr(io.StringIO()):  # torch.fx prints the generated code of a failed node
            return run(module, {name: spec.zeros() for name, spec in specs.items()})
    except _FAILURES as error:
        size = describe({name: spec.shape for name, spec in specs.items()})
        reason = plugin_place(error) or (str(error).splitlines() or [type(error).__name__])[0]
        raise ImageSizeError(
            f"{where}: cannot run on inputs of shape {size} ({reason}){OTHER_SHAPES}"
        ) from error
