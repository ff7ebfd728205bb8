"""The page of operators: what is imported, with its limits, and what is refused, and why."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from gluon2torch.graph.operators import GROUPS, OPERATORS
from gluon2torch.graph.operators.declaration import Declared
from gluon2torch.graph.operators.unsupported import REASONS, reason_of
from gluon2torch.graph.symbols.aliases import ALIASES, FIRST_NAMES
from gluon2torch.graph.symbols.float64_operators import is_replaced
from gluon2torch.graph.symbols.precision import EXACT, QUANTIZED, ROUNDED, limits
from gluon2torch.graph.symbols.symbol import Graph, Node

from .markdown_text import code, codes, sentence, table
from .mxnet_operators import Keywords, load_operators
from .operator_limits import limits_of

PACKAGE = "gluon2torch."
REPLACED = "replaced"
_PRECISION = {
    ("float64", EXACT): "",
    ("float64", ROUNDED): "rounded to float32",
    ("float32", ROUNDED): "float32 only",
    ("float32", QUANTIZED): "integers",
}


def operator_page() -> str:
    """The page's text."""
    known = load_operators()
    imported = [name for name in known if FIRST_NAMES.get(name, name) in OPERATORS]
    rounded, narrow, whole = (
        _PRECISION[kind]
        for kind in (("float64", ROUNDED), ("float32", ROUNDED), ("float32", QUANTIZED))
    )
    return "\n".join(
        [
            "# Operators\n",
            f"MXNet 1.9.1 has {len(known):,} names of operators. {len(imported)} are imported, in "
            f"graphs of any version from 0.8 to 2.0; the others are [refused](#refused), with the "
            "reason. The tables are made from the code that imports them. A node that cannot be "
            "imported is named in the error, with the attribute and what to do.\n",
            "**Refused** lists keywords of attributes, and conditions, with which a node is "
            "refused; *some values* are such as a kernel of size 0, or what MXNet itself computes "
            "wrongly. **Precision** says where MXNet does not compute in float64, so that a "
            f"comparison allows {ROUNDED:g} of the largest output in place of {EXACT:g}:\n",
            f"- *{REPLACED}*: it computes in float32 alone, and a comparison in float64 takes "
            f"other operators of MXNet in its place, to {EXACT:g}, but for the bodies of loops;\n"
            f"- *{rounded}*: it computes in float32, whatever the data type;\n"
            f"- *{narrow}*: it does not take float64, or is wrong there;\n"
            f"- *{whole}*: integers are equal, and the rest is computed in float32, to "
            f"{QUANTIZED:g}.\n",
            *(_group(group, known) for group in GROUPS),
            _refused(known),
        ]
    )


def _group(group: ModuleType, known: Mapping[str, Keywords]) -> str:
    title = sentence(group.__doc__ or "").partition(". ")[0].rstrip(".")
    rows = [
        [
            _names(name),
            _what(name, function),
            _limits(name, function, known),
            _precision(name, known),
        ]
        for name, function in group.OPERATORS.items()
    ]
    return f"## {title}\n\n{table(['Operator', 'Computes', 'Refused', 'Precision'], rows)}"


def _names(name: str) -> str:
    others = ALIASES.get(name, "").split()
    return code(name) + (f"<br>also {codes(others)}" if others else "")


def _what(name: str, function: Callable[..., Any]) -> str:
    """What an operator computes: a call, or the first paragraph of its function's docstring."""
    if isinstance(function, Declared):
        given, inner = function.given, function.function
        if "name" in given or not str(inner.__module__).startswith(PACKAGE):
            arguments = ["a"] if function.inputs == 1 else ["a", "b"]
            arguments += ["…"] if function.inputs is None else []
            if "scalar" in function.attributes:
                arguments.append("scalar")
            if given.get("reverse"):
                arguments.reverse()
            return code(f"{given.get('name', inner.__name__)}({', '.join(arguments)})")
        return sentence(inner.__doc__ or "")
    outer = vars(sys.modules[function.__module__])[function.__qualname__.partition(".")[0]]
    return sentence(function.__doc__ or outer.__doc__ or "") or code(f"{name}(a)")


def _limits(name: str, function: Callable[..., Any], known: Mapping[str, Keywords]) -> str:
    keywords = known.get(name, {})
    return "<br>".join(limits_of(name, function, keywords).lines(keywords))


def _precision(name: str, known: Mapping[str, Keywords]) -> str:
    """How MXNet computes an operator, by its attributes where it depends on them."""
    usual = _kind(name, {})
    cases: dict[str, list[str]] = {}
    for attribute, keywords in known.get(name, {}).items():
        for keyword in keywords:
            kind = _kind(name, {attribute: keyword})
            if kind != usual:
                cases.setdefault(kind, []).append(code(keyword))
    strided = _kind(name, dict.fromkeys(("stride", "dilate"), "(2, 2)"))
    if strided != usual:
        cases[strided] = ["stride and dilation"]
    exact = cases.pop("", [])
    texts = [f"{usual}{f', but for {_or(exact)}' * bool(exact)}"] if usual else []
    texts += [f"{kind} with {_or(which)}" for kind, which in cases.items()]
    return "<br>".join(texts)


def _or(texts: list[str]) -> str:
    return " or ".join(texts)


def _kind(name: str, attributes: Mapping[str, str]) -> str:
    """In which precision MXNet computes a node."""
    if is_replaced(name, attributes):
        return REPLACED
    node = Node(op=name, name=name, attributes=attributes, inputs=())
    graph = Graph(where=name, nodes=(node,), heads=((0, 0),), version=None)
    return _PRECISION[next(iter(limits(graph).items()))]


def _refused(known: Mapping[str, Keywords]) -> str:
    reasons: dict[str, list[str]] = {reason: [] for reason in REASONS}
    for name in known:
        reason = reason_of(name)
        if reason is not None and FIRST_NAMES.get(name, name) not in OPERATORS:
            reasons[reason].append(name)
    parts = [
        f"{reason[0].upper()}{reason[1:]} ({len(names)}):\n\n{codes(names)}\n"
        for reason, names in reasons.items()
        if names
    ]
    return "## Refused\n\n" + "\n".join(parts)
