"""The stages of a conversion, announced to whoever shows its progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watcher = Callable[[str, float], None]
"""Called with a stage, such as `prove float64 224x224`, and the share of the work before it."""

# by the name of the step in the record's `seconds`: its name here, and the share before it, which
# is about that of resnet50_v1d
_STEPS = {
    "source": ("read", 0.0),
    "map": ("map", 0.05),
    "reference": ("build the reference", 0.1),
    "parity": ("prove", 0.25),
    "training": ("prove training", 0.85),
    "write": ("write", 0.9),
    "report": ("report", 0.95),
}
_MAP_PROOF = 0.75  # the share before the proof with random weights
_watchers: list[Watcher] = []  # no context variable, since threads announce, too


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Call a function with each stage that is announced in the block."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def announce_step(step: str) -> None:
    """Announce a step of the record's `seconds`."""
    name, share = _STEPS.get(step, (step, 0.0))
    _announce(name, share)


def announce_proof(what: str, done: float) -> None:
    """Announce a part of the proof with the network's own weights.

    Args:
        what: A data type and size.
        done: The share of this proof before it.
    """
    _, start = _STEPS["parity"]
    _announce(f"prove {what}", start + done * (_MAP_PROOF - start))


def announce_map_proof() -> None:
    """Announce the proof with random weights."""
    _announce("prove with random weights", _MAP_PROOF)


def _announce(stage: str, share: float) -> None:
    for watcher in _watchers:
        watcher(stage, share)
