"""The measured parity of each network of the catalogue: measured_parity.json.

`python docs/generators/measured_parity.py [NAME…]` measures the named networks, by default all, and
replaces their rows. It needs MXNet, and takes about a minute for a network at its full size;
`--small` measures at the small odd size of the tests.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("measured_parity.json")


def load_measured() -> dict[str, Any]:
    """The rows by the network's name: sizes of the images, and the largest difference by dtype.

    A difference is the largest of the logits, divided by the reference's largest logit; `map` is
    that of the key map's proof.
    """
    rows: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return rows


def measure(name: str, small: bool) -> dict[str, Any]:
    """Convert a network with random weights, and return its row."""
    from gluon2torch import convert, load_catalog

    dataset = load_catalog()[name].dataset
    sizes = [dataset.small_size] if small else None
    with tempfile.TemporaryDirectory() as folder:
        record = convert(name, init="random", reference="gluon", sizes=sizes, out=folder)
    parity = record.parity
    row: dict[str, Any] = {"inputs": list(dict.fromkeys(check.input for check in parity.checks))}
    for check in parity.checks:
        row[check.dtype] = max(row.get(check.dtype, 0.0), check.max_rel)
    row["map"] = max(check.max_rel for check in parity.map_proof.checks)
    return row


def write_measured(rows: Mapping[str, Any]) -> None:
    """Write the table, a line for each network."""
    lines = [f"{json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows)]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    from gluon2torch import load_catalog

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--small", action="store_true", help="at the small odd size")
    options = parser.parse_args()
    for name in options.names or load_catalog():
        rows = load_measured() if FILE.exists() else {}
        rows[name] = measure(name, options.small)
        write_measured(rows)
        print(name, rows[name], flush=True)


if __name__ == "__main__":
    main()
