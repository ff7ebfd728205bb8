"""Which families of mappings/zoo/ can have a file's arrays: mappings/graphs/zoo_names.json.

The names of each network are stored as a hash, by which its family is found without reading the
stored graphs. Names that begin as those that only GluonCV's files have are not hashed, so that the
result is a choice of candidates.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from ...errors import GraphError
from ...mappings.yaml_table import mapping_file
from ...mappings.zoo import load_zoo
from .zoo_graph import load_zoo_shapes

FILE = "graphs/zoo_names.json"
_DIGITS = 16
# hashes of names → families, for each set of prefixes that are left out
_Rows = list[tuple[list[str], dict[str, list[str]]]]


def candidate_families(names: Iterable[str]) -> list[str]:
    """The families of which a network can have these arrays.

    Raises:
        GraphError: If the file is missing or damaged.
    """
    try:
        rows: _Rows = json.loads(mapping_file(FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GraphError(
            f"mappings/{FILE}: cannot be read ({error}); install gluon2torch again"
        ) from error
    names = list(names)
    found = [family for left_out, by in rows for family in by.get(_hash(names, left_out), ())]
    return list(dict.fromkeys(found))


def _hash(names: Iterable[str], left_out: Iterable[str]) -> str:
    prefixes = tuple(left_out)
    text = "\n".join(sorted(name for name in names if not name.startswith(prefixes)))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def names_text() -> str:
    """The content of the file, made from the stored graphs."""
    rows: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for entry in load_zoo().values():
        if entry.float_name is None:
            by = rows.setdefault(entry.left_out, {})
            names = load_zoo_shapes(entry.family)[entry.name]
            families = by.setdefault(_hash(names, entry.left_out), [])
            if entry.family not in families:
                families.append(entry.family)
    return json.dumps([[list(left_out), by] for left_out, by in rows.items()], indent=1) + "\n"
