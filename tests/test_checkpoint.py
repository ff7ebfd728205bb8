from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gluon2torch.checkpoints.formats import pth
from gluon2torch.checkpoints.formats.job import Job
from gluon2torch.checkpoints.metadata import facts_sha256, to_metadata
from gluon2torch.checkpoints.output import write_files
from gluon2torch.checkpoints.read_back import Place, compare, places_of, read_back
from gluon2torch.checkpoints.record import WrittenFile
from gluon2torch.checkpoints.record_draft import versions
from gluon2torch.checkpoints.safetensors_head import read_head
from gluon2torch.checkpoints.torch_archive import read_archive
from gluon2torch.errors import CheckpointError
from gluon2torch.files import atomic_file
from gluon2torch.files.hashed_file import BLOCK, HashedFile
from gluon2torch.weights.content_hash import content_sha256, raw_bytes

from .conftest import record

TENSORS = {
    "b.weight": torch.arange(6.0).reshape(2, 3),
    "a.bias": torch.tensor([float("nan"), -0.0], dtype=torch.float16),
    "a.num_batches_tracked": torch.zeros((), dtype=torch.int64),
}


def write(tensors: dict[str, torch.Tensor], folder: Path) -> WrittenFile:
    return pth.write_pth(Job(tensors, folder, "net", draft=None, network=None))


def check(tensors: dict[str, torch.Tensor], path: Path) -> None:
    compare(path, "net", places_of("net", tensors, read_archive(path)))


def test_a_checkpoint_is_named_by_its_hash_and_loads_safely(tmp_path: Path) -> None:
    written = write(TENSORS, tmp_path / "new" / "folder")
    path = Path(written.file)
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == written.sha256
    assert path.name == f"net-{written.sha256[:8]}.pth"
    assert written.bytes == len(content)
    loaded = torch.load(path, weights_only=True)
    assert list(loaded) == list(TENSORS)
    assert torch.equal(loaded["b.weight"], TENSORS["b.weight"])
    assert list(path.parent.iterdir()) == [path]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_view_is_saved_without_the_rest_of_its_storage(tmp_path: Path) -> None:
    whole = torch.zeros(1_000_000)
    written = write({"a": whole[:10]}, tmp_path)
    assert written.bytes < 10_000


def test_the_content_hash_is_of_the_weights_alone() -> None:
    lines = [
        "a.bias float16 2 " + hashlib.sha256(bytes([0, 0x7E, 0, 0x80])).hexdigest(),
        "b.weight float32 2x3 " + hashlib.sha256(TENSORS["b.weight"].numpy()).hexdigest(),
    ]
    expected = hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
    assert content_sha256(TENSORS) == expected
    assert content_sha256(dict(reversed(TENSORS.items()))) == expected
    transposed = {**TENSORS, "b.weight": TENSORS["b.weight"].t().contiguous().t()}
    assert content_sha256(transposed) == expected
    for changed in (
        {**TENSORS, "b.weight": TENSORS["b.weight"] + 1},
        {**TENSORS, "b.weight": TENSORS["b.weight"].reshape(3, 2)},
        {**TENSORS, "b.weight": TENSORS["b.weight"].double()},
        {**TENSORS, "c.weight": TENSORS["b.weight"]},
        {**TENSORS, "a.bias": torch.tensor([float("nan"), 0.0], dtype=torch.float16)},
    ):
        assert content_sha256(changed) != expected


def test_what_reads_back_different_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = torch.save

    def flipped(tensors: dict[str, torch.Tensor], output: object) -> None:
        tensors["b.weight"][1, 2] += 1
        save(tensors, output)
        tensors["b.weight"][1, 2] -= 1

    monkeypatch.setattr(torch, "save", flipped)
    with pytest.raises(CheckpointError, match="net: b.weight reads back with different values"):
        write({name: tensor.clone() for name, tensor in TENSORS.items()}, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sizes", [[], [1], [BLOCK], [5, BLOCK - 1, 3 * BLOCK + 7, 0, 9]])
def test_a_file_is_hashed_while_it_is_written(sizes: list[int], tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(sum(sizes))
    with (tmp_path / "file").open("xb") as file, HashedFile(file, tmp_path / "file") as hashed:
        for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
            assert hashed.write(memoryview(content)[start : start + size]) == size
        assert hashed.sha256() == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "file").read_bytes() == content


def test_a_file_that_is_cut_while_it_is_hashed_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("xb") as file, HashedFile(file, path) as hashed:
        hashed.write(bytes(100))
        file.flush()
        os.truncate(path, 50)
        with pytest.raises(OSError, match="a part of the file is missing"):
            hashed.sha256()


def read(data: bytes, at: int, expected: bytes, folder: Path) -> str:
    (folder / "file").write_bytes(data)
    place = Place("x", at, np.frombuffer(expected, np.uint8))
    return read_back(folder / "file", "net", [place])


@pytest.mark.parametrize("count", [1, 7, 8, 9, 17])
@pytest.mark.parametrize("block", [4, 16, 1 << 22])
def test_every_byte_is_compared(
    count: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison takes eight bytes at a time, and what is left after them, in each block."""
    monkeypatch.setattr("gluon2torch.checkpoints.read_back.BLOCK", block)
    data = bytes(range(3 + count + 2))
    expected = data[3 : 3 + count]
    assert read(data, 3, expected, tmp_path) == hashlib.sha256(data).hexdigest()
    for place in range(3, 3 + count):
        changed = data[:place] + bytes([255]) + data[place + 1 :]
        with pytest.raises(CheckpointError, match="net: x reads back with different values"):
            read(changed, 3, expected, tmp_path)
    with pytest.raises(CheckpointError, match="net: x reads back with different values"):
        read(data[: 2 + count], 3, expected, tmp_path)  # the file is too short


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (dict(list(TENSORS.items())[1:]), "with different names"),
        (dict(reversed(TENSORS.items())), "with different names"),
        ({**TENSORS, "b.weight": TENSORS["b.weight"].reshape(3, 2)}, "b.weight .* another shape"),
        ({**TENSORS, "b.weight": TENSORS["b.weight"].double()}, "b.weight .* another shape"),
        ({**TENSORS, "b.weight": torch.zeros(3, 2).t()}, "b.weight .* another shape"),
        ({**TENSORS, "a.bias": torch.tensor([float("nan"), 0.0]).half()}, "a.bias .* values"),
    ],
)
def test_a_file_of_other_tensors_is_reported(
    changed: dict[str, torch.Tensor], problem: str, tmp_path: Path
) -> None:
    torch.save(changed, tmp_path / "file")
    with pytest.raises(CheckpointError, match=f"net: .*{problem}"):
        check(TENSORS, tmp_path / "file")
    torch.save(TENSORS, tmp_path / "file")
    check(TENSORS, tmp_path / "file")


DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32]


@pytest.mark.parametrize("dtype", [*DTYPES, torch.int16, torch.int8, torch.uint8, torch.bool])
def test_the_heads_of_files_describe_what_torch_wrote(dtype: torch.dtype, tmp_path: Path) -> None:
    part = torch.arange(12).reshape(3, 4)[1:].to(dtype)
    tensors = {"a": part.clone(), "b": torch.zeros((), dtype=dtype), "c": part.t(), "d": part}
    parameter = {"e": nn.Parameter(part.clone())} if dtype.is_floating_point else {}
    torch.save({**tensors, **parameter}, tmp_path / "a.pth")
    save_file({"a": tensors["a"], "b": tensors["b"]}, tmp_path / "a.safetensors", {"format": "pt"})
    found, (stored, metadata) = (
        read_archive(tmp_path / "a.pth"),
        read_head(tmp_path / "a.safetensors"),
    )
    assert list(found) == [*tensors, *parameter]
    assert [each.strides for each in found.values()] == [
        each.stride() for each in (tensors | parameter).values()
    ]
    assert metadata == {"format": "pt"}
    for file, heads in ("a.pth", found), ("a.safetensors", stored):
        data = (tmp_path / file).read_bytes()
        for name in "ab":
            each, raw = heads[name], bytes(raw_bytes(tensors[name]))
            assert (f"torch.{each.dtype}", each.shape) == (str(dtype), tuple(tensors[name].shape))
            assert data[each.at : each.at + len(raw)] == raw


def test_strides_are_kept_and_compared(tmp_path: Path) -> None:
    """Networks that were trained with channels last have such weights."""
    weight = torch.arange(48.0).reshape(2, 4, 2, 3).to(memory_format=torch.channels_last)
    written = write({"a": weight, "b": weight[:, :, :1, :1].clone()}, tmp_path)
    loaded = torch.load(written.file, weights_only=True)
    assert torch.equal(loaded["a"], weight)
    assert loaded["a"].stride() == weight.stride() == (24, 1, 12, 4)
    torch.save({"a": weight.contiguous()}, tmp_path / "file")
    with pytest.raises(CheckpointError, match="net: a reads back with another shape"):
        check({"a": weight}, tmp_path / "file")
    torch.save({"a": weight + 1}, tmp_path / "file")
    with pytest.raises(CheckpointError, match="net: a reads back with different values"):
        check({"a": weight}, tmp_path / "file")


class Foreign:
    """What a state_dict does not contain."""


@pytest.mark.parametrize(
    "content", [Foreign(), {"a": Foreign()}, {"a": 1}, [torch.zeros(1)], {1: torch.zeros(1)}]
)
def test_a_head_of_something_else_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth: has no readable state_dict"):
        read_archive(tmp_path / "a.pth")


def test_damaged_heads_are_refused(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "a.pth")
    save_file({"a": torch.zeros(3)}, tmp_path / "a.safetensors")
    whole = (tmp_path / "a.pth").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        place, value = int(rng.integers(len(whole))), int(rng.integers(256))
        (tmp_path / "a.pth").write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
        with contextlib.suppress(CheckpointError):
            read_archive(tmp_path / "a.pth")
    head = (tmp_path / "a.safetensors").read_bytes()
    for data in (b"", head[:20], head.replace(b"F32", b"F99"), b"\xff" * 8 + head[8:]):
        (tmp_path / "a.safetensors").write_bytes(data)
        with pytest.raises(CheckpointError, match="has no readable header"):
            read_head(tmp_path / "a.safetensors")


def test_the_hash_of_a_records_facts_is_of_these_facts() -> None:
    about = record()
    metadata = to_metadata(about)
    assert metadata.pop("facts_sha256") == facts_sha256(about)
    text = json.dumps(dict(sorted(metadata.items())), ensure_ascii=False)
    assert facts_sha256(about) == hashlib.sha256(text.encode()).hexdigest()
    assert facts_sha256(record(num_classes=11)) != facts_sha256(about)
    assert facts_sha256(record(seconds={"write": 1.0}, load="x")) == facts_sha256(about)


def test_a_record_says_how_long_the_writing_took(tmp_path: Path) -> None:
    done = write_files(lambda: record(files=()), TENSORS, lambda: None, tmp_path, "net", ("pth",))
    assert set(done.seconds) == {"write", "total"}
    assert 0 <= done.seconds["write"] <= done.seconds["total"]
    assert Path(done.file).with_suffix(".json").is_file()


def test_versions_of_a_library_whose_package_has_another_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MXNet for GPUs is the module mxnet of the package mxnet-cu112."""
    packaged = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("mxnet", "gluoncv"):
            raise importlib.metadata.PackageNotFoundError(name)
        return packaged(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    for name in ("mxnet", "gluoncv"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(__version__=f"{name} 1"))
    found = versions("gluon")
    assert (found["mxnet"], found["torch"]) == ("mxnet 1", packaged("torch"))


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_file.os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device.*free disk space"):
        write(TENSORS, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pth, "publish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(TENSORS, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="file: cannot be written"):
        write(TENSORS, tmp_path / "file")
