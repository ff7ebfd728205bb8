"""Groups of operations by the names of the graph, in which `_` separates the levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


class NameGroups:
    """Which operations belong together by their names, such as those of `stage1_unit2`."""

    def __init__(self, names: Iterable[str]) -> None:
        self._counts = Counter(
            tuple(parts[:depth])
            for name in names
            for parts in [name.lower().split("_")]
            for depth in range(len(parts))
        )

    def path(self, name: str) -> tuple[str, ...]:
        """The levels of the smallest group of several operations that a name belongs to."""
        parts = tuple(name.lower().split("_")[:-1])
        while parts and self._counts[parts] < 2:
            parts = parts[:-1]
        return parts

    def size(self, path: tuple[str, ...]) -> int:
        """The number of operations in a group."""
        return self._counts[path]

    def is_whole(self, names: Sequence[str]) -> bool:
        """Whether operations are of one group, or are whole groups."""
        paths = [self.path(name) for name in names]
        if len(set(paths)) == 1:
            return True
        common = 0
        while all(len(path) > common for path in paths) and len({p[common] for p in paths}) == 1:
            common += 1
        if any(len(path) == common for path in paths):
            return False
        inside = Counter(path[: common + 1] for path in paths)
        return all(self.size(group) == count for group, count in inside.items())
