"""What an imported graph costs: its import, and its forward pass over that of our own network.

MXNet exports a network with random weights; it is imported, and run beside models/ in turns, batch
1, 224×224, float32, in one process; the best of each counts. Beside it, what the stored graph of
`--reference graph` takes, which gives out all stages.

    python benchmarks/bench_graph.py [MODEL]...        resnet152_v1d by default
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
TURNS = 15


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@click.command(help=__doc__)
@click.argument("models", nargs=-1)
def main(models: tuple[str, ...]) -> None:
    import numpy as np
    import torch

    from gluon2torch import import_graph
    from gluon2torch.models import create_model
    from gluon2torch.parity.graph_reference import GraphReference
    from tests.conftest import random_network
    from tests.exported import export, input_size

    for name in models or ("resnet152_v1d",):
        size = input_size(name)
        with tempfile.TemporaryDirectory() as folder:
            paths = export(name, Path(folder), size)
            imports = [seconds(lambda paths=paths: import_graph(*paths)) for _ in range(5)]
            module = import_graph(*paths)
        network = create_model(name).eval()
        converted = random_network(name)
        reference = GraphReference(name, converted.arrays, converted.fit.keymap.stages)
        reference.cast("float32")
        images = np.random.default_rng(0).standard_normal((1, 3, *size), np.float32)
        data = torch.from_numpy(images)
        runs: list[Callable[[], object]] = [
            lambda network=network, data=data: network(data),
            lambda module=module, data=data: module(data),
            lambda reference=reference, images=images: reference(images),
        ]
        with torch.inference_mode():
            times = [[seconds(run) for run in runs] for _ in range(TURNS)][2:]
        ours, imported, stages = map(min, zip(*times, strict=True))
        print(f"{name}: import {min(imports):.2f} s  (below 1)")
        print(f"  forward {imported:.3f} s / {ours:.3f} s = {imported / ours:.2f}  (below 1.1)")
        print(f"  as a reference {stages:.3f} s / {ours:.3f} s = {stages / ours:.2f}")


if __name__ == "__main__":
    main()
