"""The wheel, used where there is no checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from gluon2torch.sources.params_writer import write_params

from .environments import ROOT, bare_python, run
from .images import noise
from .test_commands import arrays


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
    python = bare_python(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    return python


def test_the_wheel_holds_one_package_and_every_table(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"gluon2torch", "gluon2torch-0.1.0.dist-info"}
    homes = {"converter": "gluon2torch", "models": "gluon2torch/models"}
    homes["mappings"] = "gluon2torch/mappings"
    for folder, home in homes.items():
        for path in (ROOT / folder).rglob("*.*"):
            if path.is_file() and path.suffix != ".pyc":
                assert f"{home}/{path.relative_to(ROOT / folder)}" in names


OTHERS = ("converter", "models", "mappings")
USE = f"""
import hashlib, json, os, pathlib, sys, torch
(path,) = pathlib.Path("out").glob("*.pth")
row = {{"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}
manifest = {{"models": {{"gluon_cifar_resnet20_v1": row}}}}
pathlib.Path("out/manifest.json").write_text(json.dumps(manifest))
os.environ["GLUON2TORCH_RELEASE"] = "out"
from gluon2torch import load_published
installed = load_published("gluon_cifar_resnet20_v1")
# the checkout's hubconf.py, while the installed copy has the name
cloned = torch.hub.load({str(ROOT)!r}, "gluon_cifar_resnet20_v1", source="local", pretrained=True)
print(installed.fc.bias[0].item(), cloned.fc.bias[0].item(), type(installed) is type(cloned))
print(type(installed).__module__, type(cloned).__module__.split("_")[0])
import converter, models, mappings
print([sys.modules[name].mine for name in ("converter", "models", "mappings")])
"""


@pytest.mark.costly
def test_an_installed_copy_works_beside_other_peoples_packages(
    environment: Path, tmp_path: Path
) -> None:
    """Packages and modules of our folders' names are the user's, imported before or after ours."""
    for name in OTHERS[:2]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"mine = {name!r}\n")
    (tmp_path / "mappings.py").write_text("mine = 'mappings'\n")
    where = run(environment, tmp_path, "-c", "import gluon2torch; print(gluon2torch.__file__)")
    assert str(ROOT) not in where
    write_params(tmp_path / "mine.params", arrays())
    options = ["--params", "mine.params", "--reference", "none", "-o", "out"]
    shown = run(environment, tmp_path, "-m", "gluon2torch", "convert", *options)
    assert "cifar_resnet20_v1" in shown
    catalogue = run(environment, tmp_path, "-m", "gluon2torch", "convert", "--list")
    assert len(catalogue.splitlines()) > 73
    expected = (
        "107.0 107.0 False\ngluon2torch.models.resnet gluon2torch\n"
        "['converter', 'models', 'mappings']\n"
    )
    assert run(environment, tmp_path, "-c", USE) == expected
    before = "import converter, models, mappings\n"
    assert run(environment, tmp_path, "-c", before + USE) == expected

    (checkpoint,) = tmp_path.glob("out/*.pth")
    Image.fromarray(noise(40, 40)).save(tmp_path / "noise.png")
    run(environment, tmp_path, "-m", "gluon2torch", "predict", checkpoint, "noise.png")
    back = ("to-gluon", checkpoint, "-o", "back.params")
    run(environment, tmp_path, "-m", "gluon2torch", *back)
    assert (tmp_path / "back.params").read_bytes() == (tmp_path / "mine.params").read_bytes()


PROGRAM = """
from pathlib import Path
from gluon2torch import FinetuneOptions, Record, convert, finetune, open_checkpoint, read_params
from gluon2torch.models import create_model, list_models

record: Record = convert("resnet18_v1b", params=Path("x.params"), formats=["pth", "safetensors"])
names: list[str] = list_models()
checkpoint = open_checkpoint(record.file)
labels: tuple[str, ...] = checkpoint.labels.names if checkpoint.labels is not None else ()
done = finetune(checkpoint, "images", "out", FinetuneOptions(epochs=1))
passed: bool | None = record.parity.passed
for name, array in read_params("x.params").items():
    print(name, array.shape if array is not None else None)
reveal_type(create_model("resnet18_v1b"))
reveal_type(checkpoint.record.source)
"""


def check_types(environment: Path, folder: Path, text: str) -> str:
    (folder / "program.py").write_text(text)
    options = ("--strict", "--python-executable", str(environment), "--cache-dir", "cache")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "program.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.stdout + done.stderr


@pytest.mark.linters
@pytest.mark.costly
def test_a_users_program_type_checks_against_the_wheel(environment: Path, tmp_path: Path) -> None:
    shown = check_types(environment, tmp_path, PROGRAM)
    assert 'Revealed type is "gluon2torch.models.resnet.ResNet"' in shown
    assert 'Revealed type is "gluon2torch.sources.source.Source | None"' in shown
    assert "Success" in shown, shown
    wrong = PROGRAM.replace("epochs=1", "epochs='1'").replace("record.parity", "record.paritty")
    shown = check_types(environment, tmp_path, wrong)
    assert 'Argument "epochs" to "FinetuneOptions" has incompatible type "str"' in shown
    assert '"Record" has no attribute "paritty"' in shown
