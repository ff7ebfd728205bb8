"""Entry points for torch.hub: one for each network, by its published name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ..mappings.catalog import Entry, load_catalog
from ..mappings.zoo import find_in_catalog
from ..models import create_model
from .published_weights import fetch_weights

if TYPE_CHECKING:
    from ..models import ResNet

EntryPoint = Callable[..., "ResNet"]


def entry_points() -> dict[str, EntryPoint]:
    """The published names → functions that build the networks."""
    return {entry.published: _entry_point(entry) for entry in load_catalog().values()}


def _entry_point(entry: Entry) -> EntryPoint:
    def build(pretrained: bool = False, progress: bool = True, **options: Any) -> ResNet:
        if not pretrained:
            network: ResNet = create_model(entry.name, **options)
            return network
        return load_published(entry.name, progress=progress, **options)

    accuracy = "" if entry.top1 is None else f"; top-1 {entry.top1:.2f} % as published"
    build.__name__ = build.__qualname__ = entry.published
    build.__doc__ = f"""Gluon's {entry.name}: {entry.parameters / 1e6:.1f} M parameters{accuracy}.

    Args:
        pretrained: load the published weights, in eval mode; by default the network is untrained.
            With a different `num_classes` the classifier stays untrained.
        progress: show the download on stderr.
        options: num_classes, in_chans, features_only, output_stride … (models/factory.py).
    """
    return build


def load_published(name: str, *, progress: bool = True, **options: Any) -> ResNet:
    """Load a network with its published weights, in eval mode.

    Args:
        name: GluonCV's name or the published one.
        progress: Show the download on stderr.
        options: Passed to `models.create_model`. With a different `num_classes` than the published
            one, the classifier stays untrained.

    Raises:
        UnknownModelError: No network has that name.
        DownloadError: The weights cannot be fetched, or are not the published ones.
        KeyMapError: They do not fit the network that the options describe.
    """
    from ..checkpoints.checkpoint import open_checkpoint
    from ..files.progress_bar import working

    entry = find_in_catalog(name)
    with working(entry.published, task="loading") if progress else nullcontext() as show:
        path = fetch_weights(entry, show)
    return open_checkpoint(path, entry.name).network(**options)
