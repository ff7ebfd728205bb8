"""A module with a small change, which a test must notice."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType


def mutated(module: ModuleType, old: str, new: str) -> ModuleType:
    """Run a module's source with one place changed; the module itself stays as it is."""
    assert module.__file__ is not None
    text = Path(module.__file__).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r}: the code has changed; change the mutation with it"
    copy = ModuleType(module.__name__)
    copy.__package__, copy.__file__ = module.__package__, module.__file__
    exec(compile(text.replace(old, new), module.__file__, "exec"), copy.__dict__)
    return copy
