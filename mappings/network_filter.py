"""Choice among the known networks by name, family, task, and whether weights were published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from ..errors import UnknownModelError
from .catalog import Entry
from .zoo import ZooEntry

PUBLISHED = "published"
TASK = "classification"  # of the catalogue's networks


def matching(
    entries: Collection[Entry], others: Collection[ZooEntry], patterns: Sequence[str]
) -> tuple[list[Entry], list[ZooEntry]]:
    """Return the networks that match one of the patterns; all if there are none.

    Args:
        entries: Networks of the catalogue.
        others: Networks of mappings/zoo/.
        patterns: Of names, families or tasks, with `*` and `?`; `published` leaves only networks
            with published weights.

    Raises:
        UnknownModelError: A pattern matches no network.
    """
    named = {
        **{each.name: (each.name, each.published, each.family, TASK) for each in entries},
        **{each.name: (each.name, each.family, each.task) for each in others},
    }
    wanted = [pattern for pattern in patterns if pattern != PUBLISHED]
    chosen = set() if wanted else set(named)
    for pattern in wanted:
        found = {name for name, texts in named.items() if _any_matches(texts, pattern)}
        if not found:
            raise UnknownModelError(
                f"{pattern!r} is the name, family or task of no network; for a part of a name, "
                f"write '*{pattern.strip('*')}*'"
            )
        chosen |= found
    only = PUBLISHED in patterns
    return (
        [each for each in entries if each.name in chosen and (each.sha1 is not None or not only)],
        [
            each
            for each in others
            if each.name in chosen and (each.sha1 or each.float_name or not only)
        ],
    )


def _any_matches(texts: Iterable[str], pattern: str) -> bool:
    return any(fnmatchcase(text, pattern) for text in texts)
