"""The wheel, used where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from converter.sources.params_writer import write_params

from .test_commands import arrays

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("converter", "mappings", "models"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(source), "-w", str(folder)]
    subprocess.run(command, check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the wheel, and with the libraries of this one, but not its checkout."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    # a folder named in a .pth file is searched, but its own .pth files, an editable install's
    # among them, are not read
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "bin" / "python"


def run(python: Path, cwd: Path, *arguments: object) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_every_table(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tables = {str(path.relative_to(ROOT)) for path in (ROOT / "mappings").rglob("*.*")}
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "converter").rglob("*.py")}
    assert tables | code <= names
    assert not {name for name in names if name.startswith("tests")}


LOAD = f"""
import hashlib, json, os, pathlib, torch
(path,) = pathlib.Path("out").glob("*.pth")
row = {{"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}
manifest = {{"models": {{"gluon_cifar_resnet20_v1": row}}}}
pathlib.Path("out/manifest.json").write_text(json.dumps(manifest))
os.environ["GLUON2TORCH_RELEASE"] = "out"
from converter import load_published
print(load_published("gluon_cifar_resnet20_v1").fc.bias[0].item())
# the checkout's hubconf.py, while the installed copy has the names
import converter, models
network = torch.hub.load({str(ROOT)!r}, "gluon_cifar_resnet20_v1", source="local", pretrained=True)
print(network.fc.bias[0].item(), type(network) is not models.ResNet)
"""


def test_an_installed_copy_converts_and_loads(environment: Path, tmp_path: Path) -> None:
    where = run(environment, tmp_path, "-c", "import converter, models; print(converter.__file__)")
    assert str(ROOT) not in where
    write_params(tmp_path / "mine.params", arrays())
    options = ["--params", "mine.params", "--reference", "none", "-o", "out"]
    shown = run(environment, tmp_path, "-m", "converter", "convert", *options)
    assert "cifar_resnet20_v1" in shown
    assert len(run(environment, tmp_path, "-m", "converter", "convert", "--list").splitlines()) > 73
    assert run(environment, tmp_path, "-c", LOAD) == "107.0\n107.0 True\n"
