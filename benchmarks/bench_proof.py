"""What the whole proof costs over the forward passes of its first half.

For each network, in one process: the proof as `convert` makes it, with the file's own weights and
then with random ones, over those forward passes in it that it cannot do without: of both networks,
at both sizes, in float64 and float32, with the file's own weights. The second ratio is of processor
time.

    python benchmarks/bench_proof.py [MODEL]...        five by default
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
MODELS = "resnet18_v1b", "resnet50_v1d", "resnext50_32x4d", "resnest50", "senet_154"
FIRST, SECOND = "forward passes", "random weights: forward passes"


class Clock:
    """Wall and processor seconds of the parts of one proof, which are nested."""

    def __init__(self) -> None:
        self.seconds: dict[str, Any] = Counter()
        self.forward = FIRST

    def timed(self, call: Callable[..., Any], part: str | None = None) -> Callable[..., Any]:
        """The same function, whose time is added to a part; None is the current half's passes."""

        def wrapped(*arguments: Any, **options: Any) -> Any:
            start = now()
            try:
                return call(*arguments, **options)
            finally:
                self.seconds[part or self.forward] += now() - start

        return wrapped


def now() -> Any:
    return np.array([time.perf_counter(), time.process_time()])


class Timed:
    """A reference whose forward passes are timed."""

    def __init__(self, reference: Any, clock: Clock) -> None:
        self.name, self.dtypes, self.close = reference.name, reference.dtypes, reference.close
        self.cast = clock.timed(reference.cast, "casts of the reference")
        self._fill = clock.timed(reference.fill, "random weights: into the reference")
        self._call, self._clock = clock.timed(reference), clock

    def fill(self, arrays: Any) -> None:
        self._clock.forward = SECOND
        self._fill(arrays)

    def __call__(self, images: Any) -> Any:
        return self._call(images)


def prove(name: str, kind: str) -> dict[str, Any]:
    """Seconds of the parts of a proof, and of the whole."""
    from gluon2torch.parity import map_proof, measurement, proof
    from tests.conftest import random_network

    converted, clock = random_network(name), Clock()
    reference = Timed(proof.open_reference(converted, kind, converted.fit.keymap.stages), clock)
    parts = [
        (measurement, "stage_outputs", None),
        (measurement, "compare_outputs", "comparisons"),
        (measurement, "_condition", "condition numbers"),
        (map_proof, "draw_network", "random weights: drawn and converted"),
    ]
    originals = [getattr(module, function) for module, function, _ in parts]
    for (module, function, part), original in zip(parts, originals, strict=True):
        setattr(module, function, clock.timed(original, part))
    try:
        clock.timed(proof.prove_against, "whole")(converted, reference)
    finally:
        for (module, function, _), original in zip(parts, originals, strict=True):
            setattr(module, function, original)
    return clock.seconds


@click.command(help=__doc__)
@click.argument("models", nargs=-1)
@click.option("--reference", "kind", default="gluon", help="or graph")
@click.option("--parts", is_flag=True, help="print what the rest is spent on")
def main(models: tuple[str, ...], kind: str, parts: bool) -> None:
    prove("cifar_resnet20_v1", kind)  # imports, and each library's first call
    total: dict[str, Any] = Counter()
    for name in models or MODELS:
        found = prove(name, kind)
        total.update(found)
        print(row(name, found), flush=True)
        if parts:
            rest = {
                part: seconds for part, seconds in found.items() if part not in (FIRST, "whole")
            }
            rest["other"] = found["whole"] - found[FIRST] - sum(rest.values())
            for part, (wall, _) in sorted(rest.items(), key=lambda item: -item[1][0]):
                print(f"    {part:40} {wall:7.2f} s")
    print(row("all", total), " (below 1.3)")


def row(name: str, seconds: dict[str, Any]) -> str:
    (whole, whole_cpu), (forward, forward_cpu) = seconds["whole"], seconds[FIRST]
    return (
        f"{name:24} {whole:7.2f} s / {forward:7.2f} s = {whole / forward:.2f}; "
        f"{whole_cpu / forward_cpu:.2f} of processor time"
    )


if __name__ == "__main__":
    main()
