"""The proof: a converted network against what it should equal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..mappings.catalog import Size
from ..mappings.choices import SAVED
from ..mappings.key_map import Stage
from ..sources.mxnet_compat import has_mxnet
from ..weights.converted import Converted
from .result import Parity

if TYPE_CHECKING:
    from .gluon_reference import GluonReference
    from .graph_reference import GraphReference
    from .report.layer_differences import LayerDifference
    from .saved_reference import SavedReference


def choose_reference(reference: str | os.PathLike[str]) -> str:
    """`auto` → MXNet where it is installed, else the network's stored graph."""
    if reference == "auto":
        return "gluon" if has_mxnet() else "graph"
    return os.fspath(reference)


def open_reference(
    converted: Converted, reference: str, stages: Sequence[Stage]
) -> GluonReference | GraphReference | SavedReference:
    """What the converted network should equal, at these stages.

    Raises:
        MissingDependencyError: it needs MXNet, which is not at hand.
        GraphError: it needs a graph, which the network does not have.
        ParamsFileError: a saved reference that cannot be read, or is of other weights.
    """
    name, keymap = converted.fit.entry.name, converted.fit.keymap
    if reference.endswith(SAVED):
        from ..weights.content_hash import content_sha256
        from .saved_reference import SavedReference

        saved = SavedReference(reference)
        saved.require(name, content_sha256(converted.tensors))
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
    """Open a reference, measure parity and require it.

    Args:
        reference: one of REFERENCES but `auto`, or a saved reference's path.
        sizes: heights and widths of the images; a saved reference has its own images.
        seed: of the random images.

    Raises:
        ParityError: it does not hold.
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
    """Measure parity against an open reference, which is closed then, and require it.

    Args:
        save: a `.npz` to keep the reference's outputs in, to prove the conversion elsewhere.

    Raises:
        ParityError: it does not hold.
        CheckpointError: `save` cannot be written.
    """
    from ..weights.content_hash import content_sha256
    from .measurement import measure, random_images, require
    from .saved_reference import RecordingReference

    entry, stages = converted.fit.entry, converted.fit.keymap.stages
    recording = RecordingReference(original) if save is not None else None
    try:
        images = getattr(original, "inputs", None) or random_images(
            sizes or [entry.dataset.input_size, entry.dataset.odd_size],
            converted.fit.in_chans,
            seed,
        )
        parity = measure(converted.network(), recording or original, stages, images, seed=seed)
    finally:
        original.close()
    if recording is not None and save is not None:
        recording.save(
            save,
            model=entry.name,
            content_sha256=content_sha256(converted.tensors),
            stages=[stage.name for stage in stages],
        )
    require(parity, entry.name)
    return parity


def write_report(
    folder: Path, facts: Mapping[str, Any], parity: Parity | None, converted: Converted
) -> None:
    """Compare the two networks layer by layer, and write the page that shows it.

    Where the reference has no outputs but those of the stages, the page shows these alone.

    Args:
        facts: the record of the conversion, or of its failure, as `--json` prints it.
        parity: what was measured; None where nothing was.
    """
    from .report.layer_differences import compare_layers, every_layer
    from .report.page import write_pages

    layers: list[LayerDifference] = []
    if parity is not None and parity.reference == "gluon":
        wanted = every_layer(converted)
        reference = open_reference(converted, "gluon", wanted)
        try:
            size = converted.fit.entry.dataset.odd_size
            layers = compare_layers(converted, reference, wanted, size)
        finally:
            reference.close()
    write_pages(folder, facts, parity, converted, layers)
