"""What stands beside the code: citation, security policy, hooks, issue forms, update rules."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import gluon2torch
from gluon2torch.cli import main
from gluon2torch.graph.symbols.symbol import MAX_BYTES

from .test_workflows import ROOT, check_command

FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
REPOSITORY = "https://github.com/gluon2torch/gluon2torch"
# each form's fields, and the commands whose output it asks for
FIELDS = {
    "file-refused.yml": {"error": True, "inspect": True, "origin": True, "more": False},
    "outputs-differ.yml": {"record": True, "difference": True, "versions": True, "more": False},
    "unsupported-operator.yml": {
        "graph": True,
        "mxnet-version": True,
        "origin": True,
        "more": False,
    },
}
COMMANDS = {
    "file-refused.yml": {"inspect FILE --json -"},
    "outputs-differ.yml": {"convert --params FILE.params --json -", "--version"},
    "unsupported-operator.yml": {"graph FILE-symbol.json --json -"},
}
TYPES = {"input", "markdown", "textarea"}
KEYS = {"label", "description", "placeholder", "render", "value"}


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def commands(text: str) -> set[str]:
    """The commands of ours between backquotes, without the program's name."""
    quoted = re.findall(r"`([^`]+)`", " ".join(text.split()))
    return {each.split(" ", 1)[1] for each in quoted if each.startswith("gluon2torch ")}


def check(command: str) -> None:
    """Fail unless the command line takes a command."""
    if command.startswith("--"):
        assert command in {name for option in main.params for name in option.opts}
        return
    context = check_command(shlex.split(command))
    if command.endswith("--json -"):
        assert context.params["json_file"] == "-"


def test_the_image_has_all_that_is_installed() -> None:
    """The Dockerfile copies what the package is built from, and asks for extras that exist."""
    folder, table = ROOT / "docker", (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text = (folder / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        word for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for word in line.split()
    ]
    assert all((ROOT / each).exists() for each in copied)
    assert {"converter", "models", "mappings", "pyproject.toml", "LICENSE"} <= set(copied)
    ignored = (folder / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    assert set(re.findall(r"^!(.*)$", ignored, re.MULTILINE)) == set(copied)
    (extras,) = re.findall(r'"/source\[([\w,]+)\]"', text)
    assert set(extras.split(",")) <= set(re.findall(r"^(\w+) = \[", table, re.MULTILINE))
    (version,) = re.findall(r"^FROM python:3\.(\d+)-", text, re.MULTILINE)
    assert 10 <= int(version) <= 12  # MXNet's
    for line in re.findall(r"docker run .* gluon2torch (.*)", text):
        check(line)


def test_the_citation_is_of_this_version() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # what CFF demands
    assert citation["cff-version"] == "1.2.0"
    assert (citation["title"], citation["type"]) == ("gluon2torch", "software")
    assert citation["version"] == gluon2torch.__version__
    assert citation["license"] == "Apache-2.0"
    assert citation["repository-code"] == REPOSITORY
    assert citation["authors"] == [{"name": "The gluon2torch authors"}]
    assert citation["abstract"].strip()
    assert len(citation["keywords"]) == len(set(citation["keywords"])) > 0
    assert "doi" not in citation


def test_hooks_run_the_ruff_that_the_tests_run() -> None:
    repositories = load(ROOT / ".pre-commit-config.yaml")["repos"]
    hooks = {
        each["repo"].rsplit("/", 1)[1]: [hook["id"] for hook in each["hooks"]]
        for each in repositories
    }
    assert hooks == {
        "ruff-pre-commit": ["ruff-check", "ruff-format"],
        "pre-commit-hooks": [
            "check-added-large-files",
            "check-yaml",
            "end-of-file-fixer",
            "trailing-whitespace",
        ],
    }
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (version,) = re.findall(r"^ruff==(\S+)$", constraints, flags=re.MULTILINE)
    assert repositories[0]["rev"] == f"v{version}"
    assert re.fullmatch(r"v\d+\.\d+\.\d+", repositories[1]["rev"])


def test_actions_are_kept_up_to_date() -> None:
    configuration = load(ROOT / ".github" / "dependabot.yml")
    (update,) = configuration["updates"]
    assert configuration["version"] == 2
    assert (update["package-ecosystem"], update["directory"]) == ("github-actions", "/")
    assert update["schedule"] == {"interval": "weekly"}


def test_every_form_is_looked_at() -> None:
    names = sorted(path.name for path in FORMS.iterdir())
    assert names == sorted(["config.yml", *FIELDS])
    assert FIELDS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_a_form_asks_for_what_is_needed(name: str) -> None:
    form = load(FORMS / name)
    assert form.keys() == {"name", "description", "labels", "body"}
    assert all(isinstance(form[key], str) and form[key] for key in ("name", "description"))
    assert all(item["type"] in TYPES for item in form["body"])
    assert all(item["attributes"].keys() <= KEYS for item in form["body"])
    fields = [item for item in form["body"] if item["type"] != "markdown"]
    assert {
        item["id"]: item.get("validations", {}).get("required", False) for item in fields
    } == FIELDS[name]
    assert len({item["attributes"]["label"] for item in fields}) == len(fields)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_lines_of_the_issue_forms_exist(name: str) -> None:
    body = load(FORMS / name)["body"]
    found = {
        command
        for item in body
        for key in ("description", "value")
        for command in commands(item["attributes"].get(key, ""))
    }
    assert found == COMMANDS[name]
    for command in found:
        check(command)


def test_forms_have_names_of_their_own() -> None:
    assert len({load(FORMS / name)["name"] for name in FIELDS}) == len(FIELDS)


def test_vulnerabilities_are_not_reported_as_issues() -> None:
    configuration = load(FORMS / "config.yml")
    assert configuration["blank_issues_enabled"] is True
    (link,) = configuration["contact_links"]
    assert link.keys() == {"name", "url", "about"}
    assert link["url"] == f"{REPOSITORY}/security/policy"


def test_the_security_policy_says_what_it_must() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert headings == [
        "Supported versions",
        "Report a vulnerability",
        "What we promise",
        "What counts as a vulnerability",
        "Out of scope",
    ]
    for kind in (".params", "-symbol.json", ".npz", ".pth", ".safetensors", "Pillow"):
        assert kind in text
    assert f"{MAX_BYTES >> 20} MiB" in text
    assert "`tests/fuzz`" in text
    assert (ROOT / "tests" / "fuzz").is_dir()
    assert commands(text) == {
        "--version",
        "verify",
        "release --check",
        "convert --symbol",
    }
    for command in (
        "--version",
        "verify FILE",
        "release --check DIR",
        "convert --symbol FILE-symbol.json --params FILE.params --reference none",
    ):
        check(command)
