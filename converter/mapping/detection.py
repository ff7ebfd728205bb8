"""Detection of a file's network from the names and shapes of its arrays."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import UnknownModelError
from ..mappings.catalog import Entry, load_catalog
from ..mappings.network_table import load_network_table
from .dialects import dialect_of, plain_name
from .fit import Fit, Specs, fit

CLASSIFIER_ARRAYS = 2  # weight and bias
_PARAMETER = re.compile("(weight|bias|gamma|beta|running_mean|running_var)$")
ANY_NETWORK = (
    "; to convert any other network, pass the -symbol.json that was exported with it as `--symbol`"
)
SAVED_PARAMETERS = (
    "; `save_parameters` writes such names, which belong to no graph: to convert any other "
    "network, load the file into it in MXNet (`load_parameters`), `export` it, and pass both files "
    "with `--symbol auto --params`"
)
NEAR = 0.5  # report a nearest network if less than this share of the names has problems


@dataclass(frozen=True)
class Detection:
    """The network that a file was detected to contain.

    Attributes:
        models: Networks that it fits: one, several that names and shapes do not distinguish, or
            none.
        dialect, prefix: Of its names (dialects.py).
        num_classes, in_chans: Of the network found; None if there is none, or it is not known.
        why: What the result is based on.
        nearest: If none fits, the network with the smallest share of differences, if small enough.
        differs: Those differences, one line each.
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
    """Detect the network that arrays belong to.

    Args:
        specs: Shapes and dtypes, by the names in the file.
        headless: The arrays are those of the trunk alone, without the classifier.

    Raises:
        KeyMapError: Two names in the file mean the same parameter.
    """
    count = len(specs) + (CLASSIFIER_ARRAYS if headless else 0)
    matching = [entry for entry in load_catalog().values() if entry.arrays == count]
    fits = [fit(entry, specs, headless=headless) for entry in matching]
    found = _matching_prefix([each for each in fits if not each.problems])
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
    nearest = _nearest(fits, specs)
    if nearest is None:  # arrays are missing, or there are others beside its own
        others = _candidates(specs, headless)
        nearest = _nearest([fit(entry, specs, headless=headless) for entry in others], specs)
    return Detection(
        models=(),
        dialect=dialect_of(specs),
        prefix=nearest.translation.prefix if nearest else "",
        num_classes=None,
        in_chans=None,
        why=f"{len(specs)} arrays that match no known network",
        nearest=nearest.entry.name if nearest else None,
        differs=tuple(sorted(nearest.problems)) if nearest else (),
    )


def require_one(
    detection: Detection, path: object, advice: str = "", option: str = "MODEL"
) -> Entry:
    """Return the single network of the catalogue that a file fits.

    Args:
        path: Of the file, for error messages.
        advice: How to convert a file that fits none, as the end of a sentence.
        option: What names the network on the command line.

    Raises:
        UnknownModelError: It fits none, or several, or one of GluonCV's other networks.
    """
    catalog = load_catalog()
    if detection.models and detection.models[0] not in catalog:
        raise UnknownModelError(
            f"{path}: fits {' and '.join(detection.models)}, which is converted as a graph, by its "
            "name: pass MODEL (in Python, convert_zoo)"
        )
    if len(detection.models) == 1:
        return catalog[detection.models[0]]
    if detection.models:
        raise UnknownModelError(
            f"{path}: fits {' and '.join(detection.models)} equally: {detection.dialect} names do "
            f"not distinguish them; pass {option} to choose one"
        )
    nearest = (
        f"; the nearest is {detection.nearest}, with {len(detection.differs)} differences "
        f"(`gluon2torch detect` lists them)"
        if detection.nearest
        else ""
    )
    others = SAVED_PARAMETERS if detection.dialect == "structural" else ANY_NETWORK
    raise UnknownModelError(f"{path}: {detection.why}{nearest}{advice or others}")


def _nearest(fits: Iterable[Fit], specs: Specs) -> Fit | None:
    """The network with the smallest share of differences, if it is small enough.

    It is the share, not the count, so that small networks have no advantage.
    """
    shares = [(len(each.problems) / (len(specs) + len(each.targets)), each) for each in fits]
    share, closest = min(shares, key=lambda pair: pair[0], default=(NEAR, None))
    return closest if share < NEAR else None


def _candidates(specs: Specs, headless: bool) -> Iterable[Entry]:
    """Return the networks that can be near."""
    parameters = _parameters(specs)
    return [each for each in load_catalog().values() if _can_be_near(each, parameters, headless)]


def _can_be_near(entry: Entry, parameters: Counter[str], headless: bool) -> bool:
    """Whether the numbers of weights, biases … alone do not already make too many differences.

    Only a weight can be a network's weight, so each that one of the two lacks is a difference.
    """
    own = _own_parameters(entry.name, headless)
    differences = (own - parameters).total() + (parameters - own).total()
    most_targets = own.total() * 5 / 4  # a norm has four arrays, and five tensors
    return differences < NEAR * (parameters.total() + most_targets)


@functools.cache
def _own_parameters(name: str, headless: bool) -> Counter[str]:
    return _parameters(load_network_table(name).array_shapes(0 if headless else 1, 3))


def _parameters(names: Iterable[str]) -> Counter[str]:
    """Count names by their last word: `weight`, `gamma` …"""
    found = (_PARAMETER.search(plain_name(name)) for name in names)
    return Counter(match[0] if match else "" for match in found)


def _matching_prefix(fits: list[Fit]) -> list[Fit]:
    """Reduce several fits to the one whose network has the prefix of the names, if there is one."""
    by_prefix = [each for each in fits if each.entry.prefix == each.translation.prefix]
    return by_prefix if len(by_prefix) == 1 else fits


def _describe(entry: Entry, count: int) -> str:
    """Describe a match, as in `267 arrays; block bottleneck, stem deep, layers 3-4-6-3`."""
    options = {**entry.network, **entry.network.get("block_options", {})}
    options.pop("block_options", None)
    shown = []
    for name, value in options.items():
        text = "-".join(map(str, value)) if isinstance(value, list) else value
        shown.append(f"{name.replace('_', ' ')} {text}")
    return f"{count} arrays; {', '.join(shown)}"
