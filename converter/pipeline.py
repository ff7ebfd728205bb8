"""The whole road, spelled once: arrays → names → tensors → proof → file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import keymap as km
from .catalog import Entry, Size, load_catalog
from .compat import has_mxnet
from .errors import MissingDependencyError, ParamsFileError
from .files import write_text
from .record import Parity, Record, Source, to_json
from .sources import params as params_file
from .sources import store

if TYPE_CHECKING:
    from torch import nn

    from .state_dict import Tensors

Arrays = dict[str, np.ndarray[Any, Any]]
REFERENCES = ("auto", "gluon", "none")
INITS = ("pretrained", "random")


def convert(
    model: str,
    *,
    params: str | os.PathLike[str] | None = None,
    init: str = "pretrained",
    seed: int = 0,
    out: str | os.PathLike[str] = "weights",
    reference: str = "auto",
    sizes: Sequence[Size] | None = None,
    progress: store.Progress | None = None,
) -> Record:
    """Convert one network, prove it equal to Gluon's, write it.

    Args:
        model: GluonCV's or the published name.
        params: a `.params` file of your own in place of `init`; any class count.
        init: `pretrained` for the published weights, `random` for random ones.
        seed: of random weights, and of the images that parity is measured with.
        out: the folder to write to.
        reference: what parity is measured against: `gluon`, `none`, or `auto` for `gluon`.
        sizes: heights and widths to measure at; the catalogue's two by default.
        progress: called while the published file is loaded.

    Raises:
        ConversionError: one of its children (errors.py); then no file is written.
    """
    entry = load_catalog().find(model)
    keymap = km.load_keymap(entry.family)
    clock = Clock()
    reference = choose_reference(reference)
    with clock("source"):
        arrays, source = load_arrays(entry, keymap, params, init, seed, progress)
    with clock("map"):
        converted = rename_arrays(entry, keymap, arrays)
    parity = prove(converted, reference, sizes, seed, clock)
    return write(converted, parity, source, Path(out), clock)


@dataclass(frozen=True)
class Converted:
    """Arrays that have become a state_dict, not yet proved.

    Attributes:
        arrays: Gluon's, by structural name.
        tensors: ours, in the network's order; they share memory with the arrays.
        parameters: how many numbers are trainable.
    """

    entry: Entry
    keymap: km.KeyMap
    arrays: Arrays
    tensors: Tensors
    parameters: int
    num_classes: int
    in_chans: int

    def network(self) -> nn.Module:
        """The network with these tensors; it shares memory with them."""
        network = _empty_network(self.entry.name, self.num_classes, self.in_chans)
        network.load_state_dict(self.tensors, assign=True)
        return network


def choose_reference(reference: str) -> str:
    """`auto` → the best reference that is installed.

    Raises:
        MissingDependencyError: there is none.
    """
    if reference == "auto" and not has_mxnet():
        raise MissingDependencyError(
            "parity needs MXNet and GluonCV, which are not installed: "
            "`pip install 'gluon2torch[gluon]'`, or `--reference none` to go without the proof"
        )
    return "gluon" if reference == "auto" else reference


def load_arrays(
    entry: Entry,
    keymap: km.KeyMap,
    params: str | os.PathLike[str] | None,
    init: str,
    seed: int,
    progress: store.Progress | None,
) -> tuple[Arrays, Source]:
    """The arrays by Gluon's structural names, and where they came from."""
    if params is not None:
        return read_weights(params), Source(
            "params", str(params), sha1=store.file_sha1(Path(params))
        )
    if init == "random":
        from .sources.gluon import random_arrays

        arrays = random_arrays(
            entry.name,
            keymap.residual_end[entry.network["block"]],
            seed=seed,
            num_classes=entry.dataset.num_classes,
        )
        return arrays, Source("random", seed=seed)
    if entry.sha1 is None:
        raise ParamsFileError(
            f"{entry.name}: no weights were ever published for it; give a file of yours with "
            "`--params FILE`, or take `--init random`"
        )
    path = store.fetch(entry.name, entry.sha1, progress=progress)
    url = store.published_url(entry.name, entry.sha1)
    return read_weights(path), Source("pretrained", str(path), url, entry.sha1)


def read_weights(path: str | os.PathLike[str]) -> Arrays:
    """A file's arrays, which must all be dense, as weights are."""
    arrays = params_file.read_params(path)
    odd = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if odd:
        raise ParamsFileError(f"{path}: {', '.join(odd)}: no dense array, as weights are")
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _empty_network(name: str, num_classes: int, in_chans: int) -> nn.Module:
    """A network without memory for its weights, which are to be assigned."""
    import torch

    from models import create_model

    with torch.device("meta"):
        return create_model(name, num_classes=num_classes, in_chans=in_chans)


def rename_arrays(entry: Entry, keymap: km.KeyMap, arrays: Arrays) -> Converted:
    """Arrays → the state_dict of a network of their class count and image channels.

    Raises:
        KeyMapError: names, shapes or dtypes do not fit; with every problem.
    """
    from .state_dict import build_state_dict, describe_arrays, describe_network

    sources = describe_arrays(arrays)
    assignments, problems = km.rename(keymap, arrays)
    shapes = {a.target: sources[a.source].shape for a in assignments}
    num_classes = shapes.get(f"{keymap.classifier}.weight", (entry.dataset.num_classes,))[0]
    in_chans = (*shapes.get(f"{keymap.first_conv}.weight", ()), 0, 3)[1]
    network = _empty_network(entry.name, num_classes, in_chans)
    targets = describe_network(network)
    km.refuse(
        f"the arrays are not those of {entry.name}",
        [*problems, *km.check(assignments, sources, targets)],
    )
    tensors = build_state_dict(assignments, arrays, list(targets))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Converted(entry, keymap, arrays, tensors, parameters, num_classes, in_chans)


def prove(
    converted: Converted,
    reference: str,
    sizes: Sequence[Size] | None = None,
    seed: int = 0,
    clock: Clock | None = None,
) -> Parity:
    """Measure parity and insist on it.

    Raises:
        ParityError: it does not hold.
    """
    if reference == "none":
        return Parity("none", None)
    from .parity import measure, require
    from .sources.gluon import GluonReference

    clock = clock or Clock()
    entry, stages = converted.entry, converted.keymap.stages
    with clock("reference"):
        gluon = GluonReference(entry.name, converted.arrays, stages, converted.num_classes)
    with clock("parity"):
        parity = measure(
            converted.network(),
            gluon,
            stages,
            sizes or [entry.dataset.input_size, entry.dataset.odd_size],
            in_chans=converted.in_chans,
            seed=seed,
        )
        gluon.close()
    require(parity, entry.name)
    return parity


def write(converted: Converted, parity: Parity, source: Source, out: Path, clock: Clock) -> Record:
    """Write the checkpoint, and the record beside it."""
    from .checkpoint import content_sha256, write_pth

    entry = converted.entry
    with clock("write"):
        content = content_sha256(converted.tensors)
        written = write_pth(converted.tensors, out, entry.published)
    record = Record(
        model=entry.name,
        name=entry.published,
        family=entry.family,
        file=str(written.path),
        sha256=written.sha256,
        content_sha256=content,
        bytes=written.bytes,
        parameters=converted.parameters,
        num_classes=converted.num_classes,
        source=source,
        parity=parity,
        seconds=clock.seconds(),
    )
    write_text(to_json(record.as_dict()), written.path.with_suffix(".json"))
    return record


class Clock:
    """Wall time by step."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._steps[step] = time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        total = time.perf_counter() - self._start
        return {step: round(value, 3) for step, value in (self._steps | {"total": total}).items()}
