"""inspect, detect, diff: run as a user runs them, without MXNet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from gluon2torch.cli import main
from gluon2torch.mapping.assignment import gluon_names
from gluon2torch.mapping.dialects import prefixed_names
from gluon2torch.mapping.network_spec import describe_network
from gluon2torch.mappings.key_map import load_keymap
from gluon2torch.models import create_model
from gluon2torch.sources.params_writer import write_params


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def arrays(
    name: str = "cifar_resnet20_v1", family: str = "cifar_resnet_v1"
) -> dict[str, np.ndarray]:
    """A network's arrays by structural name, each filled with its own number."""
    keymap, targets = load_keymap(family), describe_network(create_model(name))
    shapes = [s.shape for t, s in targets.items() if not t.endswith("num_batches_tracked")]
    return {
        structural: np.full(shape, number + 1, np.float32)
        for number, ((structural, _), shape) in enumerate(
            zip(gluon_names(keymap, targets), shapes, strict=True)
        )
    }


def prefixed(structural: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    keymap = load_keymap("cifar_resnet_v1")
    known = prefixed_names(keymap, describe_network(create_model("cifar_resnet20_v1")))
    return {f"arg:cifar0_{key}": structural[value] for key, value in known.items()}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.params"
    write_params(path, arrays())
    return path


def test_detect_says_what_and_why(mine: Path, tmp_path: Path) -> None:
    result = run("detect", mine)
    assert result.exit_code == 0
    assert "cifar_resnet20_v1 (10 classes, 3 image channels; structural names; 107" in result.output
    (tmp_path / "bad.params").write_bytes(b"{}")
    result = run("detect", mine, tmp_path / "bad.params", "--json", tmp_path / "out.json")
    assert result.exit_code == 1
    found, failed = json.loads((tmp_path / "out.json").read_text())
    assert found["models"] == ["cifar_resnet20_v1"]
    assert found["num_classes"] == 10
    assert "a JSON file" in failed["error"]


def test_inspect_tells_every_array_and_its_rule(mine: Path) -> None:
    spoiled = arrays()
    spoiled["features.0.weight"][0, 0, 0, :2] = np.nan, np.inf
    write_params(mine, spoiled)
    text = run("inspect", mine).output
    assert "V2, 107 arrays, 274,042 values, 1.1 MB" in text
    assert "features.0.weight" in text
    (report,) = json.loads(run("inspect", mine, "--json", "-").output)
    assert report["version"] == "V2"
    assert report["values"] == 274042
    assert report["detection"]["models"] == ["cifar_resnet20_v1"]
    first = report["arrays"][0]
    assert first == {
        "name": "features.0.weight",
        "dtype": "float32",
        "shape": [16, 3, 3, 3],
        "layout": "dense",
        "nan": 1,
        "inf": 1,
        "target": "conv1.weight",
        "rule": "conv: features.0 → conv1",
    }


@pytest.mark.costly
def test_inspect_of_real_files_of_every_kind(data: Path) -> None:
    for path in sorted((data / "samples").iterdir()):
        assert run("inspect", path).exit_code == 0, path
    text = run("inspect", data / "samples" / "csr.params").output
    assert "csr" in text
    text = run("inspect", data / "params" / "mnist_v0-0010.params").output
    assert "V0" in text
    assert "arg:fc2_weight" in text


def test_diff_compares_dialects_and_checkpoints(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.params"
    write_params(other, prefixed(arrays()), version=1)
    result = run("diff", mine, other)
    assert (result.exit_code, result.output) == (0, "107 equal, 0 different\n")

    convert = run("convert", "--params", mine, "--reference", "none", "-o", tmp_path, "--json", "-")
    assert convert.exit_code == 0, convert.output
    (record,) = json.loads(convert.output)
    assert record["model"] == "cifar_resnet20_v1"
    assert run("diff", other, tmp_path / record["file"]).output == "107 equal, 0 different\n"

    changed = prefixed(arrays())
    changed["arg:cifar0_conv0_weight"][0, 0, 0, 0] += 0.5
    changed["arg:cifar0_dense0_bias"] = np.zeros(10, np.float16)
    write_params(other, changed)
    result = run("diff", mine, other)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "conv1.weight: has different values, by up to 0.5",
        "fc.bias: has dtypes float32 and float16, by up to 107",
        "105 equal, 2 different",
    ]


def test_diff_of_names_reads_no_values(mine: Path, tmp_path: Path) -> None:
    other, changed = tmp_path / "other.params", prefixed(arrays())
    changed["arg:cifar0_conv0_weight"][0, 0, 0, 0] += 0.5
    write_params(other, changed)
    result = run("diff", "--names", mine, other)
    assert (result.exit_code, result.output) == (0, "107 equal, 0 different\n")
    changed["arg:cifar0_dense0_bias"] = np.zeros(10, np.float16)
    write_params(other, changed)
    same = {name: torch.from_numpy(array) for name, array in arrays().items()}
    torch.save(same, tmp_path / "a.pth")
    torch.save({"state_dict": {**same, "extra": torch.zeros(2)}}, tmp_path / "b.pth")
    first = next(iter(same))
    same[first] = same[first][:, :1]
    torch.save(same, tmp_path / "c.pth")
    for one, two, expected in (
        (mine, other, "fc.bias: has dtypes float32 and float16\n106 equal"),
        ("a.pth", "b.pth", f"extra: is only in {tmp_path / 'b.pth'}\n107 equal"),
        ("a.pth", "c.pth", f"{first}: has shapes (16, 3, 3, 3) and (16, 1, 3, 3)\n106 equal"),
    ):
        result = run("diff", "--names", tmp_path / one, tmp_path / two)
        assert (result.exit_code, result.output) == (1, f"{expected}, 1 different\n")


def test_diff_opens_every_format(mine: Path, tmp_path: Path) -> None:
    def converted(*options: object) -> str:
        options = ("--params", mine, "--reference", "none", "-o", tmp_path / "out", *options)
        (written,) = json.loads(run("convert", *options, "--json", "-").stdout)
        return str(written["file"])

    assert run("diff", mine, converted("--format", "safetensors")).output == (
        "107 equal, 0 different\n"
    )
    write_params(mine, arrays("resnet18_v1b", "resnet_v1b"))
    count = len(arrays("resnet18_v1b", "resnet_v1b"))
    folder = converted("--layout", "timm-folder")
    assert Path(folder).is_dir()
    assert run("diff", mine, folder).output == f"{count} equal, 0 different\n"
    other = converted("--layout", "mmpretrain")  # with other keys
    assert run("diff", other, mine).output == f"{count} equal, 0 different\n"
    assert run("diff", other, mine, "--names").output == f"{count} equal, 0 different\n"
    Path(other).with_suffix(".json").unlink()
    assert f"{2 * count} different" in run("diff", other, mine).output
    named = run("diff", other, mine, "--model", "gluon_resnet18_v1b")
    assert named.output == f"{count} equal, 0 different\n"


def test_diff_of_two_files_that_fit_two_networks_alike(tmp_path: Path) -> None:
    """Names with prefixes do not tell resnet50_v1c from resnet50_v1d."""
    values = arrays("resnet50_v1d", "resnet_v1d")
    keymap, targets = load_keymap("resnet_v1d"), describe_network(create_model("resnet50_v1d"))
    known = {structural: name for name, structural in prefixed_names(keymap, targets).items()}
    path = tmp_path / "prefixed.params"
    write_params(path, {f"net0_{known[name]}": array for name, array in values.items()})
    assert run("diff", path, path).output == f"{len(values)} equal, 0 different\n"
    structural = tmp_path / "structural.params"
    write_params(structural, values)
    result = run("diff", path, structural)
    assert result.exit_code == 1
    assert "fits resnet50_v1c and resnet50_v1d equally" in result.output
    assert "pass --model to choose one" in result.output


@pytest.mark.costly
def test_diff_of_a_name_without_an_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gluon2torch.checkpoints import comparison

    one, other = tmp_path / "a.params", tmp_path / "b.params"
    content = {one: {"x": None, "y": None}, other: {"x": np.empty(0, np.float32), "y": None}}
    for path in content:
        path.write_bytes(b"")
    monkeypatch.setattr(comparison, "read_params", content.get)
    for first, second in ((one, other), (other, one)):
        found = comparison.compare_files(first, second)
        assert found.equal == 1
        assert found.differences == (
            comparison.Difference("x", "has no array in one of the files", None),
        )


def test_a_sparse_array_is_expanded_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluon2torch.checkpoints import comparison
    from gluon2torch.errors import ParamsFileError
    from gluon2torch.sources.arrays import SparseArray

    rows = SparseArray("row_sparse", (3, 2), np.array([[5, 6]], np.float32), np.array([1]))
    dense = np.array([[0, 0], [5, 6], [0, 0]], np.float32)
    one, other = tmp_path / "a.params", tmp_path / "b.params"
    for path in (one, other):
        path.write_bytes(b"")
    monkeypatch.setattr(comparison, "read_params", {one: {"x": rows}, other: {"x": dense}}.get)
    monkeypatch.setattr(comparison, "MAX_DENSE", 6)
    assert comparison.compare_files(one, other).equal == 1
    monkeypatch.setattr(comparison, "MAX_DENSE", 5)
    with pytest.raises(ParamsFileError, match=r"x: a sparse array of shape \(3, 2\) is too large"):
        comparison.compare_files(one, other)


def test_the_labels_are_those_of_as_many_classes(mine: Path, tmp_path: Path) -> None:
    def labels(values: dict[str, np.ndarray]) -> object:
        write_params(mine, values)
        options = ("--params", mine, "--reference", "none", "-o", tmp_path / "out", "--json", "-")
        (written,) = json.loads(run("convert", *options).stdout)
        return written["labels"]

    values = arrays()
    assert labels(values) == "cifar10"
    assert labels({k: v[:7] if k.startswith("output.") else v for k, v in values.items()}) is None


def test_diff_of_networks_unknown_goes_by_their_names(tmp_path: Path) -> None:
    one, other = tmp_path / "a.params", tmp_path / "b.params"
    write_params(one, {"arg:x": np.ones(3, np.float32), "y": np.ones(2, np.int32)})
    write_params(other, {"x": np.ones(4, np.float32), "z": np.ones(2, np.int32)})
    (comparison,) = json.loads(run("diff", one, other, "--json", "-").output)
    assert [(d["name"], d["what"]) for d in comparison["differences"]] == [
        ("y", f"is only in {one}"),
        ("z", f"is only in {other}"),
        ("x", "has shapes (3,) and (4,)"),
    ]


def test_diff_keeps_layers_apart_whose_names_are_synonyms(tmp_path: Path) -> None:
    """A network with both kinds of batch norm, each counted by itself."""
    arrays = {
        f"net0_{kind}0_{name}": np.full(4, value, np.float32)
        for value, kind in enumerate(("batchnorm", "syncbatchnorm"))
        for name in ("gamma", "beta")
    }
    first, second = tmp_path / "first.params", tmp_path / "second.params"
    write_params(first, arrays)
    write_params(second, {**arrays, "net0_batchnorm0_gamma": np.full(4, 9, np.float32)})
    for options, equal in (((), 3), (("--names",), 4)):
        result = run("diff", first, second, *options)
        assert f"{equal} equal, {4 - equal} different" in result.output
    assert (
        "net0_batchnorm0_gamma: has different values, by up to 9"
        in run("diff", first, second).output
    )
    result = run("inspect", first)
    assert result.exit_code == 0, result.output
    assert "4 arrays" in result.output


def test_a_wrong_file_is_one_line(tmp_path: Path) -> None:
    for command in (["inspect"], ["diff", tmp_path / "no.params"]):
        result = run(*command, tmp_path / "no.params")
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
        assert "No such file" in result.output
        assert len(result.output.splitlines()) == 1


def test_weights_that_are_no_numbers_are_refused_unless_allowed(mine: Path, tmp_path: Path) -> None:
    spoiled = arrays()
    spoiled["features.0.weight"][0] = np.nan
    write_params(mine, spoiled)
    options = ["--params", mine, "--reference", "none", "-o", tmp_path / "out"]
    result = run("convert", *options)
    assert result.exit_code == 1
    assert "features.0.weight: contains 27 NaN" in result.output
    assert not (tmp_path / "out").exists()
    assert run("convert", *options, "--allow-nonfinite").exit_code == 0
    (written,) = (tmp_path / "out").glob("*.pth")
    assert run("verify", written, "--reference", "none").exit_code == 0  # hashes alone
    result = run("verify", written, "--reference", "graph")
    assert result.exit_code == 1
    assert "which cannot be proved equal: use `--reference none`" in result.output


def test_diff_of_foreign_checkpoints_is_one_line(mine: Path, tmp_path: Path) -> None:
    path = tmp_path / "foreign.pth"
    for content in ([1, 2], 3, {"state_dict": {}}, {1: torch.ones(1)}):
        torch.save(content, path)
        result = run("diff", path, mine)
        assert result.exit_code == 1
        assert "contains no state_dict" in result.output
    torch.save({"w": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))}, path)
    assert run("diff", path, path).output == "1 equal, 0 different\n"
    wider = tmp_path / "wider.pth"
    torch.save({"w": torch.ones(2)}, wider)
    assert "w: has dtypes bfloat16 and float32, by up to 0" in run("diff", path, wider).output
    with_tail = tmp_path / "tail.params"
    with_tail.write_bytes(mine.read_bytes() + b"PK\x05\x06" + bytes(18))
    assert "are left after the last name" in run("diff", with_tail, mine).output


def test_diff_asks_for_the_model_and_checks_it(mine: Path) -> None:
    result = run("diff", mine, mine, "--model", "resnet50_v1d")
    assert result.exit_code == 1
    assert "the arrays are not those of resnet50_v1d" in result.output


def test_diff_of_nan_is_json(tmp_path: Path) -> None:
    one, other = tmp_path / "a.params", tmp_path / "b.params"
    write_params(one, {"x": np.array([1, np.nan], np.float32), "none": None})
    write_params(other, {"x": np.ones(2, np.float32), "none": np.ones(1, np.float32)})
    (comparison,) = json.loads(run("diff", one, other, "--json", "-").output)
    assert comparison["differences"] == [
        {"name": "x", "what": "has different values", "max_abs": "nan"},
        {"name": "none", "what": "has shapes (0,) and (1,)", "max_abs": None},
    ]


def test_diff_tells_minus_zero_from_zero(tmp_path: Path) -> None:
    one, other = tmp_path / "a.params", tmp_path / "b.params"
    write_params(one, {"x": np.array([0.0, 1.0], np.float32), "y": np.zeros(3, np.float32)})
    write_params(other, {"x": np.array([-0.0, 1.0], np.float32), "y": np.zeros(3, np.float32)})
    result = run("diff", one, other)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "x: has different values, by up to 0",
        "1 equal, 1 different",
    ]


def test_equal_weights_are_equal_bytes_whatever_their_layout(tmp_path: Path) -> None:
    names = []
    for order in "CF":
        np.savez(tmp_path / "w.npz", **{k: np.asarray(v, order=order) for k, v in arrays().items()})
        options = ["--params", tmp_path / "w.npz", "--reference", "none", "-o", tmp_path / order]
        assert run("convert", *options).exit_code == 0
        names.append(sorted(path.name for path in (tmp_path / order).iterdir()))
    assert names[0] == names[1]


def test_a_record_that_cannot_be_written_changes_nothing(mine: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--params", mine, "--reference", "none", "-o", out]
    assert run("convert", *options).exit_code == 0
    (record,) = out.glob("*.json")
    record.unlink()
    record.mkdir()
    assert run("convert", *options).exit_code == 1
    assert sorted(path.name for path in out.iterdir()) == [record.name, f"{record.stem}.pth"]
    (out / f"{record.stem}.pth").unlink()
    assert run("convert", *options).exit_code == 1
    assert [path.name for path in out.iterdir()] == [record.name]
