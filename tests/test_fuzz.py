from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from gluon2torch.errors import ConversionError
from gluon2torch.sources.params import SparseArray, parse_params
from tests.fuzz.mutate import load_seeds, mutated, run_chunk

ROOT = Path(__file__).resolve().parents[1]
INPUTS = 50_000
READ, UNREAD = 240, 60  # inputs shown to MXNet: those that we read, and those that we refuse
BATCH = 30  # inputs for a child, until one ends it
MEMORY = 4 << 30
MAX_DENSE = 1 << 20  # a sparse array's size is not bounded by its file
INT32 = 1 << 31  # MXNet's Python sees sizes modulo 2³²


def test_no_damaged_file_makes_the_reader_fall_over() -> None:
    parsed, failure = run_chunk(seed=0, chunk=0, count=INPUTS)
    assert failure is None, failure
    assert INPUTS // 50 < parsed < INPUTS // 2  # both roads are taken


@pytest.mark.mxnet
def test_what_we_read_mxnet_reads_alike(tmp_path: Path) -> None:
    count = write_inputs(tmp_path)
    process = subprocess.run(
        [sys.executable, "-m", "tests.test_fuzz", str(tmp_path), str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=120,
    )
    outcomes = json.loads(process.stdout.splitlines()[-1])
    print(outcomes)
    assert sum(outcomes.values()) == count
    different = [outcome for outcome in outcomes if outcome.startswith("different")]
    assert different == []
    assert outcomes["equal"] > READ // 2


def write_inputs(folder: Path) -> int:
    """Fill a folder with inputs, the ones that we read first → how many they are."""
    read: list[bytes] = []
    unread: list[bytes] = []
    inputs = mutated(Random("differential"), load_seeds())
    while len(read) < READ or len(unread) < UNREAD:
        content = next(inputs)
        if content.startswith(b"PK"):  # MXNet 1.9.1 reads no .npz
            continue
        try:
            parse_params(content, "fuzz")
        except ConversionError:
            unread.append(content)
        else:
            read.append(content)
    chosen = read[:READ] + unread[:UNREAD]
    for number, content in enumerate(chosen):
        (folder / str(number)).write_bytes(content)
    return len(chosen)


# what follows runs in a process of its own: MXNet crashes on some files, fills the memory on others


def compare_all(folder: Path, count: int) -> dict[str, int]:
    """How often each outcome came about."""
    import resource  # which Windows does not have

    from gluon2torch.sources.mxnet_compat import import_mxnet

    mxnet = import_mxnet()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    outcomes: dict[str, int] = {}
    number = 0
    while number < count:
        results, crashed = compare_batch(mxnet, folder, range(number, min(number + BATCH, count)))
        results += ["MXNet crashes"] if crashed else []
        for outcome in results:
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        number += len(results)
    return outcomes


def compare_batch(mxnet: Any, folder: Path, numbers: range) -> tuple[list[str], bool]:
    """The outcomes up to a crash, and whether there was one; in a fork, which is cheap."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        for number in numbers:
            os.write(writer, (compare(mxnet, folder / str(number)) + "\n").encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        results = lines.read().splitlines()
    os.waitpid(child, 0)
    return results, len(results) < len(numbers)


def compare(mxnet: Any, path: Path) -> str:
    """Read a file with both."""
    try:
        ours = parse_params(path.read_bytes(), "fuzz")
    except ConversionError:
        ours = None
    try:
        with mxnet.util.np_shape(ours is not None and ours.version == "V3"):
            loaded = mxnet.nd.load(str(path))
            named = isinstance(loaded, dict)
            theirs = loaded if named else {str(i): array for i, array in enumerate(loaded)}
            theirs = {name: (array.shape, array.asnumpy()) for name, array in theirs.items()}
    except Exception:  # its errors, MemoryError, and plain exceptions for what it does not know
        return "both refuse" if ours is None else "MXNet refuses"
    if ours is None:
        return "we refuse"
    if list(ours.arrays) != list(theirs):
        return f"different names: {path.read_bytes().hex()}"
    for name, (shape, array) in theirs.items():
        if not alike(ours.arrays[name], shape, array, name in ours.bfloat16):
            return f"different {name}: {path.read_bytes().hex()}"
    return "equal"


def alike(ours: Any, shape: tuple[int, ...], theirs: Any, is_bfloat16: bool) -> bool:
    if ours is None or max(ours.shape, default=0) >= INT32:
        return True
    if isinstance(ours, SparseArray):
        if int(np.prod(ours.shape, dtype=object)) > MAX_DENSE:
            return True
        ours = ours.dense()
    if is_bfloat16:
        theirs = (theirs.view("<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    return ours.dtype == theirs.dtype and ours.shape == shape and ours.tobytes() == theirs.tobytes()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(compare_all(Path(sys.argv[1]), int(sys.argv[2]))))
