"""verify: one checkpoint held against its name and its record, and proved again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gluon2torch import convert
from gluon2torch.checkpoints.checkpoint import Checkpoint
from gluon2torch.checkpoints.verification import verify

from .folders import TINY, edit, flip, make_weights, run

NAME = TINY[0]

FIELDS = ("name", "family", "parameters", "num_classes", "in_chans", "num_features")
ALL = ("digits", "sha256", "content_sha256", *FIELDS, "facts_sha256")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (path,) = make_weights(tmp_path / "weights").glob("*.pth")
    return path


def check(path: Path, *options: object) -> Any:
    return run("verify", path, "--reference", "none", *options)


def resave(path: Path) -> str:
    """Change one weight, and give the file the name and the record of its new hash."""
    from gluon2torch.files.hashes import file_sha256

    network = torch.load(path, weights_only=True)
    network["fc.bias"][0] += 1e-3
    torch.save(network, path)
    sha256 = file_sha256(path)
    new = path.with_name(f"gluon_{NAME}-{sha256[:8]}.pth")
    edit(path.with_suffix(".json"), sha256=sha256)
    path.with_suffix(".json").rename(new.with_suffix(".json"))
    path.rename(new)
    return str(new)


def test_a_sound_file_passes(weights: Path) -> None:
    result = check(weights)
    assert result.exit_code == 0, result.output
    assert result.output == (f"{weights}: matches its {', '.join(ALL)}; parity was not run\n")
    (found,) = json.loads(check(weights, "--json", "-").output)
    assert found["passed"] is True
    assert found["model"] == NAME
    assert found["sha256"][:8] == weights.stem[-8:]
    assert found["bytes"] == weights.stat().st_size
    assert found["compared"] == list(ALL)
    assert found["parity"]["passed"] is None


def test_parity_is_measured_at_the_sizes_asked_for(weights: Path) -> None:
    found = verify(weights, reference="graph", sizes=[(40, 33), (32, 32)])
    assert [check.input for check in found.parity.checks] == 2 * ["2x3x40x33", "2x3x32x32"]
    assert found.parity.reference == "graph"


@pytest.mark.parametrize("field", ["parameters", "num_classes", "in_chans", "num_features"])
def test_each_number_in_the_record_counts(field: str, weights: Path) -> None:
    edit(weights.with_suffix(".json"), **{field: 77})
    found = verify(weights, reference="none")
    (problem,) = found.problems
    assert problem.startswith(f"its {field} is ")
    assert problem.endswith("; expected 77")
    assert found.parity is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("labels", ["a"] * 10), ("layout", "torchvision"), ("backbone_of", "pose")],
)
def test_an_edit_of_another_fact_is_reported(field: str, value: object, weights: Path) -> None:
    edit(weights.with_suffix(".json"), sealed=False, **{field: value})
    (problem,) = verify(weights, reference="none").problems
    assert problem.startswith("its record's hash of its facts is ")


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("seconds", 3, "seconds: expected `object`, got `int`"),
        ("facts_sha256", 3, "facts_sha256: expected `str | null`, got `int`"),
        ("files", None, "files: expected `array`, got `null`"),
    ],
)
def test_a_record_with_an_invalid_field_does_not_pass(
    field: str, value: object, problem: str, weights: Path
) -> None:
    edit(weights.with_suffix(".json"), sealed=False, **{field: value})
    result = check(weights)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {weights}: its record, {weights.stem}.json, cannot be compared with the hash of "
        f"its facts ({problem}); put back the record that `convert` wrote, or convert the network "
        "again\n"
    )


def test_a_record_without_the_hash_is_compared_as_before(weights: Path) -> None:
    edit(weights.with_suffix(".json"), sealed=False, facts_sha256=None, seconds=3)
    assert verify(weights, reference="none").compared == ALL[:-1]


def test_a_flipped_byte_is_reported(weights: Path) -> None:
    for at in (0, 5000, weights.stat().st_size - 1):
        flip(weights, at)
        result = check(weights)
        assert result.exit_code == 1
        assert "whose first digits are in the file name, is " in result.output
        assert "Error: " + str(weights) in result.output
        assert "Traceback" not in result.output
        flip(weights, at)
    assert check(weights).exit_code == 0


def test_each_witness_counts(weights: Path) -> None:
    flip(weights, 5000)
    (found,) = json.loads(check(weights, "--json", "-").stdout)
    name, sha256 = found["problems"][:2]
    assert "first digits are in the file name" in name
    assert sha256.startswith("its SHA-256 is ")
    assert found["parity"] is None  # not of weights that are wrong
    flip(weights, 5000)

    renamed = weights.rename(weights.with_name("gluon_x-00000000.pth"))
    (problem,) = verify(renamed, NAME, reference="none").problems
    assert "in the file name" in problem
    renamed = renamed.rename(renamed.with_name("mine.pth"))
    found = verify(renamed, NAME, reference="none")
    assert (found.passed, found.compared) == (True, ())
    assert "no hash to compare it with" in check(renamed, "--model", NAME).output


def test_other_weights_under_a_hash_to_match_are_reported(weights: Path) -> None:
    (problem,) = verify(resave(weights), reference="none").problems
    assert problem.startswith("its content SHA-256 is ")


def test_without_its_record_the_model_is_asked_for(weights: Path) -> None:
    weights.with_suffix(".json").unlink()
    result = check(weights)
    assert result.exit_code == 1
    assert "name the network with `--model`" in result.output
    result = check(weights, "--model", NAME)
    assert result.exit_code == 0
    assert f"{weights}: matches its digits; parity was not run" in result.output
    assert "has shape" in check(weights, "--model", "cifar_resnet56_v1").output or (
        "is missing" in check(weights, "--model", "cifar_resnet56_v1").output
    )


def test_safetensors_tell_their_content_inside(weights: Path, tmp_path: Path) -> None:
    params = tmp_path / f"{NAME}.params"
    options = {"params": params, "reference": "none", "out": tmp_path / "s"}
    path = Path(convert(NAME, formats=["safetensors"], **options).file)
    assert verify(path, reference="none").compared == ALL
    path.with_suffix(".json").unlink()
    assert verify(path, reference="none").compared == ("digits", "content_sha256", *FIELDS)
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["fc.bias"][0] += 1
    other = tmp_path / "other.safetensors"
    save_file(tensors, other, metadata)
    (problem,) = verify(other, reference="none").problems
    assert problem.startswith("its content SHA-256 is ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "not a checkpoint that can be loaded safely"),
        (b"\x80\x02cos\nsystem\n", "not a checkpoint that can be loaded safely"),
    ],
)
def test_a_foreign_file_is_one_line(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.pth"
    if content is not None:
        path.write_bytes(content)
    result = check(path, "--model", NAME)
    assert result.exit_code == 1
    assert message in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.mxnet
def test_parity_is_of_the_weights_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = convert(NAME, init="random", sizes=[(33, 25)], out=tmp_path)
    found = verify(record.file, sizes=[(17, 17)])
    assert found.passed
    assert found.parity is not None
    assert [(check.dtype, check.input) for check in found.parity.checks] == [
        ("float64", "2x3x17x17"),
        ("float32", "2x3x17x17"),
    ]
    assert all(0 < check.max_rel < check.limit for check in found.parity.checks)

    # a way back that loses a value: the file's own weights differ from what Gluon gets
    real = Checkpoint.gluon_arrays

    def lossy(checkpoint: Any) -> Any:
        arrays = {name: np.array(array) for name, array in real(checkpoint).items()}
        arrays["output.bias"][0] += 1e-6
        return arrays

    monkeypatch.setattr(Checkpoint, "gluon_arrays", lossy)
    found = verify(record.file, sizes=[(17, 17)])
    assert not found.passed
    assert found.parity is not None
    assert found.parity.passed is False
    (problem,) = found.problems
    assert "the first stage that differs is logits" in problem
    result = run("verify", record.file, "--size", "17x17")
    assert (result.exit_code, "not equal to its gluon reference" in result.output) == (1, True)


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("formats", "layout"), [(["safetensors"], "torchvision"), (None, "timm-folder")]
)
def test_other_formats_and_layouts_are_proved_too(
    formats: list[str] | None, layout: str, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"formats": formats, "layout": layout, "sizes": [(65, 33)]}
    record = convert("resnet18_v1b", init="random", out=tmp_path, **options)
    found = verify(record.file, sizes=[(65, 33)])
    assert found.passed, found.problems
    assert found.compared == ALL
    assert found.parity is not None
    assert found.parity.passed is True
