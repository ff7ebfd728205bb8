from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
import torch

from gluon2torch.checkpoints.formats import pth
from gluon2torch.checkpoints.formats.job import Job
from gluon2torch.checkpoints.metadata import facts_sha256, to_metadata
from gluon2torch.checkpoints.output import write_files
from gluon2torch.checkpoints.record import WrittenFile
from gluon2torch.errors import CheckpointError
from gluon2torch.files import atomic_file
from gluon2torch.weights.content_hash import content_sha256, same_bits

from .conftest import record

TENSORS = {
    "b.weight": torch.arange(6.0).reshape(2, 3),
    "a.bias": torch.tensor([float("nan"), -0.0], dtype=torch.float16),
    "a.num_batches_tracked": torch.zeros((), dtype=torch.int64),
}


def write(tensors: dict[str, torch.Tensor], folder: Path) -> WrittenFile:
    return pth.write_pth(Job(tensors, folder, "net", record=None, network=None))


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
    load = torch.load

    def flipped(*arguments: object, **options: object) -> dict[str, torch.Tensor]:
        tensors = load(*arguments, **options)
        tensors["b.weight"][1, 2] += 1
        return tensors

    monkeypatch.setattr(torch, "load", flipped)
    with pytest.raises(CheckpointError, match="b.weight reads back with different values"):
        write(TENSORS, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", range(1, 18))
def test_every_byte_is_compared(count: int) -> None:
    """The comparison takes eight bytes at a time, and what is left after them."""
    tensor = torch.arange(count, dtype=torch.uint8)
    assert same_bits(tensor, tensor.clone())
    for place in range(count):
        other = tensor.clone()
        other[place] += 1
        assert not same_bits(tensor, other), place


def test_bits_are_compared_and_not_numbers() -> None:
    odd = torch.tensor([float("nan"), -0.0, 1.0])
    assert same_bits(odd, odd.clone())
    assert not same_bits(odd, torch.tensor([float("nan"), 0.0, 1.0]))
    assert not same_bits(odd, odd.double())
    assert not same_bits(odd, odd[:, None])
    assert not same_bits(odd.view(torch.int32), odd)


@pytest.mark.parametrize("change", ["a name is missing", "another order"])
def test_names_that_read_back_different_are_reported(change: str, tmp_path: Path) -> None:
    names = list(TENSORS)[1:] if change == "a name is missing" else reversed(TENSORS)
    job = Job(TENSORS, tmp_path, "net", record=None, network=None)
    with pytest.raises(CheckpointError, match="net: reads back with different names"):
        pth.compare({name: TENSORS[name] for name in names}, job)


def test_the_last_bytes_that_read_back_different_are_reported(tmp_path: Path) -> None:
    job = Job(TENSORS, tmp_path, "net", record=None, network=None)
    pth.compare(TENSORS, job)
    changed = TENSORS["a.bias"].clone()
    changed[1] = 0.0  # 4 bytes of float16 in all; -0.0 was written
    with pytest.raises(CheckpointError, match="a.bias reads back with different values"):
        pth.compare({**TENSORS, "a.bias": changed}, job)


def test_the_hash_of_a_records_facts_is_of_these_facts() -> None:
    about = record()
    metadata = to_metadata(about)
    assert metadata.pop("facts_sha256") == facts_sha256(about)
    text = json.dumps(dict(sorted(metadata.items())), ensure_ascii=False)
    assert facts_sha256(about) == hashlib.sha256(text.encode()).hexdigest()
    assert facts_sha256(record(num_classes=11)) != facts_sha256(about)
    assert facts_sha256(record(seconds={"write": 1.0}, load="x")) == facts_sha256(about)


def test_a_record_says_how_long_the_writing_took(tmp_path: Path) -> None:
    done = write_files(record(files=()), TENSORS, lambda: None, tmp_path, "net", ("pth",))
    assert set(done.seconds) == {"write", "total"}
    assert 0 <= done.seconds["write"] <= done.seconds["total"]
    assert Path(done.file).with_suffix(".json").is_file()


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
