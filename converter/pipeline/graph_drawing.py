"""The page that shows a graph, with the shapes of its values where the arrays are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import GraphError
from ..graph.array_names import match_names
from ..graph.drawing.network_page import to_html
from ..graph.importer import read_arrays
from ..graph.inputs.image_sizes import for_inputs
from ..graph.inputs.shapes import example_shape, input_names
from ..graph.symbols.symbol import Graph
from ..graph.value_shapes import value_shapes
from ..graph.zoo.zoo_graph import load_zoo_graph
from ..mappings.zoo import ZooEntry
from ..sources.arrays import Arrays

IMAGE = (224, 224)


def draw_page(
    graph: Graph, entry: ZooEntry | None, params: Path | None, inputs: Mapping[str, tuple[int, ...]]
) -> str:
    """Draw a graph as a page.

    Args:
        graph: The graph.
        entry: The network of mappings/zoo/ whose stored graph it is; None for a file's.
        params: Path of a file's arrays; None if there is none, and no shapes are shown.
        inputs: Shapes of the inputs; by default those of the entry, or one image of 224×224.

    Raises:
        GraphError: If the arrays are not those of the graph.
        ParamsFileError: If they cannot be read.
    """
    if entry is not None and params is not None:
        raise GraphError(
            f"{entry.name}: its stored graph has the shapes of its arrays: omit --params"
        )
    if inputs and entry is None and params is None:
        raise GraphError(f"{graph.where}: the shape of an input shows others with --params only")
    if entry is not None:
        stored = load_zoo_graph(entry)
        inputs = {**entry.inputs, **inputs}
        graph = for_inputs(graph, entry.inputs, inputs)
        arrays: Arrays = {n: np.zeros(shape, np.float32) for n, shape in stored.shapes.items()}
        title = entry.name
    elif params is not None:
        title, arrays = Path(graph.where).name, match_names(graph, read_arrays(params)).arrays
        names = input_names(graph, arrays)
        if not inputs and len(names) == 1:
            inputs = {names[0]: (1, *example_shape(graph, arrays, IMAGE))}
    else:
        return to_html(graph, Path(graph.where).name)
    known = input_names(graph, arrays)
    if unknown := [name for name in inputs if name not in known]:
        raise GraphError(f"{title}: has no input {unknown[0]!r}; its inputs are {', '.join(known)}")
    return to_html(graph, title, tuple(arrays), value_shapes(graph, arrays, inputs))
