"""A checkout of which nothing is installed."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gluon2torch import convert
from gluon2torch.sources.params_writer import write_params

from .environments import ROOT, bare_python, run
from .test_commands import arrays

NAME = "gluon_cifar_resnet20_v1"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_python(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.params"
    write_params(path, arrays())
    return path


@pytest.fixture
def release(mine: Path, tmp_path: Path) -> Path:
    """A folder as `gluon2torch release` makes it, with one network in it."""
    record = convert(params=mine, reference="none", out=tmp_path / "release")
    row = {"file": Path(record.file).name, "sha256": record.files[0].sha256}
    (tmp_path / "release" / "manifest.json").write_text(json.dumps({"models": {NAME: row}}))
    return tmp_path / "release"


def clone(folder: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("converter", "models", "mappings"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("convert.py", "hubconf.py"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.mark.costly
def test_convert_py_needs_no_install(python: Path, mine: Path, tmp_path: Path) -> None:
    options = ("--params", mine, "--reference", "none", "-o", "out")
    shown = run(python, tmp_path, ROOT / "convert.py", *options)
    assert "cifar_resnet20_v1" in shown
    (path,) = (tmp_path / "out").glob("*.pth")
    assert json.loads(path.with_suffix(".json").read_text())["model"] == "cifar_resnet20_v1"


def test_without_its_libraries_one_line_says_what_to_run(tmp_path: Path) -> None:
    program = tmp_path / "convert.py"
    shutil.copy(ROOT / "convert.py", program)
    command = [sys.executable, "-I", "-S", program, "--list"]  # -S: without installed libraries
    for advice in ("run `make convert` first, or `python -m pip install -e .`", "run `./gluon2to"):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("Error: convert.py needs torch, numpy, click, ")
        assert advice in line
        (tmp_path / "gluon2torch").touch()


def test_the_libraries_asked_for_are_the_dependencies() -> None:
    needed = {name.lower() for name in runpy.run_path(str(ROOT / "convert.py"))["NEEDED"]}
    table = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = table[table.index("\ndependencies = [") :].split("]", 1)[0]
    names = {each.lower().replace("-", "_") for each in re.findall(r'"([\w-]+)>=', block)}
    assert needed == names - {"pyyaml"} | {"yaml"}


@pytest.mark.costly
@pytest.mark.parametrize("when", ["before", "after"])
def test_hub_leaves_other_peoples_packages_alone(
    when: str, python: Path, release: Path, tmp_path: Path
) -> None:
    for name in ("models", "converter"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"mine = {name!r}\n")
    (tmp_path / "mappings.py").write_text("mine = 'mappings'\n")
    load = (
        f"import torch; network = torch.hub.load({str(ROOT)!r}, {NAME!r}, source='local', "
        "pretrained=True); print(network.fc.bias[0].item(), type(network).__module__)\n"
    )
    own = "import models, converter, mappings\n"
    show = "print(models.mine, converter.mine, mappings.mine, hasattr(models, 'ResNet'))\n"
    code = own + load + show if when == "before" else load + own + show
    shown = run(python, tmp_path, "-c", code, GLUON2TORCH_RELEASE=str(release))
    assert shown == "107.0 gluon2torch.models.resnet\nmodels converter mappings False\n"


MIX = f"""
import sys, torch
def load(folder):
    return torch.hub.load(folder, {NAME!r}, source="local")
one, two, again = load("one"), load("two"), load("one")
print([getattr(type(each), "marker", None) for each in (one, two, again)])
print(type(one) is type(again), type(one) is type(two))
tops = {{name.split(".")[0] for name in sys.modules if name.startswith("gluon2torch")}}
packages = sorted(tops)
print(len(packages), [sys.modules[name].__version__ for name in packages])
print([sys.modules[type(each).__module__].__file__.split("/")[-3] for each in (one, two)])
"""


@pytest.mark.costly
def test_two_clones_of_different_versions_do_not_mix(python: Path, tmp_path: Path) -> None:
    clone(tmp_path / "one")
    other = clone(tmp_path / "two")
    head = "class ResNet(nn.Module):\n"
    for path, old, new in (
        (other / "converter" / "__init__.py", '"0.1.0"', '"0.2.0"'),
        (other / "models" / "resnet.py", head, f"{head}    marker = 'two'\n"),
    ):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    shown = run(python, tmp_path, "-c", MIX)
    assert shown.splitlines() == [
        "[None, 'two', None]",
        "True False",
        "2 ['0.1.0', '0.2.0']",
        "['one', 'two']",
    ]
