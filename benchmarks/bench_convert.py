"""What a conversion costs over the forward passes that it cannot do without.

For each network, in one process: the whole conversion with parity, then the forward passes alone
(float32 and float64, both sides, both sizes, batch 2, MXNet hybridised), each run once as in the
conversion. Imports and the random initialisation are left out of both. Then, each in a process of
its own: `--reference none` against the way timm's weights were made.

    python benchmarks/bench_convert.py [MODEL]...        all 21 by default
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
CHEAP = "resnet50_v1d"
LARGE = "senet_154"


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


def timm_route(name: str, timm_name: str, path: str) -> None:
    """GluonCV's arrays, zipped in order into timm's network; saved, hashed, not checked."""
    import hashlib

    import torch

    from gluon2torch.sources.mxnet_compat import import_mxnet, lent_names
    from tests.conftest import import_client

    mxnet = import_mxnet()
    from gluoncv.model_zoo import get_model

    with lent_names():
        net = get_model(name, pretrained=False)
    net.initialize(mxnet.init.Xavier())
    net(mxnet.nd.zeros((1, 3, 224, 224)))
    network = import_client("timm").create_model(timm_name)
    theirs = [parameter.data().asnumpy() for parameter in net.collect_params().values()]
    ours = {k: v for k, v in network.state_dict().items() if "num_batches_tracked" not in k}
    state_dict = {key: torch.from_numpy(array) for key, array in zip(ours, theirs, strict=True)}
    torch.save(state_dict, path)
    hashlib.sha256(Path(path).read_bytes()).hexdigest()


def in_own_process(*command: str) -> tuple[float, float]:
    """Seconds and peak memory (GB) of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e9


@click.command(help=__doc__)
@click.argument("models", nargs=-1)
def main(models: tuple[str, ...]) -> None:
    from gluon2torch.mappings.catalog import load_catalog

    names = list(models or load_catalog().published_set)
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        # first of all: a process counts the memory of the one that started it
        common = (python, "convert.py", "--init", "random", "-o", folder)
        seconds, memory = in_own_process(*common, *names)
        print(f"one process, imports and all: {seconds:.0f} s, peak {memory:.2f} GB  (below 4)")
        for name, timm_name in ((CHEAP, "resnet50d"), (LARGE, "senet154")):
            script = (
                "import sys; sys.path[:0] = ['benchmarks', '.']; import bench_convert; "
                f"bench_convert.timm_route({name!r}, {timm_name!r}, '{folder}/timm.pth')"
            )
            ours = in_own_process(*common, name, "--reference", "none")
            theirs = in_own_process(python, "-c", script)
            print(
                f"{name}: --reference none {ours[0]:.1f} s, {ours[1]:.2f} GB; the way of timm's "
                f"weights {theirs[0]:.1f} s, {theirs[1]:.2f} GB; "
                f"ratio {ours[0] / theirs[0]:.2f}, {ours[1] / theirs[1]:.2f}  (below 1)"
            )

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
