"""Verification of a file of a graph's network: its hashes, and parity measured again from it."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import fx

from ..checkpoints.metadata import graph_facts_sha256
from ..checkpoints.program import Program, open_program
from ..checkpoints.recorded_facts import RecordedFacts, read_raw_record, read_record
from ..checkpoints.verification import Claims, Verification, hash_file
from ..errors import CheckpointError, GraphError, ImageSizeError, KeyMapError, ParityError
from ..graph.importer import build_module
from ..graph.inputs.image_sizes import for_inputs
from ..graph.inputs.input_spec import InputSpec
from ..graph.inputs.shapes import input_specs
from ..graph.symbols.symbol_writer import symbol_json
from ..mappings.heads import load_heads
from ..mappings.zoo import load_zoo
from ..parity.result import Parity
from ..sources.arrays import Arrays
from ..sources.mxnet_compat import has_mxnet
from ..weights.content_hash import content_sha256
from .graph_conversion import check_sound
from .graph_inputs import with_inputs
from .graph_proof import Network, prove_sizes
from .zoo_conversion import without_threshold

_FAULTS = (CheckpointError, GraphError, ImageSizeError, KeyMapError)


def verify_graph(
    path: str | os.PathLike[str], model: str | None = None, *, reference: str = "auto"
) -> Verification:
    """Compare a file of a graph's network with its record and its name, and measure its parity.

    Parity is not measured if a hash differs.

    Args:
        path: Path of the `.pt2`, `.pth` or `.safetensors`.
        model: Name of the network, if the record is missing.
        reference: `gluon` for MXNet, `none`, or `auto` for MXNet if it is installed.

    Raises:
        MissingDependencyError: If MXNet is not installed.
        CheckpointError: If the file does not exist, its record is invalid, or the reference is one
            of the catalogue's networks.
    """
    path = Path(path)
    if reference == "auto":
        reference = "gluon" if has_mxnet() else "none"
    if reference not in ("gluon", "none"):
        raise CheckpointError(
            f"{path}: a graph's network is compared with MXNet: use `--reference gluon`, or none"
        )
    sha256, size = hash_file(path)
    record, claims = read_record(path) or RecordedFacts(), Claims()
    claims.check_file(path, sha256, record)
    opened, content, parity = None, None, None
    try:
        opened = open_program(path, model)
        facts = read_raw_record(path)
        if (told := facts.get("facts_sha256")) is not None:
            actual = graph_facts_sha256(facts, facts.get("graph"))
            claims.check("facts_sha256", told, actual, "record's hash of its facts")
        content = content_sha256(opened.tensors)
        claims.check("content_sha256", record.content_sha256, content, "content SHA-256")
        if not claims.problems:
            parity = prove_program(opened, reference)
    except ParityError as error:
        parity = error.parity
        claims.problems.append(str(error))
    except _FAULTS as error:
        claims.problems.append(str(error).removeprefix(f"{path}: "))
    name = opened.record.model if opened is not None else None
    return claims.result(path, sha256, size, name, content, parity)


def prove_program(program: Program, reference: str, seed: int = 0) -> Parity:
    """Measure parity of the weights in a file with MXNet, which gets the arrays made from them.

    Args:
        program: The opened file.
        reference: `gluon` or `none`.
        seed: Seed of the inputs' values.

    Raises:
        ParityError: If parity does not hold.
        CheckpointError: If the weights are not those of the graph, or parity does not hold at other
            sizes, which the record says that the network takes.
        KeyMapError: If the weights are invalid.
    """
    module = program.module()
    if reference == "none":
        return Parity("none", None)
    arrays = program.gluon_arrays()
    check_sound(program.graph.where, arrays)
    _widen(module, program, arrays)
    network = Network(
        program.graph,
        arrays,
        symbol_json(program.graph),
        (),
        program.constants,
        detections=program.detections is not None,
        sorted_rows=program.detections == "sorted",
    )
    proof = _proof_inputs(program)
    built = with_inputs(program.graph, module, program.specs, proof)
    entry = load_zoo().get(program.record.model or "")
    head = load_heads()[entry.head] if entry is not None and entry.head is not None else None
    if program.detections == "sorted":
        lowered = without_threshold(network, head, built, seed)
        if lowered is not None:
            network = lowered
            lower = build_module(
                lowered.graph,
                lowered.arrays,
                dtype="float64",
                inputs=program.inputs,
                any_dtype=True,
                constants=program.constants,
            )
            built = with_inputs(program.graph, lower, program.specs, proof)
    parity, reason = prove_sizes(built, network, reference, seed)
    if reason is not None and _has_free_sizes(program):
        raise CheckpointError(
            "the record says that inputs may have other sizes than these, where the network does "
            f"not equal MXNet's: {reason}"
        )
    return parity


def _has_free_sizes(program: Program) -> bool:
    """Whether the record says that sizes other than the batch are free."""
    specs = program.specs
    return any(
        size is None and (each.name not in specs or axis != specs[each.name].batch_axis)
        for each in program.record.inputs or ()
        for axis, size in enumerate(each.shape)
    )


def _widen(module: fx.GraphModule, program: Program, arrays: Arrays) -> None:
    """Convert a file's module to float64, with the graph's constants before the file rounded them.

    Args:
        module: The module, which gets them.
        program: The file.
        arrays: The graph's arrays.
    """
    exact = build_module(
        program.graph,
        arrays,
        dtype="float64",
        inputs=program.inputs,
        any_dtype=True,
        constants=program.constants,
    ).state_dict()
    for name, own in module.double().state_dict().items():
        if torch.equal(exact[name].float(), own.float()):
            own.copy_(exact[name])


def _proof_inputs(program: Program) -> dict[str, InputSpec]:
    """The inputs with which the network is proved: smaller ones where it takes them."""
    entry = load_zoo().get(program.record.model or "")
    if entry is None or dict(program.inputs) != dict(entry.inputs):
        return program.specs
    if for_inputs(program.graph, entry.inputs, entry.proof) != program.graph:
        return program.specs
    given = {name: (shape, "float32") for name, shape in entry.proof.items()}
    return input_specs(program.graph, program.arrays, given)
