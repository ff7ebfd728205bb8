"""`verify` and `inspect` of a network's source: what its files say, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gluon2torch.pipeline.graph_conversion import convert_graph
from gluon2torch.sources.mxnet_compat import import_mxnet

from .exported import export_symbol
from .images import run

pytestmark = pytest.mark.mxnet


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    sym = import_mxnet().sym
    layer = sym.FullyConnected(sym.var("data"), num_hidden=3, name="fc")
    paths = export_symbol(layer, folder / "net", {"data": (1, 4)})
    inputs = {"data": (1, 4)}
    record = convert_graph(
        *paths, out=folder / "out", inputs=inputs, formats=["py"], reference="none"
    )
    return Path(record.file)


@pytest.fixture
def files(source: Path, tmp_path: Path) -> Path:
    """A copy of the source, its weights and its record."""
    for each in source.parent.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    return tmp_path / source.name


def weights_of(path: Path) -> Path:
    (weights,) = path.parent.glob("*.safetensors")
    return weights


def test_inspect_lists_the_arrays_of_a_source(source: Path) -> None:
    result = run("inspect", source)
    assert result.exit_code == 0, result.output
    head, *rows = result.output.splitlines()
    assert "source of the network Net, with its weights in " in head
    assert "2 arrays, 15 values" in head
    assert [row.split()[:3] for row in rows] == [
        ["fc.bias", "float32", "3"],
        ["fc.weight", "float32", "3x4"],
    ]
    (found,) = json.loads(run("inspect", source, "--json", "-").output)
    assert found["detection"] is None


def test_verify_compares_a_source_with_its_record_and_its_weights(files: Path) -> None:
    result = run("verify", files)
    assert result.exit_code == 0, result.output
    assert result.output.endswith(
        "matches its digits, sha256, weights digits; parity was not run\n"
    )
    assert run("verify", files, "--reference", "gluon").exit_code == 2
    files.with_suffix(".json").unlink()
    assert "matches its digits, weights digits" in run("verify", files).output


@pytest.mark.parametrize("folder", ["weights/", "../", "/"])
def test_weights_of_another_folder_are_not_read(folder: str, files: Path) -> None:
    text = files.read_text()
    files.write_text(text.replace('load_file("', f'load_file("{folder}'))
    result = run("inspect", files)
    assert result.exit_code == 1
    assert "must be the name of a file beside it" in result.output
    assert "Traceback" not in result.output


def test_verify_says_what_was_changed(files: Path) -> None:
    text = files.read_text()
    files.write_text(text + "# changed\n")
    result = run("verify", files)
    assert result.exit_code == 1
    assert result.stderr.count("Error:") == 2
    assert "its SHA-256 is" in result.stderr
    files.write_text(text)
    weights = weights_of(files)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    result = run("verify", files)
    assert result.exit_code == 1
    assert "its weights' SHA-256, whose first digits are in the file name, is" in result.stderr


@pytest.mark.parametrize("command", ["verify", "inspect"])
def test_what_is_no_source_is_refused_with_the_reason(command: str, files: Path) -> None:
    def error() -> str:
        result = run(command, files)
        assert result.exit_code == 1
        return str(result.stderr)

    weights = weights_of(files)
    weights.rename(weights.with_suffix(".moved"))
    assert f"the file with its weights, {weights}, does not exist" in error()
    files.write_text("print('hello')\n")
    assert "its first lines do not say how its weights are loaded" in error()
    files.write_text("import (\n")
    assert "is not Python source" in error()
    files.unlink()
    assert "cannot be read (No such file or directory)" in error()


def test_other_commands_say_that_it_is_source(files: Path, tmp_path: Path) -> None:
    result = run("to-gluon", files, "-o", tmp_path / "a.params")
    assert result.exit_code == 1
    assert "the source of a network; import it, and load its weights" in result.stderr
