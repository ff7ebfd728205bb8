"""The workflows: they parse, and what they run is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from converter.cli import main
from converter.release.upload import parse_target

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"


def load(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((WORKFLOWS / name).read_text())
    return content


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in load(name)["jobs"].values() for step in job["steps"]]


def commands(name: str) -> list[list[str]]:
    """Every command of ours that a workflow runs, as words."""
    lines = [line for step in steps(name) for line in step.get("run", "").splitlines()]
    words = [shlex.split(line) for line in lines]
    return [line[1:] for line in words if line[0] == "gluon2torch"]


def check_command(words: list[str]) -> click.Context:
    """Parse a command as the command line does, without running it."""
    command = main.commands[words[0]]
    return command.make_context(words[0], words[1:])


def test_every_workflow_is_looked_at() -> None:
    assert sorted(path.name for path in WORKFLOWS.iterdir()) == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_actions_are_pinned_and_rights_are_small(name: str) -> None:
    workflow = load(name)
    assert workflow["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", each) for each in used)
    assert {step["with"]["python-version"] for step in steps(name) if "with" in step} == {"3.11"}
    assert all(step.keys() & {"uses", "run"} for step in steps(name))


def test_ci_runs_what_a_person_runs() -> None:
    assert [step["run"] for step in steps("ci.yml") if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "permissions" not in load("ci.yml")["jobs"]["test"]


def test_a_tag_converts_checks_and_publishes() -> None:
    workflow = load("release.yml")
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` so
    assert workflow["jobs"]["release"]["permissions"] == {"contents": "write"}
    convert, build, check, publish = map(check_command, commands("release.yml"))
    assert convert.params["everything"] is True
    assert convert.params["init"] == "pretrained"
    assert convert.params["out"] == build.params["source"]
    assert (build.params["target"], build.params["checking"]) == (None, False)
    assert check.params["checking"] is True
    assert check.params["reference"] == "auto"
    assert {step.params["folder"] for step in (build, check, publish)} == {Path("dist")}
    names = {"GITHUB_REPOSITORY": "somebody/networks", "GITHUB_REF_NAME": "v1.0"}
    text = re.sub(r"\$(\w+)", lambda match: names[match[1]], publish.params["target"])
    target = parse_target(text)
    assert (target.kind, target.repository, target.tag) == ("github", "somebody/networks", "v1.0")
    (step,) = [step for step in steps("release.yml") if step.get("name") == "Publish"]
    assert step["env"] == {"GH_TOKEN": "${{ github.token }}"}


@pytest.mark.parametrize(
    "words", ["release dist --chekc", "publish dist", "convert --all --init x"]
)
def test_a_command_that_is_none_fails_here(words: str) -> None:
    with pytest.raises((click.UsageError, KeyError)):
        check_command(words.split())
