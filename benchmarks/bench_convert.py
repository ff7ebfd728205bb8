"""What a conversion costs over the forward passes that it cannot do without.

For each network, in one process: the whole conversion with parity, then its forward passes alone
(c), of both networks and both halves of the proof: with the file's weights in float32 and float64
at two sizes, and with random weights in float64 at a small one. Imports and the random
initialisation are left out of both. The least of some rounds counts: whichever is the first to run
a network has the libraries' preparation for its shapes, a second or two.

    python benchmarks/bench_convert.py [--rounds N] [MODEL]...        all 21 by default
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
import numpy as np
from bench_proof import run_passes
from processes import busy

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def convert_and_forward(name: str, folder: str) -> tuple[float, float]:
    """Seconds of a conversion without its initialisation, and of the forward passes alone."""
    from gluon2torch import convert
    from tests.conftest import random_network

    record = convert(name, init="random", out=folder)
    Path(record.file).unlink()
    seconds = record.seconds
    conversion = seconds["total"] - seconds["source"] - seconds["reference"]
    return conversion, run_passes(random_network(name), "gluon", whole=True)[0]


@click.command(help=__doc__)
@click.argument("models", nargs=-1)
@click.option("--rounds", default=2, show_default=True)
def main(models: tuple[str, ...], rounds: int) -> None:
    from gluon2torch.mappings.catalog import load_catalog

    names = list(models or load_catalog().published_set)
    print(busy())
    with tempfile.TemporaryDirectory() as folder:
        convert_and_forward("cifar_resnet20_v1", folder)  # imports, and each library's first call
        total = np.zeros(2)
        for name in names:
            measured = np.min([convert_and_forward(name, folder) for _ in range(rounds)], axis=0)
            total += measured
            print(row(name, *measured), flush=True)
        print(row("all", *total), " (wanted: at most 1.2)")


def row(name: str, conversion: float, forward: float) -> str:
    return f"{name:24} {conversion:6.2f} s / {forward:6.2f} s = {conversion / forward:.2f}"


if __name__ == "__main__":
    main()
