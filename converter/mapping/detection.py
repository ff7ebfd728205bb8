"""Which network is this file? Read from names and shapes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import UnknownModelError
from ..mappings.catalog import Catalog, Entry, load_catalog
from .dialects import dialect_of
from .fit import Fit, Specs, fit

CLASSIFIER_ARRAYS = 2  # weight and bias
NEAR = 0.5  # a network of whose names and ours fewer than this share differ is worth naming


@dataclass(frozen=True)
class Detection:
    """What a file is.

    Attributes:
        models: the networks that it fits: one, or several that names and shapes do not tell apart,
            or none.
        dialect, prefix: of its names (dialects.py).
        num_classes, in_chans: of the network found; None where there is none.
        why: what was read.
        nearest: where none fits, the network with the fewest differences.
        differs: those differences, a line each.
    """

    models: tuple[str, ...]
    dialect: str
    prefix: str
    num_classes: int | None
    in_chans: int | None
    why: str
    nearest: str | None = None
    differs: tuple[str, ...] = ()


def detect(specs: Specs, *, headless: bool = False) -> Detection:
    """Find the network that arrays are of, by the names in their file.

    Args:
        headless: they are of the trunk alone, without the classifier.

    Raises:
        KeyMapError: two names in the file mean the same parameter.
    """
    catalog = load_catalog()
    plausible = _plausible(catalog, len(specs) + (CLASSIFIER_ARRAYS if headless else 0))
    fits = [fit(entry, specs, headless=headless) for entry in plausible]
    found = _told_apart([each for each in fits if not each.problems])
    if found:
        first = found[0]
        return Detection(
            models=tuple(each.entry.name for each in found),
            dialect=first.translation.dialect,
            prefix=first.translation.prefix,
            num_classes=first.num_classes,
            in_chans=first.in_chans,
            why=_describe(first.entry, len(specs)),
        )
    # the share of names that do not fit, so that small networks have no advantage
    share, closest = min(
        ((len(each.problems) / (len(specs) + len(each.targets)), each) for each in fits),
        key=lambda pair: pair[0],
    )
    nearest = closest if share < NEAR else None
    return Detection(
        models=(),
        dialect=dialect_of(specs),
        prefix=nearest.translation.prefix if nearest else "",
        num_classes=None,
        in_chans=None,
        why=f"{len(specs)} arrays that are of no network known",
        nearest=nearest.entry.name if nearest else None,
        differs=tuple(sorted(nearest.problems)) if nearest else (),
    )


def require_one(detection: Detection, path: object) -> Entry:
    """The one network that a file is of.

    Raises:
        UnknownModelError: it is of none, or of one of several.
    """
    if len(detection.models) == 1:
        return load_catalog()[detection.models[0]]
    if detection.models:
        raise UnknownModelError(
            f"{path}: fits {' and '.join(detection.models)} alike: {detection.dialect} names do "
            "not tell them apart; give the MODEL that it is"
        )
    nearest = (
        f"; the nearest is {detection.nearest}, with {len(detection.differs)} differences "
        f"(`gluon2torch detect` tells them)"
        if detection.nearest
        else ""
    )
    raise UnknownModelError(
        f"{path}: {detection.why}{nearest}; a segmentation, detection or pose network's trunk "
        "converts with `--backbone`"
    )


def _plausible(catalog: Catalog, count: int) -> Iterable[Entry]:
    """The networks that have as many arrays; all, where none has."""
    near = [entry for entry in catalog.values() if entry.arrays == count]
    return near or catalog.values()


def _told_apart(fits: list[Fit]) -> list[Fit]:
    """Of networks that fit alike, the one whose own prefix the names have."""
    by_prefix = [each for each in fits if each.entry.prefix == each.translation.prefix]
    return by_prefix if len(by_prefix) == 1 else fits


def _describe(entry: Entry, count: int) -> str:
    """`267 arrays; block bottleneck, stem deep, layers 3-4-6-3`."""
    options = {**entry.network, **entry.network.get("block_options", {})}
    options.pop("block_options", None)
    shown = []
    for name, value in options.items():
        text = "-".join(map(str, value)) if isinstance(value, list) else value
        shown.append(f"{name.replace('_', ' ')} {text}")
    return f"{count} arrays; {', '.join(shown)}"
