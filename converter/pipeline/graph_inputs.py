"""The inputs with which an exported network is built, proved and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import fx

from ..errors import ConversionError, GraphError, ImageSizeError
from ..graph.importer import build_module
from ..graph.input_spec import InputSpec, Specs, describe, with_batch
from ..graph.shapes import example_shape, input_specs, only_input
from ..graph.symbol import Graph
from ..graph.training_batch import replaced_batch
from ..mappings.catalog import Size
from ..parity.head_measurement import run
from ..parity.measurement import BATCH
from ..sources.arrays import Array, Arrays
from .request import Request

# default image sizes: the first at which the graph runs is used
SIZES: tuple[Size, ...] = ((224, 224), (299, 299), (112, 112), (32, 32), (28, 28))


@dataclass(frozen=True)
class BuiltGraph:
    """A module, and inputs on which it runs.

    Attributes:
        module: The module, in float64.
        examples: Inputs of the proof; the program is written for the first.
        any_batch: Whether all inputs have the same batch, and it may have any size.
        heads: The outputs for zeros of the first example, or of one image of it.
        notes: What was replaced in the graph.
    """

    module: fx.GraphModule
    examples: list[dict[str, InputSpec]]
    any_batch: bool
    heads: list[Array]
    notes: tuple[str, ...] = ()


def build_with_inputs(graph: Graph, arrays: Arrays, request: Request) -> BuiltGraph:
    """Build a graph's module for the requested inputs, or for images of a size at which it runs.

    Where a training batch in the graph was replaced, the proof is of that many examples, since
    MXNet computes the graph for them only.

    Raises:
        GraphError: If the graph cannot be imported, or the request names other inputs than it has.
        ImageSizeError: If it does not run on those inputs.
    """
    batch = replaced_batch(graph)
    if request.inputs is None:
        built = _for_images(graph, arrays, request.sizes, batch or BATCH)
    else:
        specs = input_specs(graph, arrays, request.inputs)
        built = _for_given(graph, arrays, specs, batch)
    if batch is None:
        return built
    note = f"{batch} in the graph's Reshape nodes is its training batch; any size replaces it"
    return replace(built, notes=(note,))


def _for_images(graph: Graph, arrays: Arrays, sizes: Sequence[Size], batch: int) -> BuiltGraph:
    data = only_input(graph, arrays)
    examples = [
        {data: InputSpec((batch, *example_shape(graph, arrays, size)))} for size in sizes or SIZES
    ]
    if not sizes:
        return _first_that_runs(graph, arrays, examples)
    module = _build(graph, arrays, examples[0])
    heads, *_ = [try_run(module, with_batch(specs, 1)) for specs in examples]
    return BuiltGraph(module, examples, True, heads)


def _for_given(
    graph: Graph, arrays: Arrays, specs: dict[str, InputSpec], batch: int | None
) -> BuiltGraph:
    module = _build(graph, arrays, specs)
    heads = try_run(module, specs)
    sizes = {spec.batch for spec in specs.values()}
    any_batch = len(sizes) == 1 and all(
        _runs(module, with_batch(specs, size)) for size in (1, 2, 3)
    )
    examples = [specs]
    if any_batch and batch is not None:
        examples = [with_batch(specs, batch)]
    elif any_batch and sizes == {1}:
        examples = [specs, with_batch(specs, BATCH)]
    return BuiltGraph(module, examples, any_batch, heads)


def _first_that_runs(
    graph: Graph, arrays: Arrays, examples: Sequence[dict[str, InputSpec]]
) -> BuiltGraph:
    """Build the module with the first of some inputs on which it runs.

    Raises:
        ConversionError: If it runs on none of them; the error is that of the first.
    """
    errors: list[ConversionError] = []
    for specs in examples:
        try:
            module = _build(graph, arrays, specs)
            return BuiltGraph(module, [specs], True, try_run(module, with_batch(specs, 1)))
        except (ImageSizeError, GraphError) as error:
            errors.append(error)
    raise errors[0]


def _build(graph: Graph, arrays: Arrays, specs: Specs) -> fx.GraphModule:
    # built in float64, so that arrays wider than float32 keep their exact values
    shapes = {name: spec.shape for name, spec in specs.items()}
    return build_module(graph, arrays, dtype="float64", inputs=shapes)


def _runs(module: fx.GraphModule, specs: Specs) -> bool:
    try:
        try_run(module, specs)
    except ImageSizeError:
        return False
    return True


def try_run(module: fx.GraphModule, specs: Specs) -> list[Array]:
    """Run a module on zeros and return its outputs.

    Raises:
        ImageSizeError: If the module cannot run on inputs of these shapes.
    """
    try:
        return run(module, {name: spec.zeros() for name, spec in specs.items()})
    except (RuntimeError, IndexError, ValueError, ZeroDivisionError) as error:
        size = describe({name: spec.shape for name, spec in specs.items()})
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ImageSizeError(
            f"the graph cannot run on inputs of shape {size} ({reason}); give the size of its "
            "images with `--size HxW`, or whole shapes with `--input NAME=SHAPE`"
        ) from error
