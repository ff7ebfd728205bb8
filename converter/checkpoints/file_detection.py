"""Detection of a file's network among all that are known: the catalogue's and the zoo's."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from ..graph.zoo.zoo_detection import ZooFit, detect_zoo
from ..mapping.detection import Detection, detect
from ..mapping.dialects import dialect_of
from ..mapping.fit import Specs
from ..mapping.trunk import trunk_kind
from ..sources.exported_pair import symbol_beside

# names with the prefixes of Gluon's blocks
_GLUONS = re.compile(r"_(conv|batchnorm|dense)\d+_(weight|gamma)$")


def detect_file(specs: Specs, *, headless: bool = False) -> Detection:
    """Detect the network that a file's arrays belong to.

    The zoo comes first: for it names and shapes are only looked up.

    Args:
        specs: Shapes and dtypes, by the names in the file.
        headless: The arrays are those of a catalogue network without the classifier.

    Raises:
        KeyMapError: If two names in the file mean the same parameter.
    """
    found = None
    if not headless and dialect_of(specs) == "structural":
        found = detect_zoo({name: spec.shape for name, spec in specs.items()})
    return detect(specs, headless=headless) if found is None else _detection(found, len(specs))


def other_networks(specs: Specs, model: str, *, headless: bool = False) -> str | None:
    """The names of the networks that a file fits, if they are others than the given one."""
    found = detect_file(specs, headless=headless).models
    return " or ".join(found) if found and model not in found else None


def next_step(
    names: Collection[str], params: str | os.PathLike[str] | None, model: str | None = None
) -> str:
    """Say, as the end of a sentence, how to convert a file that fits no network; may be empty.

    Args:
        names: The names of its arrays.
        params: Path of the file; None if the arrays are not from one.
        model: Name of the network that it does not fit, if the user gives one.
    """
    if params is not None and (symbol := symbol_beside(params)) is not None:
        return f"; {symbol.name} is beside it: convert its graph with `--symbol auto`"
    if (kind := trunk_kind(names)) is not None:
        return f"; it has the names of a {kind} network, whose trunk `--backbone` converts"
    if model is None and any(map(_GLUONS.search, names)):
        return (
            "; of GluonCV's other networks such names are not detected: give the network's name as "
            "MODEL; of any other network, the -symbol.json that was exported with it as `--symbol`"
        )
    return ""


def _detection(found: ZooFit, count: int) -> Detection:
    first = found.entries[0]
    return Detection(
        models=tuple(entry.name for entry in found.entries),
        dialect="structural",
        prefix="",
        num_classes=found.num_classes,
        in_chans=None,
        why=f"{count} arrays; {first.task}, family {first.family}",
    )
