"""Writes a Markdown table of parity records: `parity_table.py FOLDER COUNT`.

FOLDER holds the files that `gluon2torch convert --json` wrote, at any depth; COUNT is how many
models there should be. The exit status is 1 where one failed or is missing.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

HEAD = """\
| Model | float64 max_rel | float32 max_rel | Passed | Seconds |
|---|---|---|---|---|"""


def passed(record: dict[str, Any]) -> bool:
    """Whether the model was converted and equal."""
    return "error" not in record and record["parity"]["passed"] is True


def worst(record: dict[str, Any], dtype: str) -> str:
    """The largest difference in a dtype; NaN where there is one."""
    checks = (record.get("parity") or {}).get("checks", [])
    # JSON has no NaN: records hold it as text, which float() reads
    values = [float(check["max_rel"]) for check in checks if check["dtype"] == dtype]
    if not values:
        return "-"
    return f"{max(values, key=lambda value: (math.isnan(value), value)):.1e}"


def row(record: dict[str, Any]) -> str:
    """One line of the table."""
    answer = "yes" if passed(record) else "**no**"
    differences = f"{worst(record, 'float64')} | {worst(record, 'float32')}"
    seconds = record.get("seconds", {}).get("total", 0)
    return f"| {record['model']} | {differences} | {answer} | {seconds:.0f} |"


def main(folder: str, count: str) -> int:
    """Print the table and return the exit status."""
    files = sorted(Path(folder).rglob("*.json"))
    records = [record for file in files for record in json.loads(file.read_text("utf-8"))]
    good = sum(map(passed, records))
    print(HEAD, *map(row, records), f"\n{good} of {count} passed.", sep="\n")
    return 0 if good == len(records) == int(count) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
