"""The README's commands and examples run as they stand, as far as they need no network."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from packaging.requirements import Requirement

from . import documents
from .conftest import import_client, random_network
from .documents import ROOT, commands, make_files, parse, python_blocks, require_done, sections

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
SECTIONS = dict(sections(README))
ADDRESS = "https://github.com/gluon2torch/gluon2torch"
CONVERT = "gluon2torch convert resnet50_v1d --init random"
PUBLISHING = "Publish"  # test_publishing.py
CLIENTS = ("timm", "torchvision", "mmpretrain")
NUMBER = re.compile(r"\d\.\de-\d\d")


def run(line: str) -> Result | None:
    """Run a command line of the README as far as it needs no network."""
    if line.startswith("git clone"):
        assert line == f"git clone {ADDRESS} && cd gluon2torch"
        return None
    result = documents.run(line)
    if result is not None:
        require_done(line, result)
    return result


def prepare(title: str, results: list[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what a section says in words."""
    if title == "mmpretrain":
        config = re.findall(r"^    (.*)", results[0].stdout, flags=re.MULTILINE)
        Path("resnet18_v1b.py").write_text("\n".join(config))
    if title == "torch.hub":
        documents.make_files("weights/gluon_resnet50_v1d")
        (record,) = (json.loads(path.read_text()) for path in Path("weights").glob("*.json"))
        row = {"file": Path(record["file"]).name, "sha256": record["sha256"]}
        manifest = {"models": {record["name"]: row}}
        Path("weights", "manifest.json").write_text(json.dumps(manifest))
        monkeypatch.setenv("GLUON2TORCH_RELEASE", os.path.abspath("weights"))


def run_example(block: str, title: str) -> None:
    """Run an example in Python; the network in it must be the one with the random weights."""
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        if title in CLIENTS:
            warnings.simplefilter("ignore")  # the client's own
            import_client(title)
        exec(block.replace('load(".", ', f"load({str(ROOT)!r}, "), names)
    if "network" in names:
        (model,) = set(re.findall(r"resnet\d+_v1\w", block))
        images = torch.zeros(1, 3, 64, 64)
        expected = random_network(model).network().eval()
        with torch.inference_mode():
            found = names["network"].eval()(images)
            assert torch.allclose(found, expected(images), rtol=1e-4, atol=1e-4)


@pytest.mark.mxnet
@pytest.mark.timm
@pytest.mark.torchvision
@pytest.mark.mmpretrain
@pytest.mark.onnxruntime
@pytest.mark.costly
@pytest.mark.parametrize("title", sorted({*SECTIONS} - {PUBLISHING}))
@pytest.mark.usefixtures("sandbox")
def test_each_section_runs(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SECTIONS[title]
    lines = commands(text)
    make_files(text.replace("weights/", "") if CONVERT in lines else text)
    results = [result for line in lines if (result := run(line)) is not None]
    if CONVERT in lines:  # the line that the README shows is what it prints
        (shown,) = re.findall(r"^resnet50_v1d .*\.pth$", TEXT, flags=re.MULTILINE)
        assert NUMBER.sub("N", results[0].stdout).splitlines() == [NUMBER.sub("N", shown)]
    prepare(title, results, monkeypatch)
    for block in python_blocks(text):
        run_example(block, title)


def test_every_example_is_found() -> None:
    assert {*CLIENTS, "safetensors", "ONNX", "torch.hub", "Load"} <= set(SECTIONS)
    assert sum(len(python_blocks(text)) for text in SECTIONS.values()) == TEXT.count("```python")
    assert sum(len(commands(text)) for text in SECTIONS.values()) > 30


def test_commands_within_the_text_are_ours() -> None:
    quoted = [shlex.split(each) for each in re.findall(r"`(gluon2torch [a-z-]+ [^`]+)`", TEXT)]
    assert len(quoted) >= 8
    for words in quoted:
        parse(shlex.join(words))


def test_packages_are_installed_from_the_repository() -> None:
    """Nothing advises to install the package from an index that does not have it."""
    extras = set(importlib.metadata.metadata("gluon2torch").get_all("Provides-Extra") or [])
    for path in (README, *(ROOT / "docs").glob("*.md")):
        for line in re.findall(r"(?:pip|uv tool|pipx) install ([^`]+)`", path.read_text("utf-8")):
            for word in shlex.split(line):
                if word.startswith("gluon2torch"):
                    requirement = Requirement(word)
                    assert requirement.url == f"git+{ADDRESS}"
                    assert requirement.extras <= extras
    assert TEXT.count(f"@ git+{ADDRESS}") == 3
