"""What the documentation shows is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from gluon2torch.cli import main
from gluon2torch.graph import registry
from gluon2torch.mappings.class_labels import dataset_labels

from .images import encode, noise
from .test_graph_inputs import save_detector

DOCS = Path(__file__).resolve().parents[1] / "docs"


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
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "graphs.md").read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {}
    before = registry.registered()
    for block in blocks:
        exec(compile(block, "docs/graphs.md", "exec"), names)
        assert names["record"].parity.passed
    assert registry.registered() - before == {("Custom", "scaled_tanh")}
    registry.forget(registry.registered() - before)
    weights = names["network"].state_dict()
    for name, tensor in names["module"].state_dict().items():
        assert torch.equal(tensor, weights[name])


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_the_options_that_are_shown_exist(path: Path) -> None:
    """Every `gluon2torch VERB … --option` in a block of code is one of that verb's."""
    for block in re.findall(r"```\n(.*?)```", path.read_text(), flags=re.DOTALL):
        for line in block.splitlines():
            found = re.search(r"(?:gluon2torch|-m gluon2torch) ([a-z-]+)(.*)", line)
            if found is None:
                continue
            usage = CliRunner().invoke(main, [found[1], "--help"])
            assert usage.exit_code == 0, line
            for option in re.findall(r" (--?[a-z-]{1,})", found[2]):
                assert re.search(rf"(^|[ ,]){option}\b", usage.output, flags=re.MULTILINE), (
                    line,
                    option,
                )


def test_links_lead_somewhere() -> None:
    for path in DOCS.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert link.startswith("http") or (path.parent / link).exists(), (path.name, link)
