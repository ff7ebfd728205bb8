"""Throws damaged `.params` files at the reader: it must read them or refuse them, never fall over.

python -m tests.fuzz.mutate --count 1000000 --seed 0 [--jobs 2]
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import struct
import sys
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from gluon2torch.errors import ConversionError
from gluon2torch.sources.params import LIST_MAGIC, V1_MAGIC, V2_MAGIC, V3_MAGIC, parse_params
from tests.conftest import DATA

MAGICS = {1: V1_MAGIC, 2: V2_MAGIC, 3: V3_MAGIC}
CHUNK = 10_000  # inputs that one random generator makes
LARGEST_SEED = 8192
EDGES = (
    0,
    1,
    2,
    3,
    4,
    32,
    33,
    255,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    *MAGICS.values(),
)
EDGES64 = (*EDGES, 1 << 32, 1 << 33, 1 << 58, (1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def list_bytes(arrays: Sequence[bytes], names: Sequence[str | bytes] | None) -> bytes:
    """A `.params` file of arrays that are bytes already; without names for None."""
    raw = [name.encode() if isinstance(name, str) else name for name in names or ()]
    return b"".join(
        [
            struct.pack("<QQQ", LIST_MAGIC, 0, len(arrays)),
            *arrays,
            struct.pack("<Q", len(raw)),
            *(struct.pack("<Q", len(name)) + name for name in raw),
        ]
    )


def shape_bytes(shape: Sequence[int], version: int = 2) -> bytes:
    """A shape as it stands in a file."""
    size = "I" if version == 0 else "q"
    return struct.pack(f"<i{len(shape)}{size}", len(shape), *shape)


def array_bytes(
    shape: Sequence[int],
    data: bytes = b"",
    *,
    version: int = 2,
    dtype: int = 0,
    storage: int = 0,
    stored: Sequence[int] = (),
    aux: Sequence[tuple[int, Sequence[int]]] = (),
    device: tuple[int, int] = (1, 0),
) -> bytes:
    """One array of a `.params` file; nothing is checked, so that it can be wrong.

    Args:
        data: the values, and behind them those of a sparse array's indices.
        stored: a sparse array's shape of storage.
        aux: dtype and shape of each list of indices.
    """
    head = b"" if version == 0 else struct.pack("<I", MAGICS[version])
    if version >= 2:
        head += struct.pack("<i", storage)
    if storage:
        head += shape_bytes(stored, version)
    return b"".join(
        [
            head,
            shape_bytes(shape, version),
            struct.pack("<iii", *device, dtype),
            *(struct.pack("<i", kind) + shape_bytes(dims, version) for kind, dims in aux),
            data,
        ]
    )


def none_bytes(version: int = 2) -> bytes:
    """MXNet's "no array"."""
    head = b"" if version == 0 else struct.pack("<I", MAGICS[version])
    return head + (struct.pack("<i", 0) if version >= 2 else b"") + shape_bytes((), version)


def row_sparse_bytes(rows: Sequence[int] = (1, 2)) -> bytes:
    """Two numbers in each of some rows of (4, 2)."""
    data = struct.pack(f"<{2 * len(rows)}f", *range(2 * len(rows)))
    indices = struct.pack(f"<{len(rows)}q", *rows)
    return array_bytes(
        (4, 2), data + indices, storage=1, stored=(len(rows), 2), aux=[(6, (len(rows),))]
    )


def csr_bytes(indptr: Sequence[int] = (0, 1, 2), indices: Sequence[int] = (2, 0)) -> bytes:
    """Single numbers in a sparse (2, 3)."""
    data = struct.pack(f"<{len(indices)}f", *range(len(indices)))
    lists = struct.pack(f"<{len(indptr)}q{len(indices)}q", *indptr, *indices)
    aux = [(6, (len(indptr),)), (6, (len(indices),))]
    return array_bytes((2, 3), data + lists, storage=2, stored=(len(indices),), aux=aux)


def zip_bytes(members: dict[str, bytes], **options: int) -> bytes:
    """A zip, stored unless the options tell otherwise."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy_bytes(array: np.ndarray) -> bytes:
    """An array as a `.npy` file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


@dataclass
class Seeds:
    """What the inputs are made from.

    Attributes:
        params: whole `.params` files.
        npy: members of an `.npz`; damaged inside, they are zipped with a checksum that fits.
        npz: whole `.npz` files; few of the inputs, for zips are read slowly.
    """

    params: list[bytes] = field(default_factory=list)
    npy: list[bytes] = field(default_factory=list)
    npz: list[bytes] = field(default_factory=list)


def load_seeds() -> Seeds:
    """Small files of every kind, and the real ones that are small too where they are at hand."""
    pair = struct.pack("<2f", 1.5, -2.0)
    params = [list_bytes([array_bytes((2,), pair, version=v)], ["w"]) for v in range(4)]
    params += [
        list_bytes([array_bytes((2,), bytes(16), dtype=flag)], ["arg:w"]) for flag in range(13)
    ]
    params += [
        list_bytes([], []),
        list_bytes([array_bytes((1, 2), pair), none_bytes()], None),
        list_bytes([none_bytes(0), array_bytes((2, 1), pair, version=0)], ["arg:a", "aux:b"]),
        list_bytes(
            [array_bytes((), pair[:4], version=3), array_bytes((0, 3), version=3)], ["a", "é"]
        ),
        list_bytes([row_sparse_bytes()], ["w"]),
        list_bytes([csr_bytes()], ["w"]),
        list_bytes([array_bytes((2,), pair, version=1), row_sparse_bytes(()), csr_bytes()], None),
    ]
    if DATA.is_dir():
        real = sorted(DATA.glob("samples/*")) + sorted(DATA.glob("params/*"))
        params += [path.read_bytes() for path in real if path.stat().st_size <= LARGEST_SEED]
    npy = [npy_bytes(np.arange(4, dtype=dtype).reshape(2, 2)) for dtype in ("<f4", "<i8", "|u1")]
    npz = [zip_bytes({"w.npy": npy[0], "b.npy": npy[2]})]
    return Seeds(params, npy, npz)


def mutated(rng: Random, seeds: Seeds) -> Iterator[bytes]:
    """Inputs without end."""
    random = rng.random
    while True:
        choice = random()
        if choice < 0.98:
            yield damage(random, seeds.params)
        elif choice < 0.99:
            yield zip_bytes({"w.npy": damage(random, seeds.npy)})
        else:
            yield damage(random, seeds.npz)


def damage(random: Callable[[], float], seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, damaged once or a few times."""
    data = bytearray(seeds[int(random() * len(seeds))])
    again = True
    while again:
        size = len(data)
        at = int(random() * size)
        kind = int(random() * 14)
        if not data:
            data += b"\x12"
        elif kind < 2:
            data[at] ^= 1 << int(random() * 8)
        elif kind < 4:
            data[at] = int(random() * 256)
        elif kind < 9:
            overwrite_field(random, data, at)
        elif kind == 9:
            del data[at:]
        elif kind == 10:
            del data[at : at + 1 + int(random() * 16)]
        elif kind == 11:
            start = int(random() * size)
            data[at:at] = data[start : start + 1 + int(random() * 64)]
        elif kind == 12:
            other = seeds[int(random() * len(seeds))]
            data[at:] = other[int(random() * len(other)) if random() < 0.5 else at :]
        else:
            data[at:at] = int(random() * 2**32).to_bytes(4, "little")
        again = random() < 0.4
    return bytes(data)


def overwrite_field(random: Callable[[], float], data: bytearray, at: int) -> None:
    """Put an edge value, or the value's neighbour, where a whole number could stand."""
    at -= at % 4  # but for the names', all fields are aligned so
    width, edges = (4, EDGES) if random() < 0.5 else (8, EDGES64)
    if random() < 0.3:
        value = int.from_bytes(data[at : at + width], "little") + (1 if random() < 0.5 else -1)
    else:
        value = edges[int(random() * len(edges))]
    data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")


def run_chunk(seed: int, chunk: int, count: int = CHUNK) -> tuple[int, str | None]:
    """How many of a chunk's inputs are read, and the first failure's report."""
    parsed = 0
    inputs = mutated(Random(f"{seed}/{chunk}"), _SEEDS)
    for number in range(count):
        data = next(inputs)
        try:
            parse_params(data, "fuzz")
            parsed += 1
        except ConversionError:
            pass
        except Exception:
            where = f"--seed {seed}, chunk {chunk}, input {number}"
            return parsed, f"{traceback.format_exc()}{where}:\n{data.hex()}"
    return parsed, None


_SEEDS = load_seeds()


def _run(job: tuple[int, int, int]) -> tuple[int, int, str | None]:
    warnings.simplefilter("error")
    return job[2], *run_chunk(*job)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    jobs = [
        (options.seed, chunk, min(CHUNK, options.count - start))
        for chunk, start in enumerate(range(0, options.count, CHUNK))
    ]
    done = read = 0
    start = time.perf_counter()
    with multiprocessing.Pool(options.jobs) as pool:
        for count, parsed, failure in pool.imap_unordered(_run, jobs):
            if failure:
                print(failure)
                sys.exit(1)
            done, read = done + count, read + parsed
    seconds = time.perf_counter() - start
    print(
        f"{done} inputs in {seconds:.1f} s, {done / seconds:.0f}/s; "
        f"{read} were read, {done - read} refused"
    )


if __name__ == "__main__":
    main()
