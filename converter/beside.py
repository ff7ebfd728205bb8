"""The package `models`, which stands beside this one.

`models` is a common name: a program may have one of its own, or be started from a folder that has.
Ours is known by its place. Where another has the name, ours is loaded under this package's.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_FOLDER = Path(__file__).resolve().parent.parent / "models"
_OTHER_NAME = f"{__package__}.models_beside"


def models_package() -> ModuleType:
    """Our `models`, whatever else has that name."""
    if __package__ == "converter" and _is_ours("models"):
        return importlib.import_module("models")
    if _OTHER_NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            _OTHER_NAME, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[_OTHER_NAME] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[_OTHER_NAME]
            raise
    return sys.modules[_OTHER_NAME]


def _is_ours(name: str) -> bool:
    module = sys.modules.get(name)
    if module is not None:
        origin = getattr(module, "__file__", None)
    else:
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec is not None else None
    return origin is not None and Path(origin).resolve().parent == _FOLDER
