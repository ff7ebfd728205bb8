"""What commands import: nothing that they do not use, and no torch to read a file's head."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gluon2torch.mappings.network_table import load_network_table
from gluon2torch.pipeline.conversion import convert
from gluon2torch.sources.params_writer import write_params
from gluon2torch.sources.random_arrays import draw_arrays

ROOT = Path(__file__).resolve().parents[1]
NAME = "cifar_resnet20_v1"
# what the project depends on, without torch
OURS = {"gluon2torch", "click", "lazy_loader", "msgspec", "numpy", "rich", "yaml", "markdown_it"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of a network, and one of an unknown network in each dialect."""
    folder = tmp_path_factory.mktemp("files")
    shapes = load_network_table(NAME).array_shapes(10, 3)
    write_params(folder / "mine.params", draw_arrays(shapes, "", 0))
    formats = ["pth", "safetensors"]
    record = convert(NAME, init="random", out=folder, reference="none", formats=formats)
    for each in record.files:
        Path(each.file).rename(folder / f"mine.{each.format}")
    for file, pattern in ("structural", "layer{}.weight"), ("prefixed", "net_conv{}_weight"):
        unknown = {pattern.format(number): np.ones((3, 4), np.float32) for number in range(6)}
        write_params(folder / f"{file}.params", unknown)
    return folder


def modules(code: str, folder: Path) -> set[str]:
    """The modules that a program has loaded at its end."""
    program = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def loaded_by(arguments: list[str], folder: Path) -> set[str]:
    code = (
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from click.testing import CliRunner; from gluon2torch.cli import main\n"
        f"result = CliRunner().invoke(main, {arguments})\n"
        "assert isinstance(result.exception, (SystemExit, type(None))), result.exception"
    )
    return modules(code, folder)


def test_a_conversion_without_a_proof_imports_torch_and_nothing_large_beside_it(
    files: Path,
) -> None:
    arguments = ["convert", "--params", "mine.params", "--reference", "none", "-o", "out"]
    loaded = loaded_by(arguments, files)
    assert list((files / "out").glob("*.pth"))
    more = loaded - modules("import torch", files)
    of_torch = {each for each in more if each.split(".")[0] == "torch"}
    assert of_torch <= {"torch.utils.serialization", "torch.utils.serialization.config"}
    tops = {each.split(".")[0] for each in more} - {"torch", *sys.stdlib_module_names}
    assert {each for each in tops if not each.startswith("_")} <= OURS


@pytest.mark.parametrize(
    "arguments",
    [
        ["detect", "mine.params"],
        ["detect", "structural.params", "prefixed.params"],
        ["inspect", "mine.params"],
        ["inspect", "prefixed.params"],
        ["diff", "mine.params", "mine.params"],
        ["diff", "--names", "mine.params", "mine.pth"],
        ["diff", "--names", "mine.safetensors", "mine.pth"],
        ["convert", "--params", "structural.params", "-o", "none"],
        ["convert", "--list"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_files_head_is_read_without_torch(arguments: list[str], files: Path) -> None:
    assert not loaded_by(arguments, files) & {"torch", "mxnet", "safetensors"}


def test_random_weights_need_no_mxnet(files: Path) -> None:
    arguments = ["convert", NAME, "--init", "random", "--reference", "none", "-o", "random"]
    assert "mxnet" not in loaded_by(arguments, files)
    assert list((files / "random").glob("*.pth"))
