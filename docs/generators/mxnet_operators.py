"""MXNet 1.9.1's operators, and the keywords that their attributes can have: mxnet_operators.json.

`python docs/generators/mxnet_operators.py` writes the table, from MXNet.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

FILE = Path(__file__).with_name("mxnet_operators.json")
Keywords = dict[str, list[str]]


def load_operators() -> dict[str, Keywords]:
    """For each name of an operator, the attributes that have keywords, with those keywords."""
    operators: dict[str, Keywords] = json.loads(FILE.read_text(encoding="utf-8"))
    return operators


def registered_operators() -> dict[str, Keywords]:
    """The same, of the MXNet that is installed."""
    from gluon2torch.sources.mxnet_compat import import_mxnet

    registry = import_mxnet().operator
    found = {}
    for name in sorted(registry.get_all_registered_operators()):
        arguments = registry.get_operator_arguments(name)
        kinds = zip(arguments.names, arguments.types, strict=True)
        found[name] = {
            attribute: re.findall(r"'([^']*)'", kind[: kind.index("}")])
            for attribute, kind in kinds
            if kind.startswith("{")
        }
    return found


if __name__ == "__main__":
    lines = (
        f"{json.dumps(name)}: {json.dumps(each)}" for name, each in registered_operators().items()
    )
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
