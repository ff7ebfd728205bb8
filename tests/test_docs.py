"""What the documentation shows is run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gluon2torch.graph import registry
from gluon2torch.mappings.class_labels import dataset_labels
from gluon2torch.sources.mxnet_compat import import_mxnet

from .documents import ROOT, commands, make_files, parse, python_blocks, require_done, run, sections
from .images import encode, noise
from .test_graph_inputs import save_detector

DOCS = ROOT / "docs"


@pytest.mark.mxnet
def test_the_examples_of_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in dataset_labels("cifar10").ids:
        for number in range(2):
            path = tmp_path / "photographs" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(Image.fromarray(noise(40, 50, number)), "PNG"))
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["record"].parity.passed
    assert names["counts"].images == 20
    assert Path(names["trained"].best.file).is_file()


@pytest.mark.mxnet
def test_the_example_of_graphs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_detector(tmp_path)
    nn = import_mxnet().gluon.nn
    own = nn.HybridSequential()
    own.add(nn.Conv2D(8, 3, in_channels=3), nn.Dense(10, in_units=8 * 30 * 30))
    own.initialize()
    own.save_parameters(str(tmp_path / "my.params"))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "graphs.md").read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {}
    before = registry.registered()
    for block in blocks:
        exec(compile(block, "docs/graphs.md", "exec"), names)
        assert names["record"].parity.passed
    assert registry.registered() - before == {("Custom", "scaled_tanh")}
    registry.forget(registry.registered() - before)
    assert (tmp_path / "net-symbol.json").is_file()
    assert (tmp_path / "net-0000.params").is_file()
    weights = names["network"].state_dict()
    for name, tensor in names["module"].state_dict().items():
        assert torch.equal(tensor, weights[name])


TUTORIAL = DOCS / "tutorial.md"  # whose commands need what those before them have made
NUMBER = re.compile(r"\d\.\de-\d\d")
SECTIONS = {
    f"{path.stem}: {title}": text
    for path in sorted({*DOCS.glob("*.md")} - {TUTORIAL})
    for title, text in sections(path)
    if commands(text)
}
ZOO = "zoo: "  # test_zoo_documentation.py


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.parametrize("title", [each for each in SECTIONS if not each.startswith(ZOO)])
@pytest.mark.usefixtures("sandbox")
def test_the_commands_run(title: str) -> None:
    make_files(SECTIONS[title])
    for line in commands(SECTIONS[title]):
        if line.startswith("python -m tests.fuzz"):  # it takes hours
            require_options(line)
        elif line.startswith("torchrun"):
            words = shlex.split(line.replace("CHECKPOINT", "mine.pth"))
            subprocess.run([sys.executable, "-m", "torch.distributed.run", *words[1:]], check=True)
        else:
            source, _, piped = line.rpartition(" | ")
            assert not source or source.startswith("curl")
            result = run(piped, stdin=Path("cat.jpg").read_bytes() if source else None)
            if result is not None:
                require_done(line, result)


def test_the_commands_of_large_networks_are_ours() -> None:
    """They run in test_zoo_documentation.py, which is slow."""
    lines = [
        line for title, text in SECTIONS.items() if title.startswith(ZOO) for line in commands(text)
    ]
    assert len(lines) == 12
    for line in lines:
        parse(line)


def transcripts(text: str) -> list[tuple[str, str]]:
    """The command lines in blocks of code, each with the output that is shown after it."""
    blocks = re.findall(r"^```\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    parts = [part for each in blocks for part in re.split(r"^(?=gluon2torch )", each, flags=re.M)]
    return [(line, shown) for line, _, shown in (part.partition("\n") for part in parts) if line]


@pytest.mark.mxnet
@pytest.mark.costly
@pytest.mark.usefixtures("sandbox")
def test_the_tutorial_is_followed_from_its_start() -> None:
    make_files("photo.jpg flowers")
    number = 0
    for _, text in sections(TUTORIAL):
        for line, shown in transcripts(text) if "```python" not in text else ():
            result = run(line)
            assert result is not None
            assert result.exit_code == 0, (line, result.output)
            if shown:
                assert NUMBER.sub("N", result.stdout) == NUMBER.sub("N", shown)
            number += 1
        for block in python_blocks(text):
            names: dict[str, Any] = {}
            exec(compile(block, "docs/tutorial.md", "exec"), names)
            assert names["logits"].shape == (1, 10)
    assert number == TUTORIAL.read_text(encoding="utf-8").count("\ngluon2torch ") == 8


def require_options(line: str) -> None:
    """Fail unless a program of the tests has the options of a command line."""
    _, _, module, *words = shlex.split(line)
    text = Path(ROOT, *module.split(".")).with_suffix(".py").read_text()
    for word in words:
        assert not word.startswith("--") or f'"{word}"' in text, line


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_commands_within_the_text_are_ours(path: Path) -> None:
    for line in re.findall(r"`(gluon2torch [a-z-]+ [^`…]+)`", path.read_text()):
        parse(line)


def test_links_lead_somewhere() -> None:
    for path in DOCS.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert link.startswith("http") or (path.parent / link).exists(), (path.name, link)
