#!/usr/bin/env python3
"""Convert MXNet Gluon networks to PyTorch; see `python convert.py --help`."""

from __future__ import annotations

import importlib.util
import sys
import zlib
from pathlib import Path
from types import ModuleType


def load_package() -> ModuleType:
    """Import the package gluon2torch from the folders beside this file, without installation.

    If another copy already has the name (an installed one, or another clone's), this one is loaded
    under a different name, so that the modules of the two never mix.
    """
    checkout = Path(__file__).resolve().parent
    init = checkout / "converter" / "__init__.py"
    name, found = "gluon2torch", importlib.util.find_spec("gluon2torch")
    if found is not None and Path(found.origin or "").resolve() != init:
        name = f"gluon2torch_{zlib.crc32(str(checkout).encode()):08x}"
    elif found is not None:
        return importlib.import_module(name)
    if name not in sys.modules:
        folders = [str(init.parent), str(checkout)]
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
    package = load_package().__name__
    cli = importlib.import_module(f"{package}.cli")
    with cli.orderly_end():
        cli.convert_command(prog_name="convert.py")
