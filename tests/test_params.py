from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import pickle
import re
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluon2torch.errors import ParamsFileError
from gluon2torch.sources.params import (
    BFLOAT16,
    DTYPES,
    LIST_MAGIC,
    SparseArray,
    parse_params,
    read_params,
    read_params_file,
)
from gluon2torch.sources.params_writer import write_params
from tests.fuzz.mutate import (
    array_bytes,
    csr_bytes,
    list_bytes,
    none_bytes,
    npy_bytes,
    row_sparse_bytes,
    zip_bytes,
)

PAIR = struct.pack("<2f", 1.0, 2.0)
REAL = [
    *("binarized_mnist_v0-0001", "cifar_resnet20_v1-0000", "cifar_resnet20_v1_structural"),
    *("cifar_resnet56_v2-0000", "fc_v2-0000", "mlp_v1-0000", "mnist_v0-0010"),
    *("mobilefacenet-0000", "testnet_v1_prefixed"),
]
SAMPLES = [
    *("csr", "dense_bfloat16", "dense_bool", "dense_float16", "dense_float32", "dense_float64"),
    *("dense_int32", "dense_int64", "dense_int8", "dense_uint8", "empty", "list_noname"),
    *("np_v3", "row_sparse", "row_sparse_zero", "single", "unicode"),
]
FILES = [
    *(f"params/{name}.params" for name in REAL),
    "params/legacy_ndarray.v0",
    *(f"samples/{name}.params" for name in SAMPLES),
]
# what MXNet 1.9.1 has; the whole numbers of 16 bits and the unsigned ones are newer
MXNET_FLAGS = (0, 1, 2, 3, 4, 5, 6, 7)
FLAGS = [flag for flag in DTYPES if flag != BFLOAT16]


def one(array: bytes, name: str | bytes = "w") -> bytes:
    return list_bytes([array], [name])


def dense(array: Any) -> np.ndarray:
    return array.dense() if isinstance(array, SparseArray) else array


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


# the real files


def test_the_list_of_real_files_is_whole(data: Path) -> None:
    found = {path for path in data.glob("*/*") if path.suffix in (".params", ".v0")}
    assert found == {data / name for name in FILES}


@pytest.mark.mxnet
@pytest.mark.parametrize("name", FILES)
def test_a_real_file_reads_as_mxnet_reads_it(data: Path, name: str) -> None:
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mxnet = import_mxnet()
    file = read_params_file(data / name)
    with mxnet.util.np_shape(file.version == "V3"):
        theirs = mxnet.nd.load(str(data / name))
        if not isinstance(theirs, dict):
            assert not file.named or not theirs
            theirs = {str(index): array for index, array in enumerate(theirs)}
        theirs = {key: array.asnumpy() for key, array in theirs.items()}
    assert list(file.arrays) == list(theirs)
    for key, array in theirs.items():
        if key in file.bfloat16:  # NumPy has none: its bits are the upper half of a float32's
            array = (array.view("<u2").astype("<u4") << 16).view("<f4")
        assert same(dense(file.arrays[key]), array), key


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_is_written_as_it_was(data: Path, name: str, tmp_path: Path) -> None:
    file = read_params_file(data / name)
    copy = tmp_path / "copy.params"
    version = 2 if file.version == "empty" else int(file.version[1:])
    arguments: dict[str, Any] = {
        "version": version,
        "named": file.named,
        "bfloat16": file.bfloat16,
    }
    if any(isinstance(array, SparseArray) for array in file.arrays.values()):
        with pytest.raises(ParamsFileError, match="is sparse; only dense arrays can be written"):
            write_params(copy, file.arrays, **arguments)
        assert list(tmp_path.iterdir()) == []
        return
    write_params(copy, file.arrays, **arguments)
    assert copy.read_bytes() == (data / name).read_bytes()


# round trips


@st.composite
def written(draw: Any, versions: tuple[int, ...] = (0, 1, 2, 3), flags: Any = FLAGS) -> dict:
    """What can be written, as `write_params` takes it."""
    version = draw(st.sampled_from(versions))
    # a 0 in a shape and a scalar are NumPy's, of version 3; older ones have "no array"
    sizes = st.lists(
        st.integers(0 if version == 3 else 1, 5), min_size=0 if version == 3 else 1, max_size=4
    )
    names = st.text(st.characters(codec="utf-8", exclude_characters="\0:"), min_size=1, max_size=9)
    arrays, bfloat16 = {}, set()
    for name in draw(st.lists(names, max_size=4, unique=True)):
        shape = tuple(draw(sizes))
        kind = draw(st.sampled_from((*flags, BFLOAT16, None)))
        if kind is None and version < 3:
            arrays[name] = None
            continue
        dtype = np.dtype(DTYPES[kind or 0])
        size = math.prod(shape) * dtype.itemsize
        raw = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8)
        if kind == 7:
            raw = raw % 2
        array = raw.view(dtype).reshape(shape)
        if kind == BFLOAT16:
            bfloat16.add(name)
            array = (raw.view("<u2").astype("<u4") << 16).view("<f4").reshape(shape)
        arrays[name] = array
    return {
        "arrays": arrays,
        "version": version,
        "named": draw(st.booleans()),
        "bfloat16": frozenset(bfloat16),
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=written())
def test_what_is_written_is_read(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "w.params"
    write_params(path, **case)
    file = read_params_file(path)
    arrays = case["arrays"]
    named = case["named"] or not arrays
    assert file.named == named
    assert file.version == (f"V{case['version']}" if arrays else "empty")
    assert list(file.arrays) == (
        list(arrays) if named else [str(index) for index in range(len(arrays))]
    )
    of_name = dict(zip(arrays, file.arrays, strict=True))
    assert file.bfloat16 == {of_name[name] for name in case["bfloat16"]}
    for name, array in arrays.items():
        read = file.arrays[of_name[name]]
        assert (read is None) == (array is None)
        if array is not None:
            assert same(read, array)


@pytest.mark.mxnet
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=written(versions=(2,), flags=MXNET_FLAGS))
def test_version_2_is_written_as_mxnet_writes_it(case: dict[str, Any], tmp_path: Path) -> None:
    from gluon2torch.sources.mxnet_compat import import_mxnet

    mxnet = import_mxnet()
    kept = {
        name: array
        for name, array in case["arrays"].items()
        if array is not None and name not in case["bfloat16"]
    }
    theirs = {name: mxnet.nd.array(array, dtype=array.dtype) for name, array in kept.items()}
    mxnet.nd.save(str(tmp_path / "theirs"), theirs if case["named"] else list(theirs.values()))
    # without any, MXNet writes no names either way
    write_params(tmp_path / "ours", kept, named=case["named"])
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"w": np.zeros((), "f4")}, {}, "w: a scalar can only be stored in version 3"),
        ({"w": None}, {"version": 3}, "w: None \\(no array\\) cannot be stored in version 3"),
        ({"w": [1.0]}, {}, "w: is a list; expected a NumPy array"),
        ({"w": np.zeros(2, "c8")}, {}, "w: MXNet has no dtype complex64"),
        (
            {"w": np.ones(2, "f4") / 3},
            {"bfloat16": {"w"}},
            "w: bfloat16 cannot represent its values",
        ),
    ],
)
def test_what_a_version_cannot_hold_is_not_written(
    arrays: dict[str, Any], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ParamsFileError, match=message):
        write_params(tmp_path / "w.params", arrays, **options)
    assert list(tmp_path.iterdir()) == []


# views


def test_arrays_are_views_and_the_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "w.params"
    arrays = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.ones(3, "f4")}
    write_params(path, arrays)
    before = path.read_bytes()
    read = read_params(path)
    for array in read.values():
        assert isinstance(array, np.ndarray)
        assert not array.flags.owndata
        assert array.flags.aligned
        assert array.flags.writeable
    whole = np.frombuffer(base(read["a"]), np.uint8)
    assert np.shares_memory(read["a"], whole)
    assert np.shares_memory(read["b"], whole)  # one map of the file for all
    read["a"][:] = -1
    assert path.read_bytes() == before
    assert same(read_params(path)["a"], arrays["a"])


def base(array: Any) -> Any:
    while isinstance(array, np.ndarray):
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def test_what_is_not_aligned_is_copied(tmp_path: Path) -> None:
    odd = list_bytes(
        [array_bytes((1,), b"\1", dtype=3), array_bytes((2,), PAIR)], ["byte", "floats"]
    )
    (tmp_path / "w.params").write_bytes(odd)
    floats = read_params(tmp_path / "w.params")["floats"]
    assert isinstance(floats, np.ndarray)
    assert floats.flags.aligned
    assert floats.tolist() == [1.0, 2.0]


# what parses


@pytest.mark.parametrize("device", [(1, 0), (2, 0), (2, 7), (3, 0), (5, 0), (99, -1)])
def test_the_device_is_of_no_matter(device: tuple[int, int]) -> None:
    array = parse_params(one(array_bytes((2,), PAIR, device=device)), "f").arrays["w"]
    assert dense(array).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("flag", [0, 1, 2, BFLOAT16])
def test_nan_and_inf_and_half_precision_parse(flag: int) -> None:
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 1.0], "<f4")
    if flag == BFLOAT16:
        raw = (values.view("<u4") >> 16).astype("<u2").tobytes()
    else:
        raw = (values := values.astype(DTYPES[flag])).tobytes()
    file = parse_params(one(array_bytes((5,), raw, dtype=flag)), "f")
    assert same(dense(file.arrays["w"]), values)
    assert file.bfloat16 == ({"w"} if flag == BFLOAT16 else set())


@pytest.mark.parametrize("shape", [(), (2,), (0,), (1, 2)])
def test_bfloat16_of_any_shape(shape: tuple[int, ...]) -> None:
    raw = b"\xc0\x3f" * math.prod(shape)
    file = parse_params(one(array_bytes(shape, raw, version=3, dtype=BFLOAT16)), "f")
    assert same(dense(file.arrays["w"]), np.full(shape, 1.5, "f4"))


def test_sparse_bfloat16_is_widened_too() -> None:
    raw = struct.pack("<2Hq", 0x3F80, 0x4000, 1)
    sparse = array_bytes((4, 2), raw, storage=1, stored=(1, 2), aux=[(6, (1,))], dtype=BFLOAT16)
    file = parse_params(one(sparse), "f")
    assert file.bfloat16 == {"w"}
    assert dense(file.arrays["w"]).tolist() == [[0, 0], [1, 2], [0, 0], [0, 0]]


@pytest.mark.parametrize("flag", [4, 6, 8, 9, 10, 11])
def test_sparse_indices_of_any_whole_number(flag: int) -> None:
    lists = np.array([0, 1, 2], DTYPES[flag]).tobytes() + np.array([2, 0], DTYPES[flag]).tobytes()
    aux = [(flag, (3,)), (flag, (2,))]
    array = array_bytes((2, 3), PAIR + lists, storage=2, stored=(2,), aux=aux)
    assert dense(parse_params(one(array), "f").arrays["w"]).tolist() == [[0, 0, 1], [2, 0, 0]]


def test_a_list_of_versions_that_differ() -> None:
    arrays = [array_bytes((2,), PAIR, version=0), none_bytes(1), array_bytes((2,), PAIR, version=2)]
    file = parse_params(list_bytes(arrays, ["a", "b", "c"]), "f")
    assert file.version == "V2"
    assert file.arrays["b"] is None


# what is refused


def header(magic: int = LIST_MAGIC, reserved: int = 0, count: int = 1) -> bytes:
    return struct.pack("<QQQ", magic, reserved, count)


def names(*raw: bytes) -> bytes:
    return struct.pack("<Q", len(raw)) + b"".join(struct.pack("<Q", len(n)) + n for n in raw)


ARRAY = array_bytes(
    (2,), PAIR
)  # 40 bytes: its shape at 32, device at 44, dtype at 52, values at 56
NAMES_AT = 24 + len(ARRAY)
BIG = 1 << 62
REFUSED: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 0, "0 bytes are too few"),
    "too short": (header()[:23], 0, "23 bytes are too few"),
    "wrong magic": (header(magic=0x113) + bytes(16), 0, "does not begin with 0x112"),
    "reserved": (header(reserved=7) + bytes(16), 8, "reserved field is 7"),
    "too many arrays": (header(count=1 << 40) + bytes(64), 16, "1099511627776 arrays do not fit"),
    "most arrays": (header(count=(1 << 64) - 1) + bytes(64), 16, "arrays do not fit"),
    "array magic": (header() + struct.pack("<I", 0xF993FACB) + bytes(64), 24, "unknown magic"),
    "V0 of 33 dimensions": (header() + struct.pack("<I", 33) + bytes(999), 24, "magic 0x00000021"),
    **{
        f"V{version}: {ndim} dimensions": (
            header()
            + array_bytes((), version=version)[: 4 if version == 1 else 8]
            + struct.pack("<i", ndim)
            + bytes(999),
            28 if version == 1 else 32,
            f"{ndim} dimensions; 0 to 32 are allowed",
        )
        for version in (1, 2, 3)
        for ndim in (-1, 33, 1 << 30, -(1 << 31))
    },
    "negative size": (one(array_bytes((2, -1), PAIR)), 36, r"impossible shape \(2, -1\)"),
    "smallest size": (one(array_bytes((-(1 << 63),), PAIR)), 36, "impossible shape"),
    "two negative sizes": (one(array_bytes((-1, -2), PAIR)), 36, "impossible shape"),
    "sizes overflow": (one(array_bytes((BIG, 4), PAIR)), 36, "impossible shape"),
    "sizes overflow to 2": (one(array_bytes((BIG, 1 << 3, 2), PAIR)), 36, "impossible shape"),
    "sizes overflow beside 0": (one(array_bytes((0, BIG, BIG), version=3)), 36, "impossible shape"),
    "sizes overflow in bytes": (one(array_bytes((1 << 61,), PAIR)), 36, "impossible shape"),
    "V0 sizes overflow": (
        one(array_bytes([(1 << 32) - 1] * 32, PAIR, version=0)),
        28,
        "impossible shape",
    ),
    "past the end": (
        one(array_bytes((1 << 33,), PAIR)),
        56,
        "needs 34359738368 bytes, 25 left",
    ),
    "just past the end": (
        header() + array_bytes((3,), PAIR),
        56,
        "needs 12 bytes, 8 left",
    ),
    "dtype 13": (one(array_bytes((2,), PAIR, dtype=13)), 52, "unknown dtype 13"),
    "dtype -1": (one(array_bytes((2,), PAIR, dtype=-1)), 52, "unknown dtype -1"),
    "storage 3": (one(array_bytes((2,), PAIR, storage=3, stored=(2,))), 28, "storage type 3"),
    "storage -1": (one(array_bytes((2,), PAIR, storage=-1, stored=(2,))), 28, "storage type -1"),
    "V3 sparse": (
        one(array_bytes((2,), PAIR, version=3, storage=1, stored=(2,))),
        28,
        "storage type 1",
    ),
    "cut in a shape": (header() + ARRAY[:16], 36, "truncated: 8 bytes expected, 4 left"),
    "cut in a device": (header() + ARRAY[:24], 44, "truncated: 8 bytes expected, 4 left"),
    "cut in a dtype": (header() + ARRAY[:30], 52, "truncated: 4 bytes expected, 2 left"),
    "cut in the values": (header() + ARRAY[:-1], 56, "needs 8 bytes, 7 left"),
    "cut before an array": (header(count=2) + ARRAY, NAMES_AT, "truncated: 4 bytes expected"),
    "cut before the names": (header() + ARRAY, NAMES_AT, "truncated: 8 bytes expected, 0"),
    "cut in a name's length": (
        header() + ARRAY + struct.pack("<QI", 1, 1),
        NAMES_AT + 8,
        "truncated: 8 bytes expected, 4",
    ),
    "cut in a name": (
        header() + ARRAY + names(b"weight")[:-1],
        NAMES_AT + 16,
        "name 0 needs 6 bytes, 5 left",
    ),
    "fewer names": (list_bytes([ARRAY, ARRAY], ["w"]), 24 + 80, "1 names for 2 arrays"),
    "more names": (list_bytes([ARRAY], ["v", "w"]), NAMES_AT, "2 names for 1 arrays"),
    "names of nothing": (list_bytes([], ["w"]), 24, "1 names for 0 arrays"),
    "long name": (
        header() + ARRAY + struct.pack("<QQ", 1, 1 << 33) + b"w",
        NAMES_AT + 16,
        "name 0 needs 8589934592 bytes, 1 left",
    ),
    "longest name": (
        header() + ARRAY + struct.pack("<QQ", 1, (1 << 64) - 1) + b"w",
        NAMES_AT + 16,
        "name 0 needs",
    ),
    "not UTF-8": (one(ARRAY, b"w\xff"), NAMES_AT + 8, "name 0 is not UTF-8"),
    "a surrogate": (one(ARRAY, b"\xed\xa0\x80"), NAMES_AT + 8, "name 0 is not UTF-8"),
    "NUL": (one(ARRAY, b"w\0"), NAMES_AT + 8, "name 0 contains a NUL"),
    "no name": (one(ARRAY, b""), NAMES_AT + 8, "name 0 is empty"),
    "twice": (list_bytes([ARRAY] * 2, ["w", "w"]), 121, "name 1 is a duplicate of 'w'"),
    "twice as arg and aux": (
        list_bytes([ARRAY] * 2, ["arg:w", "aux:w"]),
        125,
        "name 1 is a duplicate of 'w'",
    ),
    "twice as arg": (list_bytes([ARRAY] * 2, ["w", "arg:w"]), 121, "name 1 is a duplicate of 'w'"),
    "left over": (one(ARRAY) + b"\0", len(one(ARRAY)), "1 bytes are left after"),
    "left over without names": (
        list_bytes([ARRAY], None) + bytes(9),
        NAMES_AT + 8,
        "9 bytes are left after",
    ),
    "csr of one dimension": (
        one(array_bytes((2,), PAIR, storage=2, stored=(2,))),
        68,
        "must have two dimensions",
    ),
    "csr pointers go back": (one(csr_bytes((0, 2, 1))), 116, "row pointers do not match"),
    "csr pointers do not end": (one(csr_bytes((0, 1, 1))), 116, "row pointers do not match"),
    "csr pointers too few": (one(csr_bytes((0, 2))), 116, "row pointers do not match"),
    "csr column 3 of 3": (one(csr_bytes(indices=(0, 3))), 116, "indices are outside 0 … 2"),
    "row 4 of 4": (one(row_sparse_bytes((1, 4))), 116, "indices are outside 0 … 3"),
    "row -1": (one(row_sparse_bytes((-1, 2))), 116, "indices are outside 0 … 3"),
    "indices that are floats": (
        one(array_bytes((2, 1), PAIR * 2, storage=1, stored=(2, 1), aux=[(1, (2,))])),
        88,
        "must be a 1-D array of integers",
    ),
    "indices that are bfloat16": (
        one(array_bytes((2, 1), PAIR * 2, storage=1, stored=(2, 1), aux=[(BFLOAT16, (2,))])),
        88,
        "must be a 1-D array of integers",
    ),
    "sparse values overflow": (
        one(array_bytes((4, BIG >> 6, 0), storage=1, stored=(0,), aux=[(6, (BIG >> 6,))])),
        100,
        "sizes overflow",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_damaged_file_is_refused_with_the_byte_and_the_cause(case: str, tmp_path: Path) -> None:
    content, at, cause = REFUSED[case]
    path = tmp_path / "w.params"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ParamsFileError) as caught:
            read_params_file(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"{path}: at byte {at}: ")
    assert re.search(cause, message)
    assert "copy or download it again" in message
    assert peak < len(content) + (16 << 20)


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_a_damaged_file_is_refused_at_once(case: str) -> None:
    content, _, _ = REFUSED[case]
    start = time.perf_counter()
    with pytest.raises(ParamsFileError):
        parse_params(content, "f")
    assert time.perf_counter() - start < 0.05


@pytest.mark.parametrize("name", ["params/fc_v2-0000.params", "samples/np_v3.params"])
def test_every_beginning_of_a_file_is_refused(data: Path, name: str) -> None:
    whole = (data / name).read_bytes()
    for size in range(len(whole)):
        with pytest.raises(ParamsFileError):
            parse_params(whole[:size], "f")


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ParamsFileError, match=r"none\.params: cannot be read \(No such file"):
        read_params(tmp_path / "none.params")
    with pytest.raises(ParamsFileError, match="cannot be read"):
        read_params(tmp_path)


# foreign files


def saved(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        *((pickle.dumps({"w": 1}, protocol), "a Python pickle") for protocol in (2, 3, 4, 5)),
        (b"\n<!DOCTYPE html><html>not found</html>", "a web page"),
        (b"\xef\xbb\xbf<HTML><body>", "a web page"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code>', "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"),
        (gzip.compress(one(ARRAY), mtime=0), "a gzip archive"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file"),
        (json.dumps({"nodes": [], "heads": []}).encode(), "a JSON file (the -symbol.json?)"),
        (struct.pack("<Q", 17) + b'{"__metadata__":{}}', "a safetensors file"),
    ],
)
def test_a_foreign_file_is_called_what_it_is(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "w.params"
    path.write_bytes(content)
    with pytest.raises(ParamsFileError) as caught:
        read_params(path)
    assert str(caught.value).startswith(f"{path}: not a .params file but {name}")


def test_a_pytorch_checkpoint_and_a_published_zip_are_called_so(tmp_path: Path) -> None:
    import torch

    torch.save({"w": torch.zeros(2)}, tmp_path / "w.params")
    with pytest.raises(ParamsFileError, match="a file of PyTorch, not of MXNet"):
        read_params(tmp_path / "w.params")
    program = torch.export.export(torch.nn.Linear(2, 1), (torch.zeros(1, 2),))
    torch.export.save(program, tmp_path / "w.pt2")
    with pytest.raises(ParamsFileError, match="a file of PyTorch, not of MXNet"):
        read_params(tmp_path / "w.pt2")
    (tmp_path / "w.params").write_bytes(zip_bytes({"net-0a1b2c3d.params": one(ARRAY)}))
    with pytest.raises(ParamsFileError, match=r"a zip of net-0a1b2c3d\.params; unpack it"):
        read_params(tmp_path / "w.params")


# MXNet 2's .npz


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<f2", "|u1", "<i4", "|i1", "<i8", "|b1", ">f4"])
def test_an_npz_is_read(dtype: str, tmp_path: Path) -> None:
    arrays = {
        "a.weight": np.arange(6).reshape(2, 3).astype(dtype),
        "fortran": np.asfortranarray(np.arange(6).reshape(3, 2).astype(dtype)),
        "scalar": np.array(1, dtype),
        "none": np.zeros((0, 3), dtype),
        "é": np.ones(1, dtype),
    }
    path = tmp_path / "w.params"
    path.write_bytes(saved(**arrays))
    file = read_params_file(path)
    assert (file.version, file.named, file.bfloat16) == ("npz", True, frozenset())
    assert list(file.arrays) == list(arrays)
    for name, array in arrays.items():
        read = file.arrays[name]
        assert isinstance(read, np.ndarray)
        assert read.dtype == array.dtype.newbyteorder("=")
        assert same(read, array.astype(read.dtype))
        assert read.flags.aligned


def test_aligned_members_of_an_npz_are_views(tmp_path: Path) -> None:
    path = tmp_path / "w.params"
    path.write_bytes(saved(w=np.ones((4, 4), "u1")))
    read = read_params(path)["w"]
    assert isinstance(read, np.ndarray)
    assert not read.flags.owndata
    before = path.read_bytes()
    read[:] = 7
    assert path.read_bytes() == before


def patched(content: bytes, change: Callable[[bytearray, int, int], None]) -> bytes:
    """A zip, changed; the change is told where its first headers are, local and central."""
    raw = bytearray(content)
    change(raw, raw.index(b"PK\3\4"), raw.index(b"PK\1\2"))
    return bytes(raw)


def encrypt(raw: bytearray, local: int, central: int) -> None:
    raw[local + 6] |= 1
    raw[central + 8] |= 1


def move(raw: bytearray, _: int, central: int) -> None:
    raw[central + 42 : central + 46] = struct.pack("<I", len(raw))


def enlarge(raw: bytearray, _: int, central: int) -> None:
    raw[central + 20 : central + 28] = struct.pack("<2I", 1 << 30, 1 << 30)


def spoil(raw: bytearray, _: int, central: int) -> None:
    raw[central - 1] ^= 1


def alias(raw: bytearray, local: int, central: int) -> None:
    """Let the second member stand where the first one stands."""
    second = raw.index(b"PK\1\2", central + 4)
    raw[second + 16 : second + 28] = raw[central + 16 : central + 28]
    raw[second + 42 : second + 46] = struct.pack("<I", local)


def twice() -> bytes:
    raw = saved(a=np.ones(2, "f4"), b=np.ones(2, "f4"))
    return raw.replace(b"b.npy", b"a.npy")


def npy_header(text: str) -> bytes:
    raw = text.encode()
    return zip_bytes({"w.npy": b"\x93NUMPY\1\0" + struct.pack("<H", len(raw)) + raw + PAIR})


def npy(shape: str = "(2,)", descr: str = "'<f4'") -> bytes:
    return npy_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")


WEIGHT = npy_bytes(np.ones(2, "f4"))
STORED = zip_bytes({"w.npy": WEIGHT})
BAD_NPZ: dict[str, tuple[bytes, str]] = {
    "deflated": (
        zip_bytes({"w.npy": WEIGHT}, compression=zipfile.ZIP_DEFLATED),
        "'w.npy' is compressed; save the arrays again with numpy.savez",
    ),
    "encrypted": (patched(STORED, encrypt), "'w.npy' is encrypted"),
    "objects": (
        saved(w=np.array([{}, None], object)),
        "contains object \\(pickled objects\\?\\), not numbers",
    ),
    "text": (saved(w=np.array(["a"])), "contains <U1"),
    "twice": (twice(), "'a.npy' is a duplicate of 'a'"),
    "no .npy": (zip_bytes({"readme.txt": b"hello"}), "'readme.txt' is not a .npy"),
    "checksum": (patched(STORED, spoil), "its CRC-32 does not match"),
    "outside": (patched(STORED, move), "is outside the file"),
    "too large": (patched(STORED, enlarge), "is outside the file"),
    "overlapping": (
        patched(zip_bytes({"a.npy": WEIGHT, "b.npy": WEIGHT}), alias),
        "members overlap",
    ),
    "cut short": (STORED[:-1], ": damaged zip"),
    "only the beginning": (STORED[:40], ": damaged zip"),
    "no header": (zip_bytes({"w.npy": b""}), "no readable .npy header"),
    "not text": (npy_header("{'descr': (((("), "no readable .npy header"),
    "an open line": (npy_header("{'descr': '<f4', 'shape': (2,"), "no readable .npy header"),
    "Python 2's": (npy("(2L,)"), "no readable .npy header"),
    "deep": (npy("(" * 3000), "no readable .npy header"),
    "unknown dtype": (npy(descr="'<x9'"), "no readable .npy header"),
    "too few values": (npy("(3,)"), "shape \\(3,\\) of float32 does not fit 8 bytes"),
    "too many values": (npy("(1,)"), "does not fit 8 bytes"),
    "negative": (npy("(-1, -2)"), "does not fit 8 bytes"),
    "huge": (npy(f"({BIG}, {BIG})"), "does not fit 8 bytes"),
    "huge beside 0": (npy(f"({BIG}, 0, {BIG})"), "does not fit"),
    "33 dimensions": (npy(f"({'1, ' * 32}2)"), "does not fit 8 bytes"),
}


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("case", BAD_NPZ)
def test_a_bad_npz_is_refused(case: str, mapped: bool, tmp_path: Path) -> None:
    content, cause = BAD_NPZ[case]
    path = tmp_path / "w.params"
    path.write_bytes(content)
    with contextlib.ExitStack() as stack:
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        with pytest.raises(ParamsFileError, match=cause):
            read_params(path) if mapped else parse_params(content, "f")
        assert tracemalloc.get_traced_memory()[1] < len(content) + (16 << 20)
