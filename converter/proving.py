"""The proof: a converted network against what it should equal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .assembly import Converted
from .catalog import Size
from .choices import REFERENCES, SAVED, check_choice
from .clock import Clock
from .compat import has_mxnet
from .keymap import Stage
from .record import Failure, Parity, Record

if TYPE_CHECKING:
    from .graph.reference import GraphReference
    from .report.layers import LayerDifference
    from .saved_reference import SavedReference
    from .sources.gluon import GluonReference


def check_reference(reference: str | os.PathLike[str]) -> None:
    """Refuse what is neither one of the references nor the name of a saved one.

    Raises:
        ValueError: with the choices.
    """
    if not os.fspath(reference).endswith(SAVED):
        check_choice("reference", os.fspath(reference), (*REFERENCES, f"a file {SAVED}"))


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
        from .content import content_sha256
        from .saved_reference import SavedReference

        saved = SavedReference(reference)
        saved.require(name, content_sha256(converted.tensors))
        return saved
    arrays = converted.reference_arrays()
    if reference == "graph":
        from .graph.reference import GraphReference

        return GraphReference(name, arrays, stages)
    from .sources.gluon import GluonReference

    classes = converted.fit.num_classes or 1
    return GluonReference(name, arrays, stages, classes, imperative=keymap.imperative)


def prove(
    converted: Converted,
    reference: str,
    sizes: Sequence[Size] | None = None,
    seed: int = 0,
    clock: Clock | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Parity:
    """Measure parity and insist on it.

    Args:
        sizes: heights and widths of the images; a saved reference has its own images.
        save: a file for what the reference gave, to prove the conversion by elsewhere.

    Raises:
        ParityError: it does not hold.
    """
    if reference == "none":
        return Parity("none", None)
    from .content import content_sha256
    from .parity import measure, random_images, require
    from .saved_reference import RecordingReference

    clock = clock or Clock()
    entry, stages = converted.fit.entry, converted.fit.keymap.stages
    with clock("reference"):
        original = open_reference(converted, reference, stages)
    with clock("parity"):
        try:
            images = getattr(original, "inputs", None) or random_images(
                sizes or [entry.dataset.input_size, entry.dataset.odd_size],
                converted.fit.in_chans,
                seed,
            )
            recording = RecordingReference(original) if save is not None else None
            parity = measure(converted.network(), recording or original, stages, images, seed=seed)
        finally:
            original.close()
    if recording is not None and save is not None:
        recording.save(
            Path(save),
            model=entry.name,
            content_sha256=content_sha256(converted.tensors),
            stages=[stage.name for stage in stages],
        )
    require(parity, entry.name)
    return parity


def write_report(folder: Path, result: Record | Failure, converted: Converted) -> None:
    """Compare the two networks layer by layer, and write the page that shows it.

    A reference that gives no more than the stages has its page without the layers.
    """
    from .report.layers import compare_layers, every_layer
    from .report.page import write_pages

    layers: list[LayerDifference] = []
    if result.parity is not None and result.parity.reference == "gluon":
        wanted = every_layer(converted)
        reference = open_reference(converted, "gluon", wanted)
        try:
            size = converted.fit.entry.dataset.odd_size
            layers = compare_layers(converted, reference, wanted, size)
        finally:
            reference.close()
    write_pages(folder, result, converted, layers)
