"""The parity proof of a converted network: choose a reference, measure, report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files.stages import announce_map_proof, announce_proof
from ..mappings.catalog import Size
from ..mappings.choices import REFERENCES, SAVED
from ..mappings.key_map import Stage
from ..sources.mxnet_compat import has_mxnet
from ..weights.converted import Converted
from .result import Parity

if TYPE_CHECKING:
    from .gluon_reference import GluonReference
    from .graph_reference import GraphReference
    from .report.layer_differences import LayerDifference
    from .saved_reference import SavedReference


# maps that were proved in this run, by network, class count, channels and reference
_PROVED_MAPS: dict[tuple[str, int, int, str], Parity] = {}


def choose_reference(reference: str | os.PathLike[str]) -> str:
    """Resolve `auto`: MXNet where it is installed, otherwise the network's stored graph.

    Raises:
        ValueError: If it is neither one of REFERENCES nor the path of a `.npz`.
    """
    if reference == "auto":
        return "gluon" if has_mxnet() else "graph"
    text = os.fspath(reference)
    if text not in REFERENCES and not text.endswith(SAVED):
        raise ValueError(
            f"reference is {text!r}; it must be one of {', '.join(REFERENCES)}, or a FILE{SAVED}"
        )
    return text


def open_reference(
    converted: Converted, reference: str, stages: Sequence[Stage]
) -> GluonReference | GraphReference | SavedReference:
    """Open the reference of a converted network.

    Args:
        converted: The converted network.
        reference: `gluon`, `graph`, or the path of a saved reference.
        stages: Stages whose outputs the reference returns.

    Raises:
        MissingDependencyError: If the reference needs MXNet, which is not installed.
        GraphError: If the reference needs a stored graph, which the network does not have.
        ParamsFileError: If a saved reference cannot be read or belongs to other weights.
    """
    name, keymap = converted.fit.entry.name, converted.fit.keymap
    if reference.endswith(SAVED):
        from ..weights.content_hash import content_sha256
        from .saved_reference import SavedReference

        saved = SavedReference(reference)
        saved.require(
            name,
            content_sha256(converted.values),
            stages=[stage.name for stage in stages],
            dtypes=("float32",) if keymap.imperative else ("float64", "float32"),
            in_chans=converted.fit.in_chans,
        )
        return saved
    arrays = converted.reference_arrays()
    if reference == "graph":
        from .graph_reference import GraphReference

        return GraphReference(name, arrays, stages)
    from .gluon_reference import GluonReference

    classes = converted.fit.num_classes or 1
    return GluonReference(name, arrays, stages, classes, imperative=keymap.imperative)


def prove(
    converted: Converted,
    reference: str,
    sizes: Sequence[Size] | None = None,
    seed: int = 0,
) -> Parity:
    """Open a reference, measure parity and raise an error unless it holds.

    Args:
        converted: The converted network.
        reference: One of REFERENCES except `auto`, or the path of a saved reference.
        sizes: Heights and widths of the images, in pixels; a saved reference contains its images.
        seed: Seed of the random images.

    Raises:
        ParityError: If parity does not hold.
    """
    if reference == "none":
        return Parity("none", None)
    original = open_reference(converted, reference, converted.fit.keymap.stages)
    return prove_against(converted, original, sizes, seed)


def prove_against(
    converted: Converted,
    original: GluonReference | GraphReference | SavedReference,
    sizes: Sequence[Size] | None = None,
    seed: int = 0,
    save: Path | None = None,
) -> Parity:
    """Measure parity with an open reference, close it, and raise an error unless parity holds.

    It is measured with the network's own weights, and then with random ones (map_proof.py).

    Args:
        converted: The converted network.
        original: The reference; it is closed afterwards.
        sizes: Heights and widths of the images, in pixels; by default the data set's two sizes.
        seed: Seed of the random images.
        save: A `.npz` to save the reference's outputs to, to prove the conversion elsewhere.

    Raises:
        ParityError: If parity does not hold.
        CheckpointError: If `save` cannot be written.
    """
    from ..weights.content_hash import content_sha256
    from .map_proof import draw_network, map_images, measure_map
    from .measurement import measure, random_images
    from .requirement import require
    from .saved_reference import RecordingReference, SavedReference

    entry, stages = converted.fit.entry, converted.fit.keymap.stages
    recording = RecordingReference(original) if save is not None else None
    key = (entry.name, converted.fit.num_classes, converted.fit.in_chans, original.name)
    # saved outputs differ from file to file, and those of the map's half are soon compared
    cached = recording is None and not isinstance(original, SavedReference)
    try:
        if isinstance(original, SavedReference):
            images, small = original.inputs, original.map_inputs
        else:
            sizes = sizes or [entry.dataset.input_size, entry.dataset.odd_size]
            images = random_images(sizes, converted.fit.in_chans, seed)
            small = map_images(converted)
        network = converted.network()
        parity = measure(
            network, recording or original, stages, images, seed=seed, announce=announce_proof
        )
        network.to("meta")  # frees the memory of the weights, which measure_map replaces
        require(parity, entry.name)
        converted.require_placed()
        map_proof = _PROVED_MAPS.get(key) if cached else None
        if map_proof is None:
            announce_map_proof()
            drawn = draw_network(converted, uniform=True)
            if isinstance(original, SavedReference):
                original.require_map(content_sha256(drawn.values))
            map_proof = measure_map(drawn, network, recording or original, small)
    finally:
        original.close()
    parity = replace(parity, passed=map_proof.passed, map_proof=map_proof)
    require(parity, entry.name)
    if cached:
        _PROVED_MAPS[key] = map_proof
    if recording is not None and save is not None:
        recording.save(
            save,
            model=entry.name,
            content_sha256=content_sha256(converted.values),
            map_content_sha256=content_sha256(drawn.values),
            stages=[stage.name for stage in stages],
        )
    return parity


def prove_training(converted: Converted, parity: Parity) -> Parity:
    """Compare the network with GluonCV's in training, and raise an error unless they are equal.

    Both are trained from random weights (map_proof.py): a user's need not be well conditioned.

    Args:
        converted: The converted network.
        parity: Its measured parity, to which the comparison is added.

    Raises:
        ParityError: If the two train differently.
        MissingDependencyError: If MXNet is not installed.
    """
    from .map_proof import draw_network
    from .requirement import require
    from .training_parity import measure_training

    fit = converted.fit
    training = measure_training(
        draw_network(converted), fit.entry.dataset.small_size, imperative=fit.keymap.imperative
    )
    parity = replace(parity, passed=training.passed, training=training)
    require(parity, fit.entry.name)
    return parity


def write_report(
    folder: Path, facts: Mapping[str, Any], parity: Parity | None, converted: Converted
) -> None:
    """Compare the two networks layer by layer and write the report page.

    The page shows only stages where the reference is not `gluon`, since others have no layer
    outputs.

    Args:
        folder: Folder of the report.
        facts: The record of the conversion, or of its failure, as `--json` prints it.
        parity: The measured parity; None if it was not measured.
        converted: The converted network.
    """
    from .report.layer_differences import compare_layers, every_layer
    from .report.page import write_pages

    layers: list[LayerDifference] = []
    if parity is not None and parity.reference == "gluon":
        every = every_layer(converted)
        reference = open_reference(converted, "gluon", every)
        try:
            size = converted.fit.entry.dataset.odd_size
            layers = compare_layers(converted, reference, every, size)
        finally:
            reference.close()
    write_pages(folder, facts, parity, layers, converted=converted)
