"""Functions and classes of this package that a source carries."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

_PACKAGE = __name__.partition(".")[0]
_PROVIDED = frozenset({"torch", "nn", "F", "Tensor"})  # what every source imports


@dataclass
class SupportCode:
    """Code that a source carries.

    Attributes:
        definitions: The definitions, each behind those that it uses.
        imports: Import statements that they need.
        names: The names that they define or import.
    """

    definitions: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


def support_code(needed: Iterable[Any]) -> SupportCode:
    """The source of functions and classes, with all of this package that they use."""
    found = SupportCode()
    for each in needed:
        _add(each.__name__, sys.modules[each.__module__], found)
    return found


def _add(name: str, module: ModuleType, found: SupportCode) -> None:
    if name in found.names or name in _PROVIDED:
        return
    found.names.add(name)
    value = getattr(module, name)
    if isinstance(value, ModuleType):
        found.imports.add(
            f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
        )
        return
    home = sys.modules.get(getattr(value, "__module__", ""), module)
    defined = inspect.isclass(value) or inspect.isfunction(value)
    if defined and not home.__name__.startswith(_PACKAGE):
        found.imports.add(f"from {home.__name__} import {name}")
        return
    if not defined:
        home = module
    text = _definition(name, home)
    if text is None:  # imported
        origin = _imported_from(name, home)
        if origin is None:
            return
        source, original = origin
        if source.startswith(_PACKAGE):
            found.names.discard(name)
            _add(original, sys.modules[source], found)
        else:
            found.imports.add(f"from {source} import {original}")
        return
    for each in _names(text):
        if hasattr(home, each) and (not hasattr(builtins, each) or each in vars(home)):
            _add(each, home, found)
    found.definitions.append(text)


def _definition(name: str, module: ModuleType) -> str | None:
    """The text that defines a name at the top of a module."""
    source = inspect.getsource(module)
    lines = source.splitlines()
    for node in ast.parse(source).body:
        names = []
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        if name in names:
            start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            return textwrap.dedent("\n".join(lines[start - 1 : node.end_lineno]))
    return None


def _imported_from(name: str, module: ModuleType) -> tuple[str, str] | None:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    package = module.__name__.split(".")
                    base = ".".join(package[: len(package) - node.level]) if node.level else ""
                    return ".".join(filter(None, [base, node.module or ""])), alias.name
    return None


def _names(text: str) -> list[str]:
    """The names that a definition uses, in order."""
    names = [node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)]
    return list(dict.fromkeys(names))
