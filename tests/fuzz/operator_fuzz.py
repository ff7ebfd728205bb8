"""Fuzz the import of operators: random attributes, shapes and dtypes, with MXNet as the oracle.

python -m tests.fuzz.operator_fuzz --count 2000 [--only OP]… [--seed N] [--half]
"""

from __future__ import annotations

import argparse
import datetime
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from .generators import load_generators
from .operator_case import TOO_LONG, Case, Oracle, outcome

SHOWN = 3
BAD = ("wrong", "failed")


def fuzz(
    op: str, count: int, seed: int, oracle: Oracle, *, half: bool = False
) -> tuple[Counter[str], list[str]]:
    """Compute random cases of an operator, all in float16 if `half`.

    Returns:
        How many cases had each outcome, and descriptions of those that show a bug, or are refused.
    """
    generate = load_generators()[op]
    rng = np.random.default_rng((seed, zlib.crc32(op.encode())))
    counts: Counter[str] = Counter()
    lines: list[str] = []
    for _ in range(count):
        case: Case = generate(rng).in_half() if half else generate(rng)
        found = outcome(case, oracle)
        counts[found.kind] += 1
        if found.kind in (*BAD, "refused"):
            lines.append(f"{found.kind}: {case}: {found.detail}")
        if found.detail == TOO_LONG:  # so would the others
            break
    return counts, lines


def today() -> int:
    """A seed that is another each day."""
    return int(datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each operator; the exit status is 1 if there are bugs."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--count", type=int, default=2000, help="cases of each operator")
    parser.add_argument("--only", action="append", help="operators; by default all")
    parser.add_argument("--seed", type=int, default=today())
    parser.add_argument("--half", action="store_true", help="in float16")
    parser.add_argument("--show", type=int, default=SHOWN, help="cases shown of each operator")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}")
    total: Counter[str] = Counter()
    with Oracle() as oracle:
        for op in options.only or sorted(load_generators()):
            counts, lines = fuzz(op, options.count, options.seed, oracle, half=options.half)
            total += counts
            print(op, *(f"{kind} {number}" for kind, number in sorted(counts.items())), flush=True)
            lines.sort(key=lambda line: line.startswith("refused"))
            for line in lines[: options.show]:
                print(f"    {line}")
    print("total", *(f"{kind} {number}" for kind, number in sorted(total.items())))
    return int(any(total[kind] for kind in BAD))


if __name__ == "__main__":
    raise SystemExit(main())
