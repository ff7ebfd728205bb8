"""The README's code runs as it stands."""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from gluon2torch import convert
from gluon2torch.checkpoints.record import Record
from gluon2torch.sources.params_writer import write_params

from .conftest import import_client, random_network
from .exported import export

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^##+ ", README, flags=re.MULTILINE)[1:]
BLOCKS = [
    (section.splitlines()[0], block)
    for section in SECTIONS
    for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL)
]
NAME = re.compile(r"weights/(gluon_(\w+)-[0-9a-f]{8}[.\w]*)")
CLIENTS = {"timm": "timm", "torchvision": "torchvision", "mmpretrain": "mmpretrain"}
OPTIONS: dict[str, dict[str, Any]] = {
    "timm": {"layout": "timm-folder"},
    "torchvision": {"layout": "torchvision"},
    "mmpretrain": {"layout": "mmpretrain"},
    "safetensors": {"formats": ["safetensors"]},
    "ONNX": {"formats": ["onnx"]},
}


def made(model: str, title: str, tmp_path: Path) -> Record:
    write_params(tmp_path / "random.params", random_network(model).arrays)
    return convert(
        model,
        params=tmp_path / "random.params",
        reference="none",
        out=tmp_path / "made",
        **OPTIONS.get(title, {}),
    )


@pytest.mark.mxnet
@pytest.mark.timm
@pytest.mark.torchvision
@pytest.mark.mmpretrain
@pytest.mark.onnxruntime
@pytest.mark.parametrize(("title", "block"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_each_block_runs(
    title: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = NAME.search(block)
    model = found[2] if found else "resnet50_v1d"
    record = made(model, title, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("weights").mkdir()
    if found is not None:
        source, target = Path(record.file), Path("weights", found[1])
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        if source.is_file():
            shutil.copy(source.with_suffix(".json"), target.with_suffix(".json"))
    if title == "mmpretrain":
        Path("resnet50_v1d.py").write_text(record.load)
    if title == "torch.hub":
        row = {"file": Path(record.file).name, "sha256": record.files[0].sha256}
        manifest = {"models": {record.name: row}}
        Path("made", "manifest.json").write_text(json.dumps(manifest))
        monkeypatch.setenv("GLUON2TORCH_RELEASE", os.path.abspath("made"))
        block = block.replace('load(".", ', f"load({str(ROOT)!r}, ")
    if title == "Any MXNet network":
        for path in export("cifar_resnet20_v1", tmp_path, (32, 32)):
            path.rename(path.name.replace("cifar_resnet20_v1", "net"))
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        if title in CLIENTS:
            warnings.simplefilter("ignore")  # the client's own
            import_client(CLIENTS[title])
        exec(block, names)
    if "network" in names:
        network = names["network"].eval()
        images = torch.zeros(1, 3, 64, 64)
        expected = random_network(model).network().eval()
        with torch.inference_mode():
            assert torch.allclose(network(images), expected(images), rtol=1e-4, atol=1e-4)


def test_the_sections_are_all_there() -> None:
    titles = [title for title, _ in BLOCKS]
    assert {*OPTIONS, "torch.hub", "Load"} <= set(titles)
