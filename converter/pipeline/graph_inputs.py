"""The inputs with which an exported network is built, proved and written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from torch import fx

from ..errors import ConversionError, GraphError, ImageSizeError
from ..graph.following_sizes import follow_image_size
from ..graph.importer import build_module
from ..graph.inputs.free_dimensions import Free, further_specs
from ..graph.inputs.image_sizes import IMAGES
from ..graph.inputs.input_spec import InputSpec, Specs, describe, with_batch
from ..graph.inputs.shapes import example_shape, input_specs, only_input, rows_of
from ..graph.inputs.training_batch import replaced_batch
from ..graph.symbols.symbol import Graph
from ..mappings.catalog import Size
from ..parity.measurement import BATCH
from ..sources.arrays import Array, Arrays
from .free_sizes import OTHER_SHAPES, fixed_batch, free_dimensions, size_notes, try_run
from .request import Request

# default image sizes: the first at which the graph runs is used
SIZES: tuple[Size, ...] = ((224, 224), (299, 299), (112, 112), (32, 32), (28, 28))
FIXED = "the file accepts the batch of its inputs' shapes only: {reason}"
FIRST = "{size} is the first of the usual sizes at which the graph runs; --size gives another"


@dataclass(frozen=True)
class BuiltGraph:
    """A module, and inputs on which it runs.

    Attributes:
        module: The module, in float64.
        specs: Inputs that the files are written for: the shapes that were given, or one image.
        free: Which of their dimensions may have other sizes, with which the module runs, too.
        examples: Inputs of the proof.
        further: Inputs of the proof with other sizes than the batch's; empty if these are fixed.
        heads: The outputs for zeros of `specs`.
        notes: What was replaced in the graph, and why the batch is fixed.
    """

    module: fx.GraphModule
    specs: dict[str, InputSpec]
    free: Free
    examples: list[dict[str, InputSpec]]
    further: list[dict[str, InputSpec]]
    heads: list[Array]
    notes: tuple[str, ...]


def build_with_inputs(
    graph: Graph,
    arrays: Arrays,
    request: Request,
    constants: Collection[str] = (),
    *,
    following: bool = False,
) -> BuiltGraph:
    """Build a graph's module for the requested inputs, or for images of a size at which it runs.

    Args:
        constants: Names of the arrays that are not trained.
        following: Whether sizes of feature maps that the graph fixes follow those of the images.

    Raises:
        GraphError: If the graph cannot be imported, or the request names other inputs than it has.
        ImageSizeError: If it does not run on those inputs.
    """
    trained = replaced_batch(graph)
    if request.inputs is None:
        module, given = _for_images(graph, arrays, request.sizes, trained or BATCH)
    else:
        given = [input_specs(graph, arrays, request.inputs)]
        module = _build(graph, arrays, given[0], constants)
        if following:
            follow_image_size(module, given[0])
    heads, *_ = [try_run(module, specs, graph.where) for specs in given]
    fixed = fixed_batch(graph, module, given[0])
    free = Free(fixed is None, free_dimensions(module, given[0]))
    notes = []
    if request.inputs is None and not request.sizes:
        notes += _found_size(given[0])
    if trained is not None:
        notes.append(
            f"{trained} in the graph's Reshape nodes is its training batch; any size replaces it"
        )
    if fixed is not None:
        notes.append(FIXED.format(reason=fixed))
    notes += size_notes(free, given[0])
    examples = _examples(given, free.batch, trained, of_images=request.inputs is None)
    further = further_specs(examples[0], free.dimensions)
    return BuiltGraph(module, given[0], free, examples, further, heads, tuple(notes))


def build_for_shapes(
    graph: Graph,
    arrays: Arrays,
    specs: dict[str, InputSpec],
    proof: dict[str, InputSpec],
    constants: Collection[str] = (),
    *,
    following: bool = False,
) -> BuiltGraph:
    """Build a graph's module for inputs of known shapes, which is proved with other shapes.

    Args:
        specs: Inputs that the files are written for.
        proof: Smaller inputs, with which the network runs faster.
        constants: Names of the arrays that are not trained.
        following: As in `build_with_inputs`.

    Raises:
        GraphError: If the graph cannot be imported.
        ImageSizeError: If it does not run on the inputs of the proof.
    """
    module = _build(graph, arrays, specs, constants)
    if following:
        follow_image_size(module, specs)
    return with_inputs(graph, module, specs, proof)


def with_inputs(
    graph: Graph, module: fx.GraphModule, specs: dict[str, InputSpec], proof: dict[str, InputSpec]
) -> BuiltGraph:
    """A module with the inputs that it was built for, and those of its proof.

    Args:
        graph: The graph.
        module: Its module, in float64.
        specs: Inputs that the files are written for.
        proof: Smaller inputs, with which it runs faster.

    Raises:
        ImageSizeError: If it does not run on the inputs of the proof.
    """
    heads = try_run(module, proof, graph.where)
    fixed = fixed_batch(graph, module, proof)
    free = Free(fixed is None, free_dimensions(module, proof))
    notes = [] if fixed is None else [FIXED.format(reason=fixed)]
    notes += size_notes(free, proof)
    examples = _examples([proof], free.batch, None, of_images=True)
    further = further_specs(examples[0], free.dimensions)
    return BuiltGraph(module, specs, free, examples, further, heads, tuple(notes))


def _examples(
    given: list[dict[str, InputSpec]], any_batch: bool, trained: int | None, *, of_images: bool
) -> list[dict[str, InputSpec]]:
    """The inputs of the proof.

    Where a training batch in the graph was replaced, MXNet computes the graph for that many
    examples only. A batch of 1 proves little: where any size is accepted, images are proved in a
    batch of 2, and a given shape with a batch of 2, too.
    """
    if not any_batch:
        return given
    if trained is not None:
        return [with_batch(specs, trained) for specs in given]
    if any(spec.batch != 1 for spec in given[0].values()):
        return given
    batches = [with_batch(specs, BATCH) for specs in given]
    return batches if of_images else [*given, *batches]


def _for_images(
    graph: Graph, arrays: Arrays, sizes: Sequence[Size], batch: int
) -> tuple[fx.GraphModule, list[dict[str, InputSpec]]]:
    """Build the module; returns one image of each size, or of the first size at which it runs."""
    data = only_input(graph, arrays)
    images = [
        {data: InputSpec((1, *example_shape(graph, arrays, size)))} for size in sizes or SIZES
    ]
    if sizes:
        return _build(graph, arrays, with_batch(images[0], batch)), images
    errors: list[ConversionError] = []
    for specs in images:
        try:
            module = _build(graph, arrays, with_batch(specs, batch))
            try_run(module, specs, graph.where)
            return module, [specs]
        except (ImageSizeError, GraphError) as error:
            errors.append(error)
    first = errors[0]
    if not _is_image(images[0][data]) or not all(isinstance(e, ImageSizeError) for e in errors):
        raise first
    tried = ", ".join(describe({data: size}) for size in SIZES[1:])
    example = f", such as {data}=1,7 of indices" if rows_of(graph, data) else ""
    raise ImageSizeError(
        f"{str(first).removesuffix(OTHER_SHAPES)}, nor on images of {tried}; give their size with "
        f"`--size HEIGHTxWIDTH`, or the input's whole shape with `--input {data}=SHAPE`{example}"
    ) from first


def _is_image(spec: InputSpec) -> bool:
    return len(spec.shape) == IMAGES


def _found_size(specs: Specs) -> list[str]:
    """A note on the size of images that was found, unless it is the most usual one."""
    (spec,) = specs.values()
    size = spec.shape[-2:]
    if not _is_image(spec) or size == SIZES[0]:
        return []
    return [FIRST.format(size=describe({"": size}))]


def _build(
    graph: Graph, arrays: Arrays, specs: Specs, constants: Collection[str] = ()
) -> fx.GraphModule:
    # built in float64, so that arrays wider than float32 keep their exact values
    shapes = {name: spec.shape for name, spec in specs.items()}
    return build_module(
        graph, arrays, dtype="float64", inputs=shapes, any_dtype=True, constants=constants
    )
