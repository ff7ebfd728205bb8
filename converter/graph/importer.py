"""Import of a graph and its arrays as a torch.fx.GraphModule of torch.nn modules."""

from __future__ import annotations

import operator
import os
import warnings
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import fx, nn

from ..errors import GraphError, ParamsFileError, counted
from ..mappings.choices import as_tuple
from ..sources.arrays import Array, Arrays, bare_name
from ..sources.params import dense_arrays
from .array_names import match_names
from .construction.builder import SOURCE, Builder
from .construction.call import Call
from .inputs.fixed_dtypes import HALF, SINGLE, with_own_dtype
from .inputs.initial_states import with_zero_states
from .inputs.ranks import input_ranks
from .inputs.shapes import check_shapes
from .inputs.training_batch import inference_graph, training_batch
from .layers.norms import use_gluon_statistics
from .operators.unsupported import reason_of
from .registry import find_operator, is_unknown
from .symbols.fusion import unfused
from .symbols.graph_cut import arrays_of, cut, cut_hint, last_outputs
from .symbols.labels import without_labels
from .symbols.roles import gluon_constants, is_marked, optional_inputs
from .symbols.symbol import SHOWN_NAMES, VARIABLE, Graph, Node, read_symbol

DTYPES = ("float32", "float64")
OVERWRITABLE = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm)


def import_graph(
    symbol: str | os.PathLike[str],
    params: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    outputs: Sequence[str] = (),
    gluon_batch_norm: bool = False,
    dequantize: bool = False,
) -> fx.GraphModule:
    """Import an exported MXNet network as a torch module in eval mode.

    Submodules are those of torch.nn wherever it has the layer, with names derived from the graph's
    nodes. The module takes the graph's inputs in the graph's order and returns its head, or a tuple
    if there are several. Labels, which only training uses, are not inputs. A warning says so if
    names in the file differ from the graph's and could still be matched (array_names.py).

    Args:
        symbol: The `-symbol.json`.
        params: The `.params` file that belongs to it.
        dtype: Data type of the weights: `float32` or `float64`; also of what the graph has in
            float16.
        inputs: Shapes of the graph's inputs, by name, for the few operators whose computation
            depends on the number of dimensions where it does not follow from the layers. The
            module runs at other sizes, too. Initial states of recurrent layers are inputs if they
            are named here, and zeros otherwise; without `inputs`, those of fused layers that come
            last in the graph are arguments that may be omitted.
        outputs: Names of the nodes whose values the module returns, in place of the graph's heads;
            `NODE:1` for a node's second output. The rest of the graph need not be supported.
        gluon_batch_norm: Keep the running statistics of BatchNorm as MXNet does in training
            (models/gluon_batch_norm.py); keys and outputs are the same.
        dequantize: Import the float network that a quantized graph stands for, whose weights are
            the integers times their scales (dequantization.py).

    Raises:
        GraphError: If the graph is damaged, contains something unsupported (all problems are
            reported together) or does not match the arrays or `inputs`.
        ParamsFileError: If the arrays cannot be read.
        ValueError: If `dtype` is unknown.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; it must be {' or '.join(DTYPES)}")
    graph = read_symbol(symbol)
    check_shapes(graph, inputs or {})
    found = match_names(graph, read_arrays(params))
    for note in found.notes:
        warnings.warn(f"{os.fspath(params)}: {note}", stacklevel=2)
    graph = cut(graph, as_tuple("outputs", outputs))
    arrays = arrays_of(graph, found.arrays) if outputs else found.arrays
    if dequantize:
        from .dequantization import dequantized

        graph, arrays = dequantized(graph, arrays)
    module = build_module(graph, arrays, dtype=dtype, inputs=inputs)
    if dtype == "float64":
        module.double()  # constants in float32, too, with which weights may be multiplied
    if gluon_batch_norm:
        use_gluon_statistics(module)
    return module


def read_arrays(params: str | os.PathLike[str]) -> Arrays:
    """Read a file's arrays by their names in graphs, which have no `arg:` or `aux:` prefix.

    Raises:
        ParamsFileError: If the file cannot be read, or an array is empty or too large.
    """
    return {bare_name(name): array for name, array in dense_arrays(params).items()}


def build_module(
    graph: Graph,
    arrays: Mapping[str, Array],
    *,
    dtype: str = "float32",
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    any_dtype: bool = False,
    constants: Collection[str] = (),
) -> fx.GraphModule:
    """Build the torch module of a graph that was already read, as `import_graph` does.

    Args:
        arrays: Arrays by their names in the graph.
        dtype: Data type of the weights: `float32` or `float64`.
        inputs: Shapes of the graph's inputs, by name, as far as they are known.
        any_dtype: Whether the module will be converted to other data types: where the graph casts
            to float32, the module casts to the data type of its weights then.
        constants: Names of arrays that are not trained, such as anchors: they become buffers, as
            those do that Gluon's `get_constant` made.

    Raises:
        GraphError: As `import_graph`.
        ParamsFileError: If an array has a data type that no weight has.
    """
    referred = {number for number, _ in graph.heads}
    referred |= {source for node in graph.nodes for source, _ in node.inputs}
    used = {graph.nodes[number].name for number in referred}
    graph = unfused(graph)
    if any(array.dtype.kind == "f" for array in arrays.values()):
        graph = with_own_dtype(graph, SINGLE if any_dtype else HALF, dtype)
    graph = _for_inference(graph, {*arrays, *(inputs or {})}, keep_optional=inputs is None)
    refuse_unknown_operators(graph)
    tensors = {name: _tensor(name, array, dtype) for name, array in arrays.items()}
    constants = {*constants, *gluon_constants(graph)}
    builder = Builder(
        graph, tensors, inputs or {}, getattr(torch, dtype), _nested, constants=constants
    )
    problems = _add_nodes(graph, builder, input_ranks(graph))
    failed = {
        node.name
        for node, values in zip(graph.nodes, builder.values, strict=True)
        if values is None and node.op != VARIABLE
    }
    hint = cut_hint(last_outputs(graph, lambda node: node.name in failed)) if failed else ""
    problems += [f"{name!r}: no node uses this array" for name in arrays if name not in used]
    _refuse(problems, graph, hint)
    heads = _heads(graph, builder)
    builder.graph.output(heads[0] if len(heads) == 1 else heads)
    erase_unused(builder.graph)
    work_in_place(builder)
    return fx.GraphModule(builder.root, builder.graph).eval()


def _for_inference(graph: Graph, given: set[str], *, keep_optional: bool) -> Graph:
    """A graph without labels, and with zeros as initial states but for given or optional ones."""
    batch, graph = training_batch(graph), inference_graph(graph)
    if keep_optional:
        given = given | {graph.nodes[number].name for number in optional_inputs(graph)}
    return with_zero_states(graph, given, batch)


def _nested(
    graph: Graph,
    tensors: Mapping[str, torch.Tensor],
    ranks: Mapping[str, int | None],
    dtype: torch.dtype,
) -> Builder:
    """Build a graph that a node contains; its output is a tuple."""
    graph = unfused(graph)
    builder = Builder(graph, tensors, {}, dtype, _nested, is_nested=True)
    known: dict[int, int | None] = dict(input_ranks(graph))
    for number, node in enumerate(graph.nodes):
        known[number] = ranks.get(node.name) or known.get(number)
    _refuse(_add_nodes(graph, builder, known), graph)
    builder.graph.output(_heads(graph, builder))
    erase_unused(builder.graph)
    work_in_place(builder)
    return builder


def _add_nodes(graph: Graph, builder: Builder, ranks: Mapping[int, int | None]) -> list[str]:
    """Add all nodes of MXNet's graph; returns what is wrong with them."""
    problems: list[str] = []
    for number, node in enumerate(graph.nodes):
        try:
            builder.values.append(_values(node, number, builder, ranks))
        except GraphError as error:
            problems.append(str(error))
            builder.values.append(None)
    return problems


def _refuse(problems: list[str], graph: Graph, hint: str = "") -> None:
    if problems:
        summary = f"{graph.where}: cannot be imported ({counted(problems)}){hint}:"
        raise GraphError(summary, problems)


def erase_unused(graph: fx.Graph) -> None:
    """Erase the nodes that have no users, from the last to the first, and so what led only to them.

    Such are values of arrays that a layer then took as its parameters, and outputs of a node that
    the graph does not use. Inputs stay.
    """
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)


def work_in_place(builder: Builder) -> None:
    """Make each ReLU in-place where it is the only user of its input, as hand-written networks do.

    Training must not need the overwritten input either. This holds for the outputs of
    convolutions, norms and sums.
    """
    for node in builder.graph.nodes:
        if node.op != "call_module" or len(node.all_input_nodes) != 1:
            continue
        layer, (source,) = builder.root.get_submodule(node.target), node.all_input_nodes
        overwritable = len(source.users) == 1 and (
            source.target is operator.add
            if source.op == "call_function"
            else source.op == "call_module"
            and isinstance(builder.root.get_submodule(source.target), OVERWRITABLE)
        )
        if isinstance(layer, nn.ReLU) and overwritable:
            layer.inplace = True


def refuse_unknown_operators(graph: Graph) -> None:
    """Require that all operators of a graph are supported.

    Raises:
        GraphError: If some are not; lists all of them with their nodes.
    """
    if unknown := unknown_operators(graph):
        lines = []
        for op, names in unknown.items():
            more = ", …" if len(names) > SHOWN_NAMES else ""
            reason = reason_of(op)
            lines.append(
                f"{len(names)} × {op} ({', '.join(names[:SHOWN_NAMES])}{more})"
                + (f": {reason}" if reason else "")
            )
        hint = cut_hint(last_outputs(graph, is_unknown))
        raise GraphError(f"{graph.where}: unsupported operators{hint}:", lines)


def unknown_operators(graph: Graph) -> dict[str, list[str]]:
    """Map each unsupported operator to the names of its nodes, but for nodes of labels."""
    unknown: defaultdict[str, list[str]] = defaultdict(list)
    for node in without_labels(graph).operators():
        if find_operator(node) is None:
            unknown[node.written_op].append(node.name)
    return dict(unknown)


def _values(
    node: Node, number: int, builder: Builder, ranks: Mapping[int, int | None]
) -> tuple[fx.Node, ...] | None:
    """A node's outputs.

    They are empty for an array, which becomes a value on first use, and None for a node that
    depends on a failed one.
    """
    if node.op == VARIABLE:
        if node.name in builder.tensors:
            return ()
        if is_marked(node) and not builder.is_nested:
            raise GraphError(f"array {node.name!r} is not in the .params file")
        return (builder.placeholder(node.name, ranks.get(number), number in builder.optional),)
    if any(builder.values[source] is None for source, _ in node.inputs):
        return None
    call = Call(node, builder)
    function = find_operator(node)
    assert function is not None, "unknown operators are refused before"
    result = function(call)
    call.check_all_taken()
    results = result if isinstance(result, tuple) else (result,)
    for output, value in enumerate(results):
        value.meta.setdefault(SOURCE, (node, output))  # one that does nothing returns its input
    return results


def _heads(graph: Graph, builder: Builder) -> tuple[fx.Node, ...]:
    return tuple(Call(Node("head", "of the graph", {}, graph.heads), builder).values())


def _tensor(name: str, array: Array, dtype: str) -> torch.Tensor:
    if array.dtype.kind not in "fiub" or array.dtype in (np.uint16, np.uint32, np.uint64):
        raise ParamsFileError(f"{name}: is {array.dtype}, which is not a data type of weights")
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    # copy: arrays are views into the file, on which the module must not depend
    kind = getattr(torch, dtype) if tensor.is_floating_point() else tensor.dtype
    return tensor.to(kind, copy=True)
