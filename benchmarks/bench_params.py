"""What a `.params` file costs on its way to a `.pth`, over copying and hashing it once.

In one process and in turns, medians of some rounds: the floor, which reads each byte once, hashes
it and writes it, on one thread; our road with its parts apart; MXNet's reader and a plain
torch.save. On the weights of a ResNet-152, and on a file of more than 4 GiB (one round; it needs
14 GB of disk in the temporary folder). Memory is measured in a process of its own.

    python benchmarks/bench_params.py [--skip-large] [--rounds N]
"""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
BLOCK = 1 << 20
LARGE_ARRAYS, LARGE_ARRAY = 270, 16 << 20
# the parts that the floor has too: once over every byte, and out
CORE = ("parse", "tensors", "content hash", "write+file hash")

MXNET = "MXNet's road"

Seconds = dict[str, float]


def make_small(path: Path) -> None:
    """A ResNet-152's weights, random."""
    from gluon2torch.mappings.catalog import load_catalog
    from gluon2torch.mappings.key_map import load_keymap
    from gluon2torch.sources.params_writer import write_params
    from gluon2torch.sources.random_arrays import random_arrays

    entry = load_catalog().find("resnet152_v1b")
    pattern = load_keymap(entry.family).residual_end[entry.network["block"]]
    write_params(path, random_arrays(entry.name, pattern, seed=0, num_classes=1000))


def make_large(path: Path) -> None:
    """Past 4 GiB: large weights, and a small array behind each."""
    from gluon2torch.sources.params_writer import write_params

    rng = np.random.default_rng(0)
    weight = rng.standard_normal((LARGE_ARRAY // 4096, 1024), np.float32)
    bias = rng.standard_normal(1024, np.float32)
    arrays = {}
    for index in range(LARGE_ARRAYS):
        arrays[f"layers.{index}.weight"] = weight
        arrays[f"layers.{index}.bias"] = bias
    write_params(path, arrays)


def floor(source: Path, folder: Path) -> None:
    """Read once, hash once, write once."""
    digest = hashlib.sha256()
    target = folder / "copy"
    with source.open("rb") as file, target.open("wb") as copy:
        while block := file.read(BLOCK):
            digest.update(block)
            copy.write(block)
    digest.hexdigest()


def our_road(source: Path, folder: Path) -> Seconds:
    """Seconds of each part. What is measured is what a conversion calls."""
    import torch

    from gluon2torch.checkpoints.formats import pth
    from gluon2torch.checkpoints.formats.job import Job
    from gluon2torch.files.hashes import file_sha1
    from gluon2torch.sources.params import read_params
    from gluon2torch.weights.content_hash import content_sha256

    seconds: Seconds = defaultdict(float)
    arrays = timed(read_params, seconds, "parse")(source)
    tensors = timed(
        lambda: {name: torch.from_numpy(array) for name, array in arrays.items()},
        seconds,
        "tensors",
    )()
    timed(content_sha256, seconds, "content hash")(tensors)
    with (
        mock.patch.object(torch, "load", timed(torch.load, seconds, "read back")),
        mock.patch.object(pth, "compare", timed(pth.compare, seconds, "read back")),
        mock.patch.object(pth, "publish", timed(pth.publish, seconds, "fsync")),
    ):
        job = Job(tensors, folder, "bench", record=None, network=None)
        timed(pth.write_pth, seconds, "write+file hash")(job)
    seconds["write+file hash"] -= seconds["read back"] + seconds["fsync"]
    timed(file_sha1, seconds, "source's SHA-1")(source)
    return seconds


def mxnet_road(source: Path, folder: Path) -> None:
    """The usual way: MXNet reads, NumPy copies, torch saves, the file is hashed."""
    import torch

    from gluon2torch.sources.mxnet_compat import import_mxnet

    arrays = import_mxnet().nd.load(str(source))
    tensors = {name: torch.from_numpy(array.asnumpy()) for name, array in arrays.items()}
    target = folder / "theirs.pth"
    torch.save(tensors, target)
    digest = hashlib.sha256()
    with target.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    digest.hexdigest()


def timed(function: Callable[..., Any], seconds: Seconds, part: str) -> Callable[..., Any]:
    """The function, which adds what it takes to a part."""

    def measured(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments, **options)
        seconds[part] += time.perf_counter() - start
        return result

    return measured


def one_round(source: Path, folder: Path) -> Seconds:
    """Seconds of the floor, of each part of our road, and of MXNet's."""
    seconds: Seconds = defaultdict(float)
    timed(floor, seconds, "floor")(source, folder)
    empty(folder)
    for part, value in our_road(source, folder).items():
        seconds[part] = value
    empty(folder)
    timed(mxnet_road, seconds, MXNET)(source, folder)
    empty(folder)
    return seconds


def empty(folder: Path) -> None:
    gc.collect()
    for path in folder.iterdir():
        path.unlink()
    os.sync()  # nobody pays for another's unwritten pages


def report(name: str, size: int, rounds: list[Seconds], memory: int) -> float:
    """Print one file's figures → seconds per GB of our road."""
    seconds = {part: median(each[part] for each in rounds) for part in rounds[0]}
    theirs, base = seconds.pop(MXNET), seconds.pop("floor")
    core = sum(seconds[part] for part in CORE)
    print(f"{name}, {size / 1e9:.3f} GB, rounds: {len(rounds)}")
    print(f"  {'floor':16} {base:8.3f} s  {size / base / 1e9:.2f} GB/s")
    for part, value in seconds.items():
        print(f"  {part:16} {value:8.3f} s  {value / base:.2f} of the floor")
    print(f"  {MXNET:16} {theirs:8.3f} s")
    print(f"  {' + '.join(CORE)} / floor: {core / base:.2f}  (wanted: at most 1.5)")
    print(f"  all / floor: {sum(seconds.values()) / base:.2f}  (wanted: at most 2.2)")
    same = core - seconds["content hash"]
    print(
        f"  MXNet's road / ours: {theirs / core:.2f}  (wanted: at least 1.4); "
        f"{theirs / same:.2f} without the content hash, which it does not make"
    )
    print(
        f"  added memory / file: {memory / size:.3f}, {memory / 1e6:.0f} MB  (wanted: at most 0.3)",
        flush=True,
    )
    return core / size


def anonymous_memory() -> int:
    """Bytes of this process that no file stands behind."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


def added_memory(source: Path, folder: Path) -> int:
    """The most that our road takes on top of the imports, in this process."""
    from gluon2torch.sources.params_writer import write_params

    small = folder / "small.params"  # the first use of each library is its own cost
    write_params(small, {"weight": np.zeros((8, 8), np.float32)})
    our_road(small, folder)
    before = most = anonymous_memory()
    over = threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.002):
            most = max(most, anonymous_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    our_road(source, folder)
    over.set()
    watcher.join()
    return most - before


def in_own_process(function: str, *paths: Path) -> str:
    """Call one of these functions in another process → what it returns, as text."""
    arguments = ", ".join(f"Path({str(path)!r})" for path in paths)
    script = (
        "import sys; from pathlib import Path; sys.path[:0] = ['benchmarks', '.']; "
        f"import bench_params; print(bench_params.{function}({arguments}))"
    )
    command = (sys.executable, "-c", script)
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip().rpartition("\n")[2]


@click.command(help=__doc__)
@click.option("--skip-large", is_flag=True, help="Leave the file of more than 4 GiB out.")
@click.option("--rounds", default=7, show_default=True)
def main(skip_large: bool, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        folder = base / "out"
        folder.mkdir()
        files = [("ResNet-152", "make_small", rounds)]
        if not skip_large:
            files.append(("more than 4 GiB", "make_large", 1))
        per_byte = []
        for name, maker, count in files:
            source = base / f"{maker}.params"
            in_own_process(maker, source)
            memory = int(in_own_process("added_memory", source, folder))
            empty(folder)
            if not per_byte:
                one_round(source, folder)  # imports, and each library's first call
            measured = [one_round(source, folder) for _ in range(count)]
            per_byte.append(report(name, source.stat().st_size, measured, memory))
            source.unlink()
        if not skip_large:
            print(f"cost per byte, large over small: {per_byte[1] / per_byte[0]:.2f}")


if __name__ == "__main__":
    main()
