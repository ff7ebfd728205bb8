"""Plugins: Python files that register operators."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import traceback
from pathlib import Path

from ..errors import PluginError
from .registry import forget, place, registered

_loaded: dict[Path, set[tuple[str, str | None]]] = {}


def load_plugin(path: str | os.PathLike[str]) -> None:
    """Run a Python file that registers operators with `register_operator`.

    A file that was loaded before is run again, and its operators are replaced. Its functions are in
    the module `gluon2torch_plugin_<stem>`, by whose name modules are pickled.

    Raises:
        PluginError: If the file cannot be read, or fails; names the file and the line.
    """
    file = Path(os.path.realpath(path))
    forget(_loaded.pop(file, set()))
    name = "gluon2torch_plugin_" + re.sub(r"\W", "_", file.stem)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginError(f"{os.fspath(path)}: is not a Python file; its name must end in .py")
    before, module = registered(), importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        del sys.modules[name]
        reason = error.strerror or str(error)
        raise PluginError(f"{os.fspath(path)}: cannot be read ({reason})") from error
    except (Exception, SystemExit) as error:  # a user's code can raise anything
        del sys.modules[name]
        forget(registered() - before)
        raise PluginError(f"the plugin failed at {place(error, str(file))}") from error
    _loaded[file] = registered() - before


def plugin_place(error: BaseException) -> str | None:
    """File and line of a plugin's that an exception came through; None if it came through none."""
    files = {str(file) for file in _loaded}
    frames = traceback.extract_tb(error.__traceback__)
    through = [frame.filename for frame in frames if frame.filename in files]
    return place(error, through[-1]) if through else None
