"""Fit of a file's arrays to a network, by names, shapes and dtypes; values are not read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..mappings.catalog import Entry, load_catalog
from ..mappings.key_map import MADE_UP, KeyMap, load_keymap
from .assignment import ArraySpec, Assignment, check, refuse, rename
from .dialects import Translation, prefixed_names, translate
from .network_spec import network_specs

_STATISTICS = ("running_mean", "running_var", MADE_UP)
MAX_SIZE = 1 << 24  # upper limit of the number of classes and of image channels
Specs = Mapping[str, ArraySpec]


@dataclass(frozen=True)
class Fit:
    """How a file's arrays fit a network.

    Attributes:
        translation: The file's names in structural form.
        assignments: Structural names → ours.
        targets: Shapes and dtypes of the network's state_dict, in its order.
        num_classes, in_chans: Derived from the shapes of the arrays.
        problems: One line each; empty if the arrays fit.
    """

    entry: Entry
    keymap: KeyMap
    translation: Translation
    assignments: tuple[Assignment, ...]
    targets: Specs
    num_classes: int
    in_chans: int
    problems: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(
            math.prod(spec.shape)
            for name, spec in self.targets.items()
            if not name.endswith(_STATISTICS)
        )

    @property
    def num_features(self) -> int:
        """Number of channels of the last stage, whether there is a classifier or not."""
        default = network_specs(self.entry.name, self.entry.dataset.num_classes, 3)
        return default[f"{load_keymap(self.entry.family).classifier}.weight"].shape[1]

    def require(self) -> Fit:
        """Return this fit if it has no problems.

        Raises:
            KeyMapError: The arrays do not fit; it has all problems.
        """
        refuse(f"the arrays are not those of {self.entry.name}", self.problems)
        return self


def fit(entry: Entry, specs: Specs, *, headless: bool = False) -> Fit:
    """Compare a file's arrays with a network of the catalogue.

    Args:
        specs: Shapes and dtypes, by the names in the file.
        headless: The arrays are those of the trunk alone, without the classifier.

    Raises:
        KeyMapError: Two names in the file mean the same parameter.
    """
    keymap = load_keymap(entry.family)
    if headless:
        keymap = keymap.headless()
    classes = 0 if headless else entry.dataset.num_classes
    default = network_specs(entry.name, classes, 3)
    prefixed = not any("." in name for name in specs)
    translation = translate(specs, prefixed_names(keymap, default) if prefixed else {})
    sources = {translation.names[name]: spec for name, spec in specs.items()}
    assignments, problems = rename(keymap, sources)
    shapes = {a.target: sources[a.source].shape for a in assignments}
    classifier = shapes.get(f"{keymap.classifier}.weight", ())
    first_conv = shapes.get(f"{keymap.first_conv}.weight", ())
    # an implausible size falls back to the default, and is then reported as a wrong shape
    num_classes = classifier[0] if classifier and 0 < classifier[0] < MAX_SIZE else classes
    plausible = len(first_conv) == 4 and 0 < first_conv[1] < MAX_SIZE
    in_chans = first_conv[1] if plausible else 3
    targets = network_specs(entry.name, num_classes, in_chans)
    problems += check(assignments, sources, targets) + _foreign_prefix(entry, translation)
    return Fit(
        entry=entry,
        keymap=keymap,
        translation=translation,
        assignments=tuple(assignments),
        targets=targets,
        num_classes=num_classes,
        in_chans=in_chans,
        problems=tuple(problems),
    )


def _foreign_prefix(entry: Entry, translation: Translation) -> list[str]:
    """Report another network's prefix: names and shapes of v1c and v1d are otherwise the same."""
    owners = {e.name for e in load_catalog().values() if e.prefix == translation.prefix}
    if not translation.prefix or entry.prefix is None or not owners or entry.name in owners:
        return []
    return [f"the names begin with {translation.prefix}, the prefix of another network in GluonCV"]
