"""The network of an exported graph, and its parity with MXNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ConversionError, ImageSizeError, ParityError
from ..files.stages import announce_proof
from ..graph.array_names import match_names
from ..graph.dequantization import dequantized
from ..graph.inputs.image_sizes import Shapes, for_inputs
from ..graph.inputs.input_spec import Specs
from ..graph.symbols.float64_operators import replaced_operators
from ..graph.symbols.fusion import is_quantized, unfused
from ..graph.symbols.graph_cut import arrays_of, cut
from ..graph.symbols.labels import without_labels
from ..graph.symbols.precision import limits, without_float64
from ..graph.symbols.symbol import FUSED, Graph
from ..graph.symbols.symbol_edits import ROI_ALIGN, SYNC_BATCH_NORM
from ..graph.symbols.symbol_writer import symbol_json
from ..mappings.choices import SAVED
from ..parity.exported_reference import ExportedReference
from ..parity.head_measurement import (
    draw_inputs,
    inexact_weights,
    measure_heads,
    restore_weights,
)
from ..parity.node_differences import Measured
from ..parity.requirement import require
from ..parity.result import Parity
from ..parity.saved_heads import RecordingHeads, SavedHeads
from ..parity.wrong_node import WrongNode, find_wrong_node
from ..sources.arrays import Arrays
from .graph_inputs import BuiltGraph

FIRST_SHARE = 0.6  # of the work of a proof: the first sizes, where there are further ones


@dataclass(frozen=True)
class Network:
    """A graph with arrays of the same names.

    Attributes:
        graph: The graph, without oneDNN's fused nodes of real numbers.
        arrays: Its arrays, by name.
        text: The graph in MXNet's format, if MXNet is to run another than that of its file.
        notes: How names of arrays were matched.
        constants: Names of the arrays that are not trained, such as anchors.
        detections: Whether the outputs are detections.
        sorted_rows: Whether detections are sorted by their scores, as NMS leaves them.
        num_classes: Number of classes, if it is known before the network runs.
        shapes: Of a network whose graph fixes sizes that follow the images' size, the shapes of the
            inputs that the graph is for.
    """

    graph: Graph
    arrays: Arrays
    text: str | None
    notes: tuple[str, ...]
    constants: tuple[str, ...] = ()
    detections: bool = False
    sorted_rows: bool = True
    num_classes: int | None = None
    shapes: Shapes | None = None

    def at(self, specs: Specs) -> Network:
        """The network whose graph is for other inputs, if sizes in it follow theirs."""
        if self.shapes is None:
            return self
        shapes = {name: spec.shape for name, spec in specs.items()}
        graph = for_inputs(self.graph, self.shapes, shapes)
        return replace(self, graph=graph, text=symbol_json(graph), shapes=shapes)

    @property
    def detection_order(self) -> str | None:
        """Of detections, whether they are `sorted` by score, or `all`; None of other outputs."""
        if not self.detections:
            return None
        return "sorted" if self.sorted_rows else "all"


def network_of(
    graph: Graph, arrays: Arrays, *, dequantize: bool, outputs: Sequence[str] = ()
) -> Network:
    """Match the arrays of a file to its graph.

    Args:
        outputs: Names of the nodes up to which the graph is taken; all of it by default.
        dequantize: Take the float network that the graph, which is quantized, stands for.

    Raises:
        GraphError: If the arrays do not belong to the graph, or it cannot be dequantized.
    """
    named = match_names(graph, arrays)
    graph = cut(graph, outputs)
    fused = [node for node in graph.nodes if node.op.startswith(FUSED)]
    graph, arrays = unfused(graph), arrays_of(graph, named.arrays) if outputs else named.arrays
    if dequantize:
        graph, arrays = dequantized(graph, arrays)
    # MXNet computes fused nodes in float32 only, and their layers in float64, too
    rewritten = dequantize or outputs or (fused and not any(map(is_quantized, fused)))
    return Network(graph, arrays, symbol_json(graph) if rewritten else None, named.notes)


def prove_sizes(
    built: BuiltGraph, network: Network, reference: str, seed: int, save: Path | None = None
) -> tuple[Parity, str | None]:
    """Measure parity with MXNet, also with images of further sizes, in the first data type.

    Returns:
        The parity, and the reason why it does not hold at the further sizes; None if it does.

    Raises:
        ConversionError: As `prove_graph`.
    """
    share = FIRST_SHARE if built.further else 1.0
    exact = inexact_weights(built.module)
    parity = prove_graph(built, network, reference, seed, save, share=(0.0, share))
    if reference == "none" or not built.further:
        return parity, None
    if reference.endswith(SAVED):
        return parity, "the saved reference has no others"
    # a graph of fixed sizes is another for each
    parts = [built.further] if network.shapes is None else [[each] for each in built.further]
    step = (1.0 - share) / len(parts)
    for number, examples in enumerate(parts):
        others = replace(built, examples=examples)
        start = share + step * number
        restore_weights(built.module, exact)
        try:
            further = prove_graph(
                others,
                network.at(examples[0]),
                reference,
                seed,
                allowed=first_allowed(network),
                share=(start, start + step),
            )
        except (ParityError, ImageSizeError) as error:
            return parity, str(error)
        parity = replace(parity, checks=(*parity.checks, *further.checks))
    return parity, None


def prove_graph(
    built: BuiltGraph,
    network: Network,
    reference: str,
    seed: int,
    save: Path | None = None,
    *,
    allowed: Mapping[str, float] | None = None,
    share: tuple[float, float] = (0.0, 1.0),
) -> Parity:
    """Measure parity with MXNet and raise an error unless it holds.

    Args:
        built: The imported module and the inputs to measure.
        network: The network that MXNet runs.
        reference: `gluon`, `none`, or the path of a saved reference.
        seed: Seed of the inputs' values.
        save: A `.npz` to save MXNet's outputs to, to prove the conversion elsewhere.
        allowed: Largest allowed differences by data type; by default those of the graph.
        share: Which part of the whole proof this is, from its beginning to its end.

    Raises:
        ParityError: If parity does not hold.
        ImageSizeError: If MXNet cannot run the network on these inputs.
        MissingDependencyError: If MXNet is not installed.
        ParamsFileError: If a saved reference cannot be read, or belongs to another network.
        CheckpointError: If `save` cannot be written.
    """
    if reference == "none":
        return Parity("none", None)
    graph, allowed = network.graph, allowed or _allowed(network)
    inputs = draw_inputs(built.examples, seed)
    original: SavedHeads | ExportedReference
    if reference.endswith(SAVED):
        original = SavedHeads(reference)
        original.require(graph, network.arrays, built.examples, allowed)
        inputs = original.inputs
    else:
        original = ExportedReference(
            graph.where, network.arrays, tuple(allowed), network.text, any_dtype=True
        )
    recording = RecordingHeads(original)
    exact = inexact_weights(built.module)
    parity = measure_heads(
        built.module,
        recording,
        built.examples,
        allowed,
        inputs=inputs,
        seed=seed,
        any_order=network.detections and network.sorted_rows,
        announce=lambda what, done: announce_proof(what, share[0] + done * (share[1] - share[0])),
    )
    wrong = None
    if not parity.passed and isinstance(original, ExportedReference):
        restore_weights(built.module, exact)
        wrong = _wrong_node(built, network, inputs[0])
    require(parity, Path(graph.where).name, wrong)
    if save is not None:
        recording.save(save, graph, network.arrays, inputs)
    return parity


def first_allowed(network: Network) -> dict[str, float]:
    """The largest allowed difference in the data type that is compared first."""
    dtype, limit = next(iter(_allowed(network).items()))
    return {dtype: limit}


def _allowed(network: Network) -> dict[str, float]:
    """The largest allowed difference by data type."""
    allowed = limits(without_labels(network.graph))
    if network.detections and "float64" in allowed:
        # the rounding of float32 can put nearly equal scores in another order
        return {"float64": allowed["float64"]}
    return allowed


def _wrong_node(built: BuiltGraph, network: Network, inputs: Arrays) -> WrongNode | None:
    """The first node that differs; None if MXNet cannot compute the values of all nodes."""
    measured = Measured(network.graph, network.arrays, network.constants)
    with suppress(ConversionError):
        return find_wrong_node(measured, built.module, inputs)
    return None


def reference_notes(network: Network) -> tuple[str, ...]:
    """What MXNet computed otherwise than the graph says, so that the proof could be exact."""
    nodes, notes = list(network.graph.operators()), []
    in_float64 = "float64" in _allowed(network)
    if any(node.op == ROI_ALIGN for node in nodes):
        notes.append(
            "for the proof, MXNet's ROIAlign pooled all boxes, and the results for batch index -1 "
            "were set to 0: MXNet 1.9.1 does not write them"
        )
    if any(node.op == SYNC_BATCH_NORM for node in nodes) and in_float64:
        notes.append(
            "the proof in float64 computed SyncBatchNorm, which MXNet has in float32 only, as "
            "BatchNorm"
        )
    replaced = replaced_operators(network.graph)
    if replaced and in_float64:
        notes.append(
            f"the proof in float64 computed {', '.join(replaced)} by other operators of MXNet, "
            "which has them in float32 alone"
        )
    if any(node.op == "Cast" and node.attributes.get("dtype") == "float32" for node in nodes):
        notes.append("the proof in float64 computed in float64 what the graph casts to float32")
    if only := without_float64(without_labels(network.graph)):
        notes.append(
            f"outputs were compared in float32 only: MXNet does not compute {', '.join(only)} in "
            "float64"
        )
    if network.detections and network.sorted_rows:
        notes.append("detections of exactly equal scores were compared in any order")
    if network.detections and in_float64:
        notes.append("all outputs were compared in float64 only")
    return tuple(notes)
