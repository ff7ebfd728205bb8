"""Do these arrays make that network? Names, shapes and dtypes alone; no value is looked at."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from ..mappings.catalog import Entry, load_catalog
from ..mappings.key_map import KeyMap, load_keymap
from .assignment import ArraySpec, Assignment, check, refuse, rename
from .dialects import Translation, prefixed_names, translate

MAX_SIZE = 1 << 24  # classes, or channels of images
Specs = Mapping[str, ArraySpec]


@dataclass(frozen=True)
class Fit:
    """How a file's arrays fit a network.

    Attributes:
        translation: the file's names in structural form.
        assignments: structural names → ours.
        targets: the network's state_dict, in its order.
        parameters: how many numbers are trainable.
        num_classes, in_chans: read off the arrays.
        problems: a line each; none where they fit.
    """

    entry: Entry
    keymap: KeyMap
    translation: Translation
    assignments: tuple[Assignment, ...]
    targets: Specs
    parameters: int
    num_classes: int
    in_chans: int
    problems: tuple[str, ...]

    def require(self) -> Fit:
        """This fit, if it is one.

        Raises:
            KeyMapError: with every problem.
        """
        refuse(f"the arrays are not those of {self.entry.name}", self.problems)
        return self


def fit(entry: Entry, specs: Specs, *, headless: bool = False) -> Fit:
    """Hold a file's arrays, by the names in it, against a network of the catalogue.

    Args:
        headless: the arrays are of the trunk alone, without the classifier.

    Raises:
        KeyMapError: two names in the file mean the same parameter.
    """
    keymap = load_keymap(entry.family)
    if headless:
        keymap = keymap.headless()
    classes = 0 if headless else entry.dataset.num_classes
    default, _ = _network(entry.name, classes, 3)
    translation = translate(specs, prefixed_names(keymap, default))
    sources = {translation.names[name]: spec for name, spec in specs.items()}
    assignments, problems = rename(keymap, sources)
    shapes = {a.target: sources[a.source].shape for a in assignments}
    classifier = shapes.get(f"{keymap.classifier}.weight", ())
    first_conv = shapes.get(f"{keymap.first_conv}.weight", ())
    # a size that no network has is told as a shape that differs
    num_classes = classifier[0] if classifier and 0 < classifier[0] < MAX_SIZE else classes
    plausible = len(first_conv) == 4 and 0 < first_conv[1] < MAX_SIZE
    in_chans = first_conv[1] if plausible else 3
    targets, parameters = _network(entry.name, num_classes, in_chans)
    problems += check(assignments, sources, targets) + _foreign_prefix(entry, translation)
    return Fit(
        entry=entry,
        keymap=keymap,
        translation=translation,
        assignments=tuple(assignments),
        targets=targets,
        parameters=parameters,
        num_classes=num_classes,
        in_chans=in_chans,
        problems=tuple(problems),
    )


@functools.lru_cache(maxsize=128)
def _network(name: str, num_classes: int, in_chans: int) -> tuple[Specs, int]:
    from .network_spec import describe_network, empty_network

    network = empty_network(name, num_classes, in_chans)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return describe_network(network), parameters


def _foreign_prefix(entry: Entry, translation: Translation) -> list[str]:
    """v1c and v1d have the same prefixed names and shapes: only the net's prefix differs."""
    owners = {e.name for e in load_catalog().values() if e.prefix == translation.prefix}
    if not translation.prefix or entry.prefix is None or not owners or entry.name in owners:
        return []
    return [f"the names begin with {translation.prefix}, which GluonCV calls another network's"]
