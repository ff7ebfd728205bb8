"""What a conversion costs over the forward passes that it cannot do without.

For each network, in one process: the whole conversion with parity, then the forward passes alone
(c) (float32 and float64, both sides, both sizes, batch 2, MXNet hybridised), each run once as in
the conversion. Imports and the random initialisation are left out of both.

    python benchmarks/bench_convert.py [MODEL]...        all 21 by default
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from processes import busy

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def convert_and_forward(name: str, folder: str) -> tuple[float, float]:
    """Seconds of a conversion without its initialisation, and of the forward passes alone."""
    import torch

    from gluon2torch import convert
    from gluon2torch.parity.gluon_reference import GluonReference
    from tests.conftest import random_network

    record = convert(name, init="random", out=folder)
    Path(record.file).unlink()
    seconds = record.seconds
    conversion = seconds["total"] - seconds["source"] - seconds["reference"]

    converted = random_network(name)
    entry, stages = converted.fit.entry, converted.fit.keymap.stages
    network = converted.network().eval()
    reference = GluonReference(name, converted.arrays, stages, converted.fit.num_classes)
    forward = 0.0
    for dtype in ("float32", "float64"):
        network.to(getattr(torch, dtype))
        reference.cast(dtype)
        for size in (entry.dataset.input_size, entry.dataset.odd_size):
            images = np.random.default_rng(0).standard_normal((2, 3, *size)).astype(dtype)
            start = time.perf_counter()
            reference(images)
            with torch.inference_mode():
                network(torch.from_numpy(images))
            forward += time.perf_counter() - start
    reference.close()
    return conversion, forward


@click.command(help=__doc__)
@click.argument("models", nargs=-1)
def main(models: tuple[str, ...]) -> None:
    from gluon2torch.mappings.catalog import load_catalog

    names = list(models or load_catalog().published_set)
    print(busy())
    with tempfile.TemporaryDirectory() as folder:
        convert_and_forward("cifar_resnet20_v1", folder)  # imports, and each library's first call
        total = np.zeros(2)
        for name in names:
            total += (measured := np.array(convert_and_forward(name, folder)))
            print(row(name, *measured))
        print(row("all", *total), " (below 1.5)")


def row(name: str, conversion: float, forward: float) -> str:
    return f"{name:24} {conversion:6.2f} s / {forward:6.2f} s = {conversion / forward:.2f}"


if __name__ == "__main__":
    main()
