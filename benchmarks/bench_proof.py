"""What the whole proof costs over the forward passes of its first half.

For each network, in one process: the proof as `convert` makes it, with the file's own weights and
then with random ones, over those forward passes in it that it cannot do without: of both networks,
at both sizes, in float64 and float32, with the file's own weights. The passes are timed one after
the other, while the proof runs the two networks at the same time: the first ratio counts what this
saves. The second is of processor time, where it saves little.

    python benchmarks/bench_proof.py [MODEL]...        five by default
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
MODELS = "resnet18_v1b", "resnet50_v1d", "resnext50_32x4d", "resnest50", "senet_154"


def now() -> Any:
    """Wall and processor seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def run_passes(converted: Any, kind: str, *, whole: bool = False) -> Any:
    """Seconds of the forward passes of both networks, without casts and comparisons.

    Args:
        whole: Count those of the second half of the proof, too, with random weights.
    """
    import torch

    from gluon2torch.parity import map_proof, measurement, proof

    entry, stages = converted.fit.entry, converted.fit.keymap.stages
    reference = proof.open_reference(converted, kind, stages)
    network = converted.network().eval()
    sizes = entry.dataset.input_size, entry.dataset.odd_size
    images = measurement.random_images(sizes, converted.fit.in_chans)
    seconds = np.zeros(2)

    def run_both(batch: Any) -> None:
        nonlocal seconds
        start = now()
        measurement.stage_outputs(network, stages, batch)
        reference(batch)
        seconds = seconds + (now() - start)

    for dtype in reference.dtypes[::-1]:
        reference.cast(dtype)
        network.to(getattr(torch, dtype))
        for batch in images:
            run_both(batch.astype(dtype))
    if whole:
        drawn = map_proof.draw_network(converted, uniform=True)
        reference.fill(drawn.reference_arrays())
        network.load_state_dict(drawn.tensors, assign=True)
        network.to(getattr(torch, reference.dtypes[0]))
        for batch in map_proof.map_images(converted):
            run_both(batch.astype(reference.dtypes[0]))
    reference.close()
    return seconds


def run_proof(converted: Any, kind: str) -> Any:
    """Seconds of a proof as `convert` makes it."""
    from gluon2torch.parity import proof

    reference = proof.open_reference(converted, kind, converted.fit.keymap.stages)
    start = now()
    proof.prove_against(converted, reference)
    return now() - start


@click.command(help=__doc__)
@click.argument("models", nargs=-1)
@click.option("--reference", "kind", default="gluon", help="or graph")
def main(models: tuple[str, ...], kind: str) -> None:
    from tests.conftest import random_network

    first = random_network("cifar_resnet20_v1")  # imports, and each library's first call
    run_passes(first, kind)
    run_proof(first, kind)
    passes, proofs = np.zeros(2), np.zeros(2)
    for name in models or MODELS:
        converted = random_network(name)
        forward, whole = run_passes(converted, kind), run_proof(converted, kind)
        print(row(name, whole, forward), flush=True)
        passes += forward
        proofs += whole
    print(row("all", proofs, passes), " (below 1.3)")


def row(name: str, whole: Any, forward: Any) -> str:
    ratio, of_processor = whole / forward
    return (
        f"{name:24} {whole[0]:7.2f} s / {forward[0]:7.2f} s = {ratio:.2f}; "
        f"{of_processor:.2f} of processor time"
    )


if __name__ == "__main__":
    main()
