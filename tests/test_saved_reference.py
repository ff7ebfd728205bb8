"""What MXNet gave on one machine proves a conversion on another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon2torch import convert
from gluon2torch.errors import ParamsFileError, ParityError
from gluon2torch.parity.measurement import random_images
from gluon2torch.parity.proof import choose_reference
from gluon2torch.parity.saved_reference import RecordingReference, SavedReference
from gluon2torch.sources.arrays import Arrays
from gluon2torch.sources.params_writer import write_params

from .conftest import random_network
from .test_commands import run

pytestmark = pytest.mark.mxnet


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weights, and with what MXNet gives for them."""
    folder = tmp_path_factory.mktemp("saved")
    write_params(folder / "mine.params", random_network("cifar_resnet20_v1").arrays)
    record = convert(
        params=folder / "mine.params",
        reference="gluon",
        save_reference=folder / "reference.npz",
        sizes=[(32, 32), (33, 25)],
        out=folder / "one",
    )
    assert record.parity.passed
    return folder


def test_the_other_machine_measures_the_same(saved: Path, tmp_path: Path) -> None:
    here = convert(params=saved / "mine.params", reference="gluon", out=tmp_path)
    there = convert(params=saved / "mine.params", reference=saved / "reference.npz", out=tmp_path)
    assert there.parity.reference == "gluon, saved"
    assert there.parity.passed is True
    assert there.parity.checks == here.parity.checks
    assert there.parity.stages == here.parity.stages
    assert there.content_sha256 == here.content_sha256


class Scaled:
    """A reference that multiplies images by its weight."""

    name, dtypes = "scaled", ("float64", "float32")

    def cast(self, dtype: str) -> None:
        self.weight = np.ones(1, dtype)

    def fill(self, arrays: dict[str, np.ndarray]) -> None:
        self.weight[:] = arrays["weight"]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {"logits": images * self.weight}


def test_images_are_saved_once_and_in_float32(tmp_path: Path) -> None:
    recording, inputs = RecordingReference(Scaled()), random_images([(4, 6), (5, 5)])
    for dtype in ("float64", "float32"):
        recording.cast(dtype)
        for images in inputs:
            recording(images.astype(dtype))
    recording.cast("float64")
    recording.fill({"weight": np.full(1, 1 / 3)})
    recording(inputs[0].astype("float64"))
    hashes = {"content_sha256": "1", "map_content_sha256": "2"}
    recording.save(tmp_path / "x.npz", model="net", stages=["logits"], **hashes)
    saved = SavedReference(tmp_path / "x.npz")
    for found, expected in ((saved.inputs, inputs), (saved.map_inputs, inputs[:1])):
        assert [each.dtype.name for each in found] == ["float32"] * len(expected)
        assert all(map(np.array_equal, found, expected))
    saved.cast("float64")
    saved.fill({})
    assert np.array_equal(saved(inputs[0])["logits"], inputs[0].astype("float64") * (1 / 3))


def test_a_wrong_network_is_caught_by_it(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluon2torch.models.blocks import BasicBlock

    forward = BasicBlock.forward
    monkeypatch.setattr(BasicBlock, "forward", lambda self, x: forward(self, x) + 1e-9)
    with pytest.raises(ParityError, match="not equal to its gluon, saved reference"):
        convert(
            params=saved / "mine.params",
            reference=saved / "reference.npz",
            out=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def test_other_weights_are_distinguished(saved: Path, tmp_path: Path) -> None:
    arrays = dict(random_network("cifar_resnet20_v1").arrays)
    arrays["output.bias"] = arrays["output.bias"] + 1
    write_params(tmp_path / "other.params", arrays)
    reference = saved / "reference.npz"
    with pytest.raises(ParamsFileError, match=r"reference\.npz: belongs to other weights"):
        convert(params=tmp_path / "other.params", reference=reference, out=tmp_path)
    with pytest.raises(ParamsFileError, match="belongs to cifar_resnet20_v1, not to resnet18_v1b"):
        convert("resnet18_v1b", init="random", reference=reference, out=tmp_path)


def test_what_is_no_saved_reference_is_one_line(saved: Path, tmp_path: Path) -> None:
    whole = (saved / "reference.npz").read_bytes()
    params, bad = saved / "mine.params", tmp_path / "bad.npz"
    for content in (b"", b"nonsense", whole[: len(whole) // 2], whole[:-30]):
        bad.write_bytes(content)
        done = run("convert", "--params", params, "--reference", bad, "-o", tmp_path / "out")
        assert done.exit_code == 1
        assert f"{bad}: is not a saved reference" in done.output
        assert "Traceback" not in done.output
    with np.load(saved / "reference.npz") as file:
        arrays = {name: file[name] for name in file.files}
    np.savez_compressed(bad, **arrays)  # could be of any size in memory
    with pytest.raises(ParamsFileError, match="is not a saved reference .* is compressed"):
        SavedReference(bad)
    np.savez(bad, about=np.array("{}"))
    with pytest.raises(ParamsFileError, match="is not a saved reference"):
        SavedReference(bad)
    del arrays["values.output.float64.1.logits"]
    np.savez(bad, **arrays)
    with pytest.raises(ParamsFileError, match=r"has no values\.output\.float64\.1\.logits"):
        SavedReference(bad)
    with pytest.raises(ParamsFileError, match="gone.npz: cannot be read \\(No such file"):
        SavedReference(tmp_path / "gone.npz")
    assert not (tmp_path / "out").exists()


def changed(saved: Path, path: Path, about: dict[str, Any], arrays: Arrays) -> Path:
    """The saved reference with other facts and other arrays."""
    with np.load(saved / "reference.npz") as file:
        whole = {name: file[name] for name in file.files}
    facts = {**json.loads(str(whole.pop("about"))), **about}
    np.savez(path, about=np.array(json.dumps(facts)), **{**whole, **arrays})
    return path


def test_a_saved_reference_does_not_decide_what_is_compared(saved: Path, tmp_path: Path) -> None:
    with np.load(saved / "reference.npz") as file:
        stages = json.loads(str(file["about"]))["stages"]
        outputs = {name: file[name] for name in file.files if ".float64." in name}
    renamed = {name.replace(".stem", ".steam"): array for name, array in outputs.items()}
    renamed |= {name.replace("64", "32", 1): array for name, array in renamed.items()}
    for about, arrays, message in (
        ({"dtypes": ["float32"]}, map_outputs(outputs), "in float32; expected float64 and float32"),
        ({"dtypes": []}, {}, "in no data type; expected"),
        ({"stages": ["steam", *stages[1:]]}, renamed, "the stages steam, "),
        ({}, {"values.input.0": np.zeros((2, 3, 9), np.float32)}, "no batches of images of 3"),
        ({}, {"map.input.0": np.full((2, 3, 9, 9), np.nan, np.float32)}, "no batches of images"),
    ):
        bad = changed(saved, tmp_path / "bad.npz", about, arrays)
        with pytest.raises(ParamsFileError, match=f"bad.npz: has .*{message}"):
            convert(params=saved / "mine.params", reference=bad, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def map_outputs(outputs: Arrays) -> Arrays:
    """The outputs with random weights, as those in float32."""
    return {
        name.replace("float64", "float32"): array
        for name, array in outputs.items()
        if name.startswith("map.")
    }


def test_each_saved_reference_proves_its_own_map(saved: Path, tmp_path: Path) -> None:
    params = saved / "mine.params"
    convert(params=params, reference=saved / "reference.npz", out=tmp_path / "good")
    with np.load(saved / "reference.npz") as file:
        doubled = {name: 2 * file[name] for name in file.files if name.startswith("map.output")}
    bad = changed(saved, tmp_path / "bad.npz", {}, doubled)
    with pytest.raises(ParityError):
        convert(params=params, reference=bad, out=tmp_path / "out")
    bad = changed(saved, tmp_path / "bad.npz", {"map_content_sha256": "0"}, {})
    with pytest.raises(ParamsFileError, match="its random weights differ"):
        convert(params=params, reference=bad, out=tmp_path / "out")


@pytest.mark.parametrize("reference", ["magic", "reference.NPZ"])
def test_an_unknown_reference_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match=f"'{reference}'; it must be one of auto, gluon, graph"):
        choose_reference(reference)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--all", "--save-reference", "x.npz"], "--save-reference accepts only one network"),
        (
            ["resnet18_v1b", "--save-reference", "x.txt"],
            "'--save-reference': x.txt: the file's name must end in .npz",
        ),
        (["resnet18_v1b", "--reference", "magic"], "'magic' is not one of auto"),
    ],
)
def test_wrong_usage(options: list[str], message: str) -> None:
    done = run("convert", *options)
    assert done.exit_code == 2
    assert message in done.output
