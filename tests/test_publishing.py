"""The README's section on publishing, from the records to GitHub, the Hub and `verify`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gluon2torch import convert
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.sources.params_writer import write_params

from .conftest import random_network
from .documents import ROOT, commands, make_files, run, sections
from .folders import TINY
from .stand_in_hub import Hub

pytestmark = [
    pytest.mark.mxnet,
    pytest.mark.huggingface_hub,
    pytest.mark.costly,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),  # huggingface_hub's own
]
# what the stand-ins for GitHub and the Hub know
NAMES = {"OWNER": "somebody", "REPO": "networks", "NAME": "networks", "TAG": "v1"}
LINES = commands(dict(sections(ROOT / "README.md"))["Publish"])


def make_inputs() -> None:
    """What the section takes for granted, with two small networks as the published set."""
    for folder, name in zip("ab", TINY, strict=True):
        write_params("mine.params", random_network(name).arrays)
        convert(name, params="mine.params", out=folder)
        shutil.copytree(folder, "weights", dirs_exist_ok=True)
    make_files("weights/gluon_resnet50_v1d")


@pytest.mark.usefixtures("sandbox", "gh")
def test_the_section_runs(local_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_catalog(), "published_set", list(TINY))
    make_inputs()
    assert len(LINES) == 7
    for line in LINES:
        if "--from" in line:  # another folder of the same name
            shutil.rmtree("dist")
        for placeholder, name in NAMES.items():
            line = line.replace(placeholder, name)
        result = run(line)
        assert result is not None
        assert result.exit_code == 0, (line, result.output)
    state = json.loads((tmp_path / "github" / "state.json").read_text())["v1"]
    dist = {path.name for path in Path("dist").iterdir()}
    assert (state["draft"], state["assets"].keys()) == (False, dist)
    names = [f"somebody/gluon_{name}" for name in TINY]
    assert set(local_hub.repositories) == {"somebody/networks", *names}
