"""The networks of mappings/zoo/ as torch modules, for training and for code of your own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import GraphError
from ..files.path_text import path_text
from ..graph.importer import build_module
from ..graph.inputs.image_sizes import for_inputs
from ..graph.inputs.shapes import input_specs
from ..graph.zoo.class_count import dependence, fitted, with_classes
from ..graph.zoo.nms_settings import NmsSettings
from ..graph.zoo.zoo_graph import ZooGraph, load_zoo_graph
from ..graph.zoo.zoo_settings import check_settings, with_settings
from ..mappings.choices import SEEDS, check_choice, check_range
from ..mappings.heads import Head, load_heads
from ..mappings.zoo import ZooEntry, find_network
from ..sources.arrays import Arrays
from ..sources.source import Source
from ..sources.zoo_arrays import load_zoo_arrays
from .graph_conversion import check_sound
from .graph_proof import network_of
from .zoo_conversion import check_network

if TYPE_CHECKING:
    from torch import fx

    from .request import PathLike

MODULE_DTYPES = "float32", "float64"


def create_zoo_model(
    name: str,
    *,
    params: PathLike | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    dtype: str = "float32",
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    nms_thresh: float | None = None,
    score_thresh: float | None = None,
    nms_topk: int | None = None,
    post_nms: int | None = None,
    nms: bool = True,
) -> fx.GraphModule:
    """Create a network of mappings/zoo/ as a torch module in eval mode, without writing a file.

    The module takes the network's inputs and returns its output, or a tuple if there are several,
    as GluonCV's network does in inference. It trains as any other module. A detector needs
    `nms=False` for that, and the boxes of SSD and R-CNN, which MXNet decodes with an operator
    without gradients, do not train. Anchors are buffers.

    Args:
        name: GluonCV's name.
        params: A `.params` file with the weights; by default they are random.
        num_classes: Number of classes; by default that of the file, or GluonCV's for that name. If
            the file has another number, the weights that depend on it are random.
        seed: Seed of random weights. Equal seeds give equal weights on every machine.
        dtype: Data type of the weights: `float32` or `float64`.
        inputs: Shapes of the inputs, by name, with the batch; by default the published ones. In
            segmentation networks they fix the size of the images; other networks run at other
            sizes, too.
        nms_thresh: Setting of a detector's NMS, as in `convert_zoo`.
        score_thresh: Likewise.
        nms_topk: Likewise.
        post_nms: Likewise.
        nms: Whether there is NMS; without it, a detector's outputs are those of all boxes.

    Raises:
        UnknownModelError: If GluonCV has no network of that name.
        GraphError: If the file is that of another network, the network has no such setting, or its
            number of classes cannot be changed.
        ParamsFileError: If the file cannot be read.
        ConversionError: If the file's weights are invalid, such as NaN.
        ValueError: If an argument has an unknown value, or the network is one of the catalogue.
    """
    check_choice("dtype", dtype, MODULE_DTYPES)
    check_range("seed", seed, SEEDS)
    if num_classes is not None and num_classes < 1:
        raise ValueError(f"num_classes={num_classes}: expected 1 or more")
    settings = NmsSettings(nms_thresh, score_thresh, nms_topk, post_nms, nms)
    entry = find_network(name)
    if not isinstance(entry, ZooEntry):
        raise ValueError(f"{entry.name} is a network of the catalogue: use models.create_model")
    head = load_heads()[entry.head] if entry.head is not None else None
    check_settings(entry.name, head, settings)
    stored = load_zoo_graph(entry)
    given = _read(entry, stored, params) if params is not None else {}
    fitting = fitted(stored, head, {key: array.shape for key, array in given.items()})
    if num_classes is not None:
        fitting = _with_count(entry, stored, head, num_classes)
    arrays = _with_random(entry, fitting, given, seed)
    shapes = {**entry.inputs, **(inputs or {})}
    graph = with_settings(for_inputs(fitting.graph, entry.inputs, shapes), head, settings)
    input_specs(graph, arrays, {key: (shape, "float32") for key, shape in shapes.items()})
    fixed = tuple(stored.constants)
    return build_module(graph, arrays, dtype=dtype, inputs=shapes, any_dtype=True, constants=fixed)


def _read(entry: ZooEntry, stored: ZooGraph, params: PathLike) -> Arrays:
    """The arrays of a file, by their names in the graph.

    Raises:
        ConversionError: If they are not those of the network, or are invalid.
    """
    names = check_network(entry, stored, params)
    arrays = load_zoo_arrays(
        entry, stored.shapes, stored.constants, Source("params"), params, names=names
    )
    check_sound(entry.name, arrays)
    arrays = network_of(stored.graph, arrays, dequantize=False).arrays
    if missing := [name for name in stored.shapes if name not in arrays]:
        raise GraphError(
            f"{path_text(params)}: {len(missing)} arrays of {entry.name} are not in the file, such "
            f"as {missing[0]}"
        )
    return arrays


def _with_random(entry: ZooEntry, fitting: ZooGraph, given: Arrays, seed: int) -> Arrays:
    """The given arrays, and random ones where they are missing or have another shape."""
    wanted = fitting.shapes
    if all(name in given and given[name].shape == shape for name, shape in wanted.items()):
        return given
    drawn = load_zoo_arrays(entry, wanted, fitting.constants, Source("random", seed=seed))
    kept = {key: array for key, array in given.items() if wanted.get(key) == array.shape}
    return {**drawn, **kept}


def _with_count(entry: ZooEntry, stored: ZooGraph, head: Head | None, num_classes: int) -> ZooGraph:
    """The stored graph with a number of classes.

    Raises:
        GraphError: If the network has no classes.
    """
    if head is None:
        raise GraphError(f"{entry.name}: this network has no classes; omit num_classes")
    return with_classes(stored, dependence(stored, head), num_classes)
