"""Assignment of a file's arrays to a graph's variables, whose names may be spelled otherwise."""

from __future__ import annotations

import difflib
import os.path
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import GraphError
from ..sources.arrays import Array, Arrays
from .symbols.attributes import Attributes
from .symbols.labels import label_names
from .symbols.roles import is_marked, roles
from .symbols.symbol import SHOWN_NAMES, Graph

MOST_COMPARED = 2000  # names of the file that a missing one is compared with
# Module and Gluon's early versions say moving, Gluon says running
_RUNNING = re.compile(r"running_(mean|var)$")


@dataclass(frozen=True)
class NamedArrays:
    """A file's arrays by the names of a graph's variables.

    Attributes:
        arrays: The arrays.
        notes: Sentences that say which names differ in the file; empty if none does.
    """

    arrays: Arrays
    notes: tuple[str, ...] = ()


def match_names(graph: Graph, arrays: Mapping[str, Array]) -> NamedArrays:
    """Give a file's arrays the names of a graph's variables.

    Names may differ in the spelling of running statistics (`moving_mean`, `running_mean`) and, if
    all of them differ, in a constant prefix (`resnetv10_`, `resnetv11_`, or none).

    Raises:
        GraphError: If an array is missing, or one of the file has no variable, after that; names
            the first few and the nearest names.
    """
    variables = {node.name for node in graph.variables()}
    wanted = roles(graph).arrays
    missing = [name for name in wanted if name not in arrays]
    others = [name for name in arrays if name not in variables]
    marked = {node.name for node in graph.variables() if is_marked(node)}
    if not others and marked.isdisjoint(missing):  # layers say which of their inputs must be arrays
        return NamedArrays(dict(arrays))
    prefixes = [("", "")]
    if len(missing) == len(wanted) and len(others) == len(arrays):
        prefixes += _prefixes(missing, others)
    free = [name for name in variables - set(label_names(graph)) if name not in arrays]
    found = {}
    for pair in prefixes:
        renamed = _assign(free, others, *pair)
        if renamed is None or not renamed.keys() >= set(missing):
            continue
        if _shapes_fit(graph, {new: arrays[old] for new, old in renamed.items()}):
            found[tuple(sorted(renamed.items()))] = pair
    if len(found) != 1:
        raise _mismatch(graph.where, wanted, missing, others)
    ((pairs, prefix),) = found.items()
    names = {old: new for new, old in pairs}
    renamed_arrays = {names.get(name, name): array for name, array in arrays.items()}
    return NamedArrays(renamed_arrays, tuple(_notes(names, *prefix)))


def _plain(name: str) -> str:
    return _RUNNING.sub(r"moving_\1", name)


def _prefixes(missing: list[str], others: list[str]) -> list[tuple[str, str]]:
    """Pairs of a prefix of all missing names and one of all others that may stand for it."""
    ours, theirs = _common_prefix(missing), _common_prefix(others)
    first, pairs = _plain(missing[0]), set()
    for other in map(_plain, others):
        ending = os.path.commonprefix([first[::-1], other[::-1]])[::-1]  # noqa: RUF071 (letters)
        pairs.add((first.removesuffix(ending), other.removesuffix(ending)))
    return sorted(pair for pair in pairs if ours.startswith(pair[0]) and theirs.startswith(pair[1]))


def _common_prefix(names: Iterable[str]) -> str:
    return os.path.commonprefix(list(map(_plain, names)))  # noqa: RUF071 (letters)


def _assign(free: list[str], others: list[str], ours: str, theirs: str) -> dict[str, str] | None:
    """Map variables one to one to all other names, which have another prefix; None if not so."""
    variables: dict[str, str] = {}
    for name in free:
        if variables.setdefault(_plain(name), name) != name:
            return None
    assigned: dict[str, str] = {}
    for other in others:
        variable = variables.get(ours + _plain(other).removeprefix(theirs))
        if variable is None or variable in assigned:
            return None
        assigned[variable] = other
    return assigned


def _shapes_fit(graph: Graph, arrays: Arrays) -> bool:
    """Whether arrays have the shapes in the graph, which records them for Gluon's parameters."""
    for node in graph.variables():
        sizes = Attributes(node).integers_or_none("__shape__")
        if sizes and (array := arrays.get(node.name)) is not None:
            pairs = zip(sizes, array.shape, strict=False)
            known = all(size in (one, 0, -1, None) for one, size in pairs if one and one > 0)
            if len(sizes) != array.ndim or not known:
                return False
    return True


def _notes(names: Mapping[str, str], ours: str, theirs: str) -> Iterable[str]:
    pairs = ((_RUNNING.search(old), _RUNNING.search(new)) for old, new in names.items())
    if statistics := sum((one is None) != (two is None) for one, two in pairs):
        yield (
            f"{statistics} running statistics are called moving_ in the graph and running_ in the "
            "file, or the other way round"
        )
    if ours != theirs:
        yield (
            f"all {len(names)} arrays were matched by their names without a prefix, which is "
            f"{ours!r} in the graph and {theirs!r} in the file"
        )


def _mismatch(
    where: str, wanted: Iterable[str], missing: list[str], others: list[str]
) -> GraphError:
    problems = []
    for name in missing[:SHOWN_NAMES]:
        near = difflib.get_close_matches(name, others[:MOST_COMPARED], 1)
        hint = f"; the nearest name in the file is {near[0]!r}" if near else ""
        problems.append(f"array {name!r} is not in the .params file{hint}")
    problems += [f"{name!r}: no node uses this array" for name in others[:SHOWN_NAMES]]
    if any("." in name for name in others) and not any("." in name for name in missing):
        problems.append(
            "`save_parameters` writes names with dots, which belong to no graph: load the file "
            "into its network in MXNet (`load_parameters`), and `export` both files again"
        )
    count = len(list(wanted))
    return GraphError(
        f"{where}: cannot be imported with this .params file, where {len(missing)} of the graph's "
        f"{count} arrays are missing and {len(others)} arrays belong to no node:",
        problems,
    )
