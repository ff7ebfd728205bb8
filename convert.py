#!/usr/bin/env python3
"""Convert MXNet Gluon networks to PyTorch; see `python convert.py --help`."""

from __future__ import annotations

import importlib.util
import sys
import zlib
from pathlib import Path
from types import ModuleType

CHECKOUT = Path(__file__).resolve().parent
OLDEST = (3, 10)
# the modules of the dependencies in pyproject.toml
NEEDED = (
    *("torch", "numpy", "click", "yaml", "rich"),
    *("safetensors", "jinja2", "msgspec", "lazy_loader", "filelock"),
)


def require_libraries() -> None:
    """End the program with one line if this Python is too old or lacks a library."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if sys.version_info >= OLDEST and not missing:
        return
    needed = ", ".join(missing) if missing else f"Python {OLDEST[0]}.{OLDEST[1]} or later"
    if (CHECKOUT / "gluon2torch").exists():  # `make` put it there
        advice = "run `./gluon2torch convert` instead, which has its own Python"
    else:
        advice = "run `make convert` first, or `python -m pip install -e .`"
    sys.exit(f"Error: convert.py needs {needed}, which {sys.executable} does not have; {advice}")


def load_package() -> ModuleType:
    """Import the package gluon2torch from the folders beside this file, without installation.

    If another copy already has the name (an installed one, or another clone's), this one is loaded
    under a different name, so that the modules of the two never mix.
    """
    init = CHECKOUT / "converter" / "__init__.py"
    name, found = "gluon2torch", importlib.util.find_spec("gluon2torch")
    if found is not None and Path(found.origin or "").resolve() != init:
        name = f"gluon2torch_{zlib.crc32(str(CHECKOUT).encode()):08x}"
    elif found is not None:
        return importlib.import_module(name)
    if name not in sys.modules:
        folders = [str(init.parent), str(CHECKOUT)]
        spec = importlib.util.spec_from_file_location(
            name, init, submodule_search_locations=folders
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


if __name__ == "__mp_main__":  # a process of --jobs, which looks the package up by its name
    load_package()
if __name__ == "__main__":
    require_libraries()
    package = load_package().__name__
    cli = importlib.import_module(f"{package}.cli")
    with cli.rare_collections(), cli.orderly_end():
        cli.convert_command(prog_name="convert.py")
