"""The other formats: safetensors and ONNX."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gluon2torch import convert
from gluon2torch.checkpoints.formats import onnx, write_file
from gluon2torch.checkpoints.formats.job import Job
from gluon2torch.checkpoints.metadata import from_metadata, to_metadata
from gluon2torch.checkpoints.record import Record
from gluon2torch.checkpoints.recorded_facts import RecordedFacts, RecordedParity
from gluon2torch.errors import CheckpointError, ConversionError, MissingDependencyError
from gluon2torch.parity.result import Check, Parity
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.source import Source

from .conftest import random_network, record
from .test_commands import arrays, run


def job(name: str, folder: Path) -> Job:
    converted = random_network(name)
    return Job(converted.tensors, folder, name, lambda: record(name), converted.network)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.params"
    rng = np.random.default_rng(0)
    values = {
        name: rng.uniform(0.1, 0.3, array.shape).astype(np.float32)
        for name, array in arrays().items()
    }
    write_params(path, values)
    return path


def converted(mine: Path, out: Path, **options: Any) -> Record:
    return convert("cifar_resnet20_v1", params=mine, reference="none", out=out, **options)


def test_a_safetensors_file_tells_what_it_is(mine: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    done = converted(mine, tmp_path / "out", formats=["safetensors", "pth"])
    path = Path(done.file)
    assert path.name == f"gluon_cifar_resnet20_v1-{done.files[0].sha256[:8]}.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == done.files[0].sha256
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert metadata["model"] == "cifar_resnet20_v1"
    assert metadata["content_sha256"] == done.content_sha256
    source = json.loads(metadata["source"])
    assert source["sha1"] == hashlib.sha1(mine.read_bytes()).hexdigest()
    assert "path" not in source  # whose folder it was is nobody's business
    assert json.loads(metadata["parity"])["passed"] is None
    other = torch.load(done.files[1].file, weights_only=True)
    assert tensors.keys() == other.keys()
    assert all(torch.equal(tensors[name], other[name]) for name in other)
    for each in done.files:
        beside = json.loads(Path(each.file).with_suffix(".json").read_text())
        assert (beside["file"], beside["sha256"]) == (each.file, each.sha256)
        assert len(beside["files"]) == 2


def test_a_timm_folder_that_is_written_again_keeps_the_users_files(tmp_path: Path) -> None:
    write_params(tmp_path / "mine.params", arrays("resnet18_v1b", "resnet_v1b"))
    options = {"params": tmp_path / "mine.params", "layout": "timm-folder", "out": tmp_path}
    folder = Path(convert(reference="none", **options).file)
    (folder / "NOTES.md").write_text("mine")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (folder / "config.json").write_text("{}")
    assert convert(reference="none", **options).file == str(folder)
    assert (folder / "NOTES.md").read_text() == "mine"
    assert (folder / ".git" / "HEAD").read_text() == "ref: refs/heads/main"
    assert json.loads((folder / "config.json").read_text())["architecture"] == "resnet18"
    assert {each.name for each in tmp_path.iterdir()} == {"mine.params", folder.name}


@pytest.mark.costly
def test_equal_weights_make_equal_safetensors_in_every_process(mine: Path, tmp_path: Path) -> None:
    """The library's own order of the metadata differs from run to run."""
    names = set()
    for number in range(2):
        out = tmp_path / str(number)
        code = (
            "from gluon2torch import convert; convert('cifar_resnet20_v1', reference='none', "
            f"formats=['safetensors'], params={str(mine)!r}, out={str(out)!r})"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
        names |= {path.name for path in out.glob("*.safetensors")}
    assert len(names) == 1


def test_metadata_is_the_records_own_part_there_and_back() -> None:
    checks = (Check("float64", "2x3x33x25", 1e-15, 1e-15, 1e-12),)
    before = record(
        source=Source("pretrained", "elsewhere/x.params", "https://x/y.zip", "ab" * 20),
        parity=Parity("gluon", True, checks),
        labels=("cat\tCat", "dog"),
    )
    metadata = to_metadata(before)
    assert all(isinstance(value, str) for value in metadata.values())
    assert "elsewhere" not in str(metadata)
    limits = {"float64": 1e-12}
    parity = {"reference": "gluon", "passed": True, "limits": limits}
    assert json.loads(metadata["parity"]) == parity
    after = from_metadata({**metadata, "format": "pt"}, "x")
    assert after.parity == RecordedParity("gluon", True)
    assert after.labels == ("cat\tCat", "dog")
    assert after.preprocessing == before.preprocessing
    assert after.num_classes == 10
    assert after.source == replace(before.source, path=None)
    assert from_metadata(to_metadata(record()), "x").labels == "cifar10"
    assert from_metadata({}, "x") == RecordedFacts()
    message = r"x: its metadata was not written by gluon2torch \(num_classes: expected"
    with pytest.raises(CheckpointError, match=message):
        from_metadata({"num_classes": "ten"}, "x")


@pytest.mark.mxnet
@pytest.mark.parametrize("format_", ["safetensors", "timm-folder"])
def test_what_reads_back_different_gets_no_name(
    format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluon2torch.checkpoints.formats import safetensors

    save = safetensors.save_file

    def flipped(tensors: dict[str, torch.Tensor], *arguments: object) -> None:
        save({**tensors, "fc.bias": tensors["fc.bias"] + 1}, *arguments)

    monkeypatch.setattr(safetensors, "save_file", flipped)
    with pytest.raises(CheckpointError, match=r"fc\.bias reads back with different values"):
        write_file(format_, job("resnet18_v1b", tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_second_format_that_fails_takes_the_first_back(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_there(job: Job) -> None:
        raise MissingDependencyError("--format onnx needs onnxruntime")

    monkeypatch.setattr(onnx, "write_onnx", none_there)
    with pytest.raises(MissingDependencyError):
        converted(mine, tmp_path / "out", formats=["pth", "safetensors", "onnx"])
    assert not (tmp_path / "out").exists()


@pytest.mark.onnxruntime
def test_onnx_runs_with_any_batch_and_holds_no_ones_folders(mine: Path, tmp_path: Path) -> None:
    import onnx as onnx_library
    import onnxruntime

    done = converted(mine, tmp_path / "one", formats=["onnx"])
    again = converted(mine, tmp_path / "two", formats=["onnx"])
    path = Path(done.file)
    assert [each.name for each in sorted((tmp_path / "one").iterdir())] == [
        f"{path.stem}.json",
        path.name,
    ]
    assert path.read_bytes() == Path(again.file).read_bytes()
    assert str(Path(__file__).parents[1]).encode() not in path.read_bytes()
    assert b"stack_trace" not in path.read_bytes()
    model = onnx_library.load(path)
    onnx_library.checker.check_model(model, full_check=True)
    metadata = {each.key: each.value for each in model.metadata_props}
    assert metadata["content_sha256"] == done.content_sha256
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).standard_normal((5, 3, 32, 32), np.float32)
    (logits,) = session.run(["logits"], {"images": images})
    assert logits.shape == (5, 10)


@pytest.mark.mxnet
@pytest.mark.onnxruntime
def test_an_onnx_file_that_differs_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = job("cifar_resnet20_v1", tmp_path)
    export = onnx._export

    def other(network: torch.nn.Module, job: Job) -> bytes:
        wrong = whole.network()
        with torch.no_grad():
            wrong.fc.bias = torch.nn.Parameter(wrong.fc.bias + 1e-3)
        return export(wrong.eval(), job)

    monkeypatch.setattr(onnx, "_export", other)
    with pytest.raises(CheckpointError, match="onnxruntime differs from PyTorch by"):
        write_file("onnx", whole)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.mxnet
@pytest.mark.onnxruntime
@pytest.mark.parametrize("name", ["resnet50_v1d", "se_resnext50_32x4d", "senet_154"])
def test_onnx_at_full_size(name: str, tmp_path: Path) -> None:
    import onnxruntime

    whole = job(name, tmp_path)
    written = write_file("onnx", whole)
    session = onnxruntime.InferenceSession(written.file, providers=["CPUExecutionProvider"])
    for batch in (1, 3):
        images = np.random.default_rng(1).standard_normal((batch, 3, 224, 224), np.float32)
        (actual,) = session.run(None, {"images": images})
        with torch.inference_mode():
            expected = whole.network().eval()(torch.from_numpy(images)).numpy()
        difference = np.abs(actual - expected).max() / np.abs(expected).max()
        print(f"{name}, batch {batch}: onnxruntime differs by {difference:.1e}")
        assert difference <= 1e-5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "keras"], "'keras' is not one of"),
        (["--layout", "keras"], "'keras' is not one of"),
        (["--layout", "timm-folder", "--format", "pth"], "is a format of its own"),
        (["--init", "random"], "--params and --init are both sources of the weights"),
    ],
)
def test_wrong_wishes_are_usage_errors(options: list[str], message: str, mine: Path) -> None:
    done = run("convert", "--params", mine, *options)
    assert done.exit_code == 2
    assert message in done.output


def test_labels_must_be_as_many_as_classes(mine: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    out = tmp_path / "out"
    options = ["--params", mine, "--reference", "none", "-o", out, "--labels", labels]
    for text, message in (
        ("a\nb\n", "2 class names were given; the file has 10 classes"),
        ("a\n\nb\n", "labels.txt, line 2: is empty"),
        ("a\nb\na\n", "labels.txt, line 3: 'a' is already in line 1"),
    ):
        labels.write_text(text)
        done = run("convert", *options)
        assert done.exit_code == 1
        assert message in done.output
    labels.unlink()
    assert "labels.txt: cannot be read" in run("convert", *options).output
    assert not out.exists()
    labels.write_text("".join(f"class {number}\n" for number in range(10)))
    assert run("convert", *options).exit_code == 0
    (path,) = out.glob("*.json")
    assert json.loads(path.read_text())["labels"][9] == "class 9"


def test_a_folder_that_cannot_be_written_is_reported_before_the_work(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConversionError, match="cannot be written"):
        convert(
            "cifar_resnet20_v1",
            params=tmp_path / "not" / "there.params",
            reference="none",
            out=tmp_path / "file" / "out",
        )


def test_a_rerun_that_fails_leaves_what_was_there(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    converted(mine, out, formats=["pth"])
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fails(job: Job) -> None:
        raise CheckpointError("onnxruntime differs")

    monkeypatch.setattr(onnx, "write_onnx", fails)
    monkeypatch.setattr(onnx, "require_libraries", lambda: None)
    with pytest.raises(CheckpointError):
        converted(mine, out, formats=["pth", "safetensors", "onnx"])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert len(before) == 2


def test_a_missing_library_is_reported_before_the_proof(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluon2torch.pipeline import catalog_conversion

    def missing() -> None:
        raise MissingDependencyError("--format onnx needs onnxruntime")

    def proof(*arguments: object) -> None:
        raise AssertionError("too late")

    monkeypatch.setattr(onnx, "require_libraries", missing)
    monkeypatch.setattr(catalog_conversion, "prove_against", proof)
    with pytest.raises(MissingDependencyError):
        converted(mine, tmp_path / "out", formats=["onnx"])
    with pytest.raises(ValueError, match="formats is empty"):
        converted(mine, tmp_path / "out", formats=[])


def test_each_files_record_says_how_that_file_is_loaded(mine: Path, tmp_path: Path) -> None:
    write_params(mine, arrays("resnet18_v1b", "resnet_v1b"))
    done = convert(
        "resnet18_v1b",
        params=mine,
        reference="none",
        out=tmp_path / 'q"x',
        formats=["pth", "safetensors"],
    )
    for file, reader in zip(done.files, ("torch.load(", "load_file("), strict=True):
        load = json.loads(Path(file.file).with_suffix(".json").read_text())["load"]
        assert reader in load
        compile(load, "load", "exec")
        assert repr(file.file) in load


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layout", "torchvision", "--format", "onnx"], "--layout selects state_dict keys"),
        (
            ["--save-reference", "x.npz", "--reference", "none"],
            "saves the outputs of gluon or graph",
        ),
        (["--reference", "x.npz", "--size", "64x64"], "contains its own images"),
    ],
)
def test_wishes_that_mean_nothing_are_usage_errors(
    options: list[str], message: str, mine: Path
) -> None:
    done = run("convert", "--params", mine, *options)
    assert done.exit_code == 2
    assert message in done.output


def test_folders_of_reports_and_references_are_tried_first(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for option in ({"report": "file/x"}, {"save_reference": "file/x.npz"}):
        paths = {name: tmp_path / value for name, value in option.items()}
        with pytest.raises(CheckpointError, match="cannot be written"):
            convert("resnet18_v1b", params=mine, out=tmp_path / "out", **paths)
        assert not (tmp_path / "out").exists()
