"""What a `.params` file costs on its way to a `.pth`, in one process, and how that grows.

Ours is what a conversion does: parse, SHA-1 of the source, content hash, write, SHA-256, and
comparison of what was written. It is measured in turns with (b), the floor: the file is copied and
hashed once; and (e), MXNet's reader and torch.save. The least of some rounds counts, for files of
10 MB to 4.5 GB, which need 14 GB of disk in the temporary folder; and memory, in a process of its
own.

    python benchmarks/bench_params.py [--largest GB] [--rounds N] [--plot FILE.svg]
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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
from processes import busy

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
BLOCK = 1 << 20
ARRAY = 4 << 20  # bytes of the larger arrays; behind each is a small one
SIZES = 10, 40, 160, 640, 2500, 4500  # MB
WANTED = 1.5


def make_small(path: Path) -> None:
    """A ResNet-152's weights, random."""
    from gluon2torch.mappings.catalog import load_catalog
    from gluon2torch.mappings.key_map import load_keymap
    from gluon2torch.sources.params_writer import write_params
    from gluon2torch.sources.random_arrays import random_arrays

    entry = load_catalog().find("resnet152_v1b")
    pattern = load_keymap(entry.family).residual_end[entry.network["block"]]
    write_params(path, random_arrays(entry.name, pattern, seed=0, num_classes=1000))


def make_file(path: Path, size: int) -> None:
    """A file of about `size` bytes: large weights, and a small array behind each."""
    from gluon2torch.sources.params_writer import write_params

    rng = np.random.default_rng(0)
    weight = rng.standard_normal((ARRAY // 4096, 1024), np.float32)
    bias = rng.standard_normal(1024, np.float32)
    arrays = {}
    for index in range(size // ARRAY):
        arrays[f"layers.{index}.weight"] = weight
        arrays[f"layers.{index}.bias"] = bias
    write_params(path, arrays)


def floor(source: Path, folder: Path) -> None:
    """Read once, hash once, write once."""
    digest = hashlib.sha256()
    with source.open("rb") as file, (folder / "copy").open("wb") as copy:
        while block := file.read(BLOCK):
            digest.update(block)
            copy.write(block)
    digest.hexdigest()


def our_way(source: Path, folder: Path) -> None:
    """The functions that a conversion calls."""
    from gluon2torch.checkpoints.formats import pth
    from gluon2torch.checkpoints.formats.job import Job
    from gluon2torch.files.hashes import file_sha1
    from gluon2torch.sources.params import dense_arrays
    from gluon2torch.weights.content_hash import content_sha256
    from gluon2torch.weights.state_dict import to_tensors

    with ThreadPoolExecutor(1) as hashing:
        arrays = dense_arrays(source)
        hashes = hashing.submit(file_sha1, source), hashing.submit(content_sha256, arrays)
        pth.write_pth(Job(to_tensors(arrays), folder, "bench", draft=None, network=None))
        for each in hashes:
            each.result()


def mxnet_way(source: Path, folder: Path) -> None:
    """The usual way: MXNet reads, NumPy copies, torch saves, the file is hashed."""
    import torch

    from gluon2torch.files.hashes import file_sha256
    from gluon2torch.sources.mxnet_compat import import_mxnet

    arrays = import_mxnet().nd.load(str(source))
    tensors = {name: torch.from_numpy(array.asnumpy()) for name, array in arrays.items()}
    torch.save(tensors, folder / "theirs.pth")
    file_sha256(folder / "theirs.pth")


WAYS = {"(b) copy + SHA-256": floor, "ours": our_way, "(e) mx.nd.load + torch.save": mxnet_way}


def least(source: Path, folder: Path, rounds: int) -> dict[str, np.ndarray]:
    """The least wall and processor seconds of each way, measured in turns."""
    found = {name: np.full(2, np.inf) for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            found[name] = np.minimum(found[name], timed(lambda way=way: way(source, folder)))
            empty(folder)
    return found


def timed(call: Callable[[], object]) -> np.ndarray:
    start = np.array([time.perf_counter(), time.process_time()])
    call()
    return np.array([time.perf_counter(), time.process_time()]) - start


def empty(folder: Path) -> None:
    gc.collect()
    for path in folder.iterdir():
        path.unlink()
    os.sync()  # nobody pays for another's unwritten pages


def report(size: int, seconds: dict[str, np.ndarray]) -> str:
    base, ours, theirs = seconds.values()
    ratio, of_processor = ours / base
    return (
        f"{size / 1e6:7.0f} MB  (b) {base[0]:6.2f} s, ours {ours[0]:6.2f} s, "
        f"(e) {theirs[0]:6.2f} s; ours / (b): {ratio:.2f}, of processor {of_processor:.2f}; "
        f"ours / (e): {ours[0] / theirs[0]:.2f}; {ours[0] / size * 1e9:.2f} s/GB"
    )


def plot(sizes: list[int], measured: list[dict[str, np.ndarray]], path: Path) -> None:
    """Draw the seconds of each way over the size of the file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for name in WAYS:
        axes.loglog(
            [size / 1e6 for size in sizes], [row[name][0] for row in measured], "o-", label=name
        )
    axes.set(xlabel="size of the .params file (MB)", ylabel="time (s)")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def anonymous_memory() -> int:
    """Bytes of this process that no file stands behind."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


def added_memory(source: Path, folder: Path) -> int:
    """The most that our way takes on top of the imports, in this process."""
    from gluon2torch.sources.params_writer import write_params

    small = folder / "small.params"  # the first use of each library is its own cost
    write_params(small, {"weight": np.zeros((8, 8), np.float32)})
    our_way(small, folder)
    before = most = anonymous_memory()
    over = threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.002):
            most = max(most, anonymous_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    our_way(source, folder)
    over.set()
    watcher.join()
    return most - before


def in_own_process(call: str) -> str:
    """Call one of these functions in another process → what it returns, as text."""
    script = (
        "import sys; from pathlib import Path; sys.path[:0] = ['benchmarks', '.']; "
        f"import bench_params; print(bench_params.{call})"
    )
    command = (sys.executable, "-c", script)
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip().rpartition("\n")[2]


@click.command(help=__doc__)
@click.option(
    "--largest", default=4.5, show_default=True, metavar="GB", help="Size of the largest file."
)
@click.option("--rounds", default=5, show_default=True, help="Rounds for files below 1 GB.")
@click.option("--plot", "figure", type=click.Path(path_type=Path), help="Draw the growth.")
def main(largest: float, rounds: int, figure: Path | None) -> None:
    print(busy())
    sizes: list[int] = []
    measured: list[dict[str, np.ndarray]] = []
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        folder, source = base / "out", base / "source.params"
        folder.mkdir()
        makers = [f"make_small(Path({str(source)!r}))"]
        makers += [
            f"make_file(Path({str(source)!r}), {size}_000_000)"
            for size in SIZES
            if size <= largest * 1000
        ]
        for number, maker in enumerate(makers):
            in_own_process(maker)
            size = source.stat().st_size
            if number == 0:
                paths = ", ".join(f"Path({str(path)!r})" for path in (source, folder))
                added = int(in_own_process(f"added_memory({paths})"))
                empty(folder)
                least(source, folder, 1)  # imports, and each library's first call
            row = least(source, folder, rounds if size < 1e9 else 1)
            if number == 0:
                print(
                    f"ResNet-152, added memory {added / 1e6:.0f} MB "
                    f"(ours / (b) wanted: at most {WANTED}):"
                )
                print(report(size, row), "\ngrowth:", flush=True)
            else:
                sizes.append(size)
                measured.append(row)
                print(report(size, row), flush=True)
                if figure is not None:
                    plot(sizes, measured, figure)
            source.unlink()
    print(busy())


if __name__ == "__main__":
    main()
