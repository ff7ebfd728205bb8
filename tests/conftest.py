"""What the tests share: which libraries are here, the real files, small random networks."""

from __future__ import annotations

import ctypes
import functools
import gc
import importlib
import importlib.util
import json
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon2torch.checkpoints.record import Record, WrittenFile
from gluon2torch.mapping.assignment import array_specs
from gluon2torch.mapping.fit import fit
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.parity.result import Parity
from gluon2torch.sources import mxnet_compat
from gluon2torch.sources.source import Source, load_arrays
from gluon2torch.weights.converted import Converted, assemble

from .stand_in_hub import Hub, serving

# the shared folder of real files, in the same folder as the checkout; it is optional
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CLIENTS = ("timm", "torchvision", "mmpretrain", "onnxruntime", "huggingface_hub", "pycocotools")
NOTEBOOKS = ("nbclient", "nbformat", "ipykernel")
_LIBRARIES: list[Any] = []
LARGE = 256 << 20  # bytes by which a process grows before it collects
_memory = 0  # after it has collected
SMALL = (65, 33)  # 2·32 + 1 and 32 + 1: odd before every strided layer


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose library is missing; in CI that is a failure."""
    if sys.platform == "win32" and item.get_closest_marker("posix"):
        pytest.skip("Windows has no fork, signals or shell scripts")
    if item.get_closest_marker("cuda"):
        from .on_device import find_test_device

        if find_test_device() is None:
            pytest.skip("torch finds no GPU")
    needs: dict[str, Callable[[], object]] = {"mxnet": mxnet_compat.has_mxnet}
    needs["graphviz"] = functools.partial(shutil.which, "dot")
    needs["linters"] = functools.partial(importlib.util.find_spec, "importlinter")
    needs["mkdocs"] = functools.partial(importlib.util.find_spec, "mkdocs")
    needs |= {name: functools.partial(importlib.util.find_spec, name) for name in CLIENTS}
    needs["nbclient"] = lambda: all(map(importlib.util.find_spec, NOTEBOOKS))
    missing = [name for name, here in needs.items() if item.get_closest_marker(name) and not here()]
    if missing:
        reason = f"{', '.join(missing)} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def pytest_runtest_logfinish() -> None:
    """Give freed memory back after a test that took much, or a process grows by gigabytes.

    MXNet's blocks refer to one another with all their arrays, and glibc keeps what it has.
    Collecting takes most of a second, so small tests leave it to the next large one.
    """
    global _memory
    if sys.platform == "linux" and resident_memory() > _memory + LARGE:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        _memory = resident_memory()


def resident_memory() -> int:
    """Bytes of memory that this process occupies."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that no process ends long after the other."""
    items.sort(key=lambda item: item.get_closest_marker("costly") is None)


def require_data() -> Path:
    """The folder of real files; a test that needs it is skipped where it is not there."""
    if not DATA.is_dir():
        pytest.skip("needs the real files in ../shared/data, which is not part of the repository")
    return DATA


def import_client(name: str) -> Any:
    """timm, torchvision or mmpretrain, which all bring torchvision.

    torchvision's wheel is built for CUDA; with a CPU-only torch it misses two operators that no
    network here uses. Declaring them is enough.
    """
    import torch

    names = torch._C._dispatch_get_all_op_names()
    if not any(name.startswith("torchvision::nms") for name in names):
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)  # it is taken back with its object
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def random_network(name: str) -> Converted:
    """A network of the catalogue with random weights, from Gluon's arrays to our tensors."""
    entry = load_catalog()[name]
    arrays = load_arrays(entry, Source("random", seed=0))
    return assemble(fit(entry, array_specs(arrays)).require(), arrays)


def gluon_outputs(converted: Converted, images: np.ndarray) -> dict[str, np.ndarray]:
    """What GluonCV's network gives for these images in float64, by stage."""
    from gluon2torch.parity.gluon_reference import GluonReference

    keymap = converted.fit.keymap
    reference = GluonReference(
        converted.fit.entry.name,
        converted.reference_arrays(),
        keymap.stages,
        converted.fit.num_classes,
    )
    reference.cast("float64")
    try:
        return reference(images)
    finally:
        reference.close()


def images(size: tuple[int, int], batch: int = 2) -> np.ndarray:
    """Random images in float64."""
    return np.random.default_rng(7).standard_normal((batch, 3, *size))


def relative(actual: Any, expected: np.ndarray) -> float:
    """The largest difference over the largest expected value."""
    return float(np.abs(np.asarray(actual) - expected).max() / np.abs(expected).max())


def record(name: str = "cifar_resnet20_v1", **fields: Any) -> Record:
    """A record of random weights whose parity was not run."""
    entry = load_catalog()[name]
    dataset = entry.dataset
    values: dict[str, Any] = {
        "model": entry.name,
        "name": entry.published,
        "family": entry.family,
        "files": (WrittenFile("pth", f"{entry.published}-00000000.pth", "0" * 64, 1),),
        "layout": "timm",
        "content_sha256": "1" * 64,
        "parameters": entry.parameters,
        "num_classes": dataset.num_classes,
        "in_chans": 3,
        "num_features": 64,
        "preprocessing": dataset.preprocessing,
        "labels": dataset.name,
        "source": Source("random", seed=0),
        "parity": Parity("none", None),
    }
    return Record(**(values | fields))


@pytest.fixture(scope="session")
def timm() -> Any:
    """timm, with a CPU-only torch, too."""
    return import_client("timm")


@pytest.fixture(scope="session")
def torchvision() -> Any:
    """torchvision, with a CPU-only torch, too."""
    return import_client("torchvision")


@pytest.fixture(scope="session")
def mmpretrain() -> Any:
    """mmpretrain, with a CPU-only torch, too."""
    return import_client("mmpretrain")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real `.params` files and labelled images."""
    return require_data()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The path of a real, trained, converted network: `structural` or `export` (images.py)."""
    from .images import convert_trained

    require_data()
    out = tmp_path_factory.mktemp("trained")
    return functools.cache(lambda which: Path(convert_trained(which, out).file))


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """A checkpoint with random weights, of ours in all but that no conversion wrote it."""
    import torch

    from gluon2torch.models import create_model

    torch.manual_seed(0)
    path = tmp_path / "mine.pth"
    torch.save(create_model("cifar_resnet20_v1").state_dict(), path)
    path.with_suffix(".json").write_text(json.dumps(record().as_dict()))
    return path


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; images are read without the costs of other processes."""
    monkeypatch.chdir(tmp_path)
    for user in (
        "finetuning.fine_tuning",
        "inference.classification",
        "inference.feature_extraction",
    ):
        monkeypatch.setattr(f"gluon2torch.{user}.default_workers", lambda: 0)
    return tmp_path


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reaches the published store or the user's cache."""
    monkeypatch.setenv("MXNET_GLUON_REPO", "http://127.0.0.1:9")
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "mxnet"))


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in place of GitHub; `gh` on PATH is the stand-in."""
    state, programs = tmp_path / "github", tmp_path / "bin"
    state.mkdir()
    programs.mkdir()
    program = programs / "gh"
    script = shlex.join([sys.executable, "-SE", str(Path(__file__).with_name("stand_in_gh.py"))])
    program.write_text(f'#!/bin/sh\nexec {script} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GH_STATE", str(state))
    return state


@pytest.fixture
def local_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The stand-in for the Hub, to which huggingface_hub talks in this process."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        yield hub
