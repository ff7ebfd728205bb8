"""The workflows: they parse, and what they run is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from gluon2torch.cli import main
from gluon2torch.mappings.catalog import load_catalog
from gluon2torch.release.target import parse_target

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
NAMES = ["ci.yml", "publish.yml", "release.yml"]
TABLE = ROOT / ".github" / "parity_table.py"
ACTION = re.compile(
    r"(?P<action>actions/[a-z-]+|pypa/gh-action-pypi-publish)"
    r"@(?P<commit>[0-9a-f]{40}) # (?P<version>v\d+\.\d+\.\d+)"
)
# what a job may do besides reading the repository
RIGHTS = {
    "publish.yml": {"publish": {"id-token": "write", "attestations": "write", "contents": "read"}},
    "release.yml": {"release": {"contents": "write"}},
}
PIP_INDEX = {"PIP_EXTRA_INDEX_URL": "${{ vars.PIP_EXTRA_INDEX_URL }}"}
PARITY_MODEL = "resnet18_v1b"


def text(name: str) -> str:
    return (WORKFLOWS / name).read_text(encoding="utf-8")


def load(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load(text(name))
    return content


def job_steps(name: str, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = load(name)["jobs"][job]["steps"]
    return found


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in load(name)["jobs"] for step in job_steps(name, job)]


def runs(name: str, job: str) -> list[str]:
    """The shell commands of one job."""
    return [step["run"] for step in job_steps(name, job) if "run" in step]


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
    assert sorted(path.name for path in WORKFLOWS.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_rights_are_small_and_runs_end(name: str) -> None:
    workflow = load(name)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]
    jobs = workflow["jobs"]
    rights = {job: body["permissions"] for job, body in jobs.items() if "permissions" in body}
    assert rights == RIGHTS.get(name, {})
    assert all(body["timeout-minutes"] <= 350 for body in jobs.values())
    assert all(step.keys() & {"uses", "run"} for step in steps(name))
    assert "secrets." not in text(name)
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


def test_actions_are_pinned_to_commits() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for name in NAMES:
        lines = re.findall(r"^ *(?:- )?uses: (.*)$", text(name), flags=re.MULTILINE)
        assert len(lines) == sum("uses" in step for step in steps(name))
        for line in lines:
            match = ACTION.fullmatch(line)
            assert match is not None, f"{name}: {line}"
            pins.setdefault(match["action"], set()).add((match["commit"], match["version"]))
    assert all(len(each) == 1 for each in pins.values()), pins
    assert len({commit for each in pins.values() for commit, _ in each}) == len(pins)


@pytest.mark.parametrize("name", NAMES)
def test_python_is_named_where_something_is_run(name: str) -> None:
    """YAML reads an unquoted 3.10 as 3.1."""
    for job, body in load(name)["jobs"].items():
        matrix = body.get("strategy", {}).get("matrix", {})
        versions = matrix.get("python", ["3.11"])
        assert all(re.fullmatch(r"3\.1\d", version) for version in versions)
        setups = [
            step["with"]
            for step in body["steps"]
            if step.get("uses", "").startswith("actions/setup-python@")
        ]
        wanted = "${{ matrix.python }}" if "python" in matrix else "3.11"
        assert setups == ([{"python-version": wanted}] if runs(name, job) else [])


def test_matrices_run_to_their_end() -> None:
    strategies = [
        body["strategy"] for body in load("ci.yml")["jobs"].values() if "strategy" in body
    ]
    assert len(strategies) == 3
    assert all(strategy["fail-fast"] is False for strategy in strategies)


def test_torch_can_come_without_cuda() -> None:
    assert load("ci.yml")["env"] == PIP_INDEX
    assert load("release.yml")["jobs"]["release"]["env"] == PIP_INDEX


def test_what_is_installed_is_constrained_and_there() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = project.split("[project.optional-dependencies]\n")[1].split("\n[")[0]
    extras = set(re.findall(r"^(\w+) = \[", table, flags=re.MULTILINE))
    installs = [
        step["run"]
        for name in NAMES
        for step in steps(name)
        if "pip install" in step.get("run", "")
    ]
    assert len(installs) == 4
    for command in installs:
        assert command.startswith("python -m pip install -c constraints.txt ")
        named = re.findall(r"\.\[([\w,]+)\]", command)
        assert set(",".join(named).split(",")) - {""} <= extras, command


def test_ci_runs_what_a_person_runs() -> None:
    assert runs("ci.yml", "test") == [".ci/run"]
    if os.name == "posix":
        assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert load("ci.yml")[True].keys() == {"push", "pull_request", "workflow_dispatch"}
    assert load("ci.yml")[True]["push"] == {"branches": ["**"]}  # YAML 1.1 reads `on` as True


def test_ci_runs_every_python_that_mxnet_runs_on() -> None:
    assert runs("ci.yml", "python") == ["make test PYTHON=python"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    match = re.search(r"\(3, (\d+)\) <= sys\.version_info\[:2\] <= \(3, (\d+)\)", makefile)
    assert match is not None
    first, last = map(int, match.groups())
    versions = [*load("ci.yml")["jobs"]["python"]["strategy"]["matrix"]["python"], "3.11"]
    assert sorted(versions) == [f"3.{minor}" for minor in range(first, last + 1)]


def test_ci_runs_without_mxnet_what_needs_nothing_else(pytestconfig: pytest.Config) -> None:
    job = load("ci.yml")["jobs"]["without-mxnet"]
    assert job["runs-on"] == "${{ matrix.os }}"
    systems = ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert job["strategy"]["matrix"] == {"os": systems, "python": ["3.11", "3.13"]}
    _, command = runs("ci.yml", "without-mxnet")
    words = shlex.split(command)
    assert words[:-1] == ["python", "-m", "pytest", "-n", "auto", "-m"]
    left_out = re.findall(r"not (\w+)", words[-1])
    assert words[-1] == " and ".join(f"not {mark}" for mark in left_out)
    marks = {line.split(":")[0] for line in pytestconfig.getini("markers") if ": needs " in line}
    assert "mxnet" in marks
    assert set(left_out) == marks - {"onnxruntime"} | {"slow"}  # the extra brings onnxruntime


def test_ci_proves_the_published_set() -> None:
    jobs = load("ci.yml")["jobs"]
    parity, table = jobs["parity"], jobs["parity-table"]
    published = load_catalog().published_set
    assert parity["strategy"]["matrix"] == {"model": published}
    assert len(published) == 21
    condition = "github.event_name == 'workflow_dispatch' || github.ref == 'refs/heads/main'"
    assert parity["if"] == condition
    assert parity["env"] == {"MODEL": "${{ matrix.model }}"}
    (words,) = commands("ci.yml")
    convert = check_command([PARITY_MODEL if word == "$MODEL" else word for word in words])
    assert convert.params["models"] == (PARITY_MODEL,)
    assert (convert.params["init"], convert.params["reference"]) == ("random", "gluon")
    assert convert.params["sizes"] == ()  # full size
    upload = parity["steps"][-1]
    assert upload["if"] == "always()"
    assert upload["with"]["path"] == convert.params["json_file"]
    assert upload["with"]["name"] == "parity-${{ matrix.model }}"
    assert table["needs"] == "parity"
    assert table["if"] == "always() && needs.parity.result != 'skipped'"
    download = table["steps"][-2]["with"]
    assert download == {"pattern": "parity-*", "path": "records"}
    program = TABLE.relative_to(ROOT).as_posix()
    assert runs("ci.yml", "parity-table") == [
        f'python {program} {download["path"]} {len(published)} >> "$GITHUB_STEP_SUMMARY"'
    ]


EQUAL = {
    "model": "resnet18_v1b",
    "file": "weights/gluon_resnet18_v1b-00000000.pth",
    "parity": {
        "reference": "gluon",
        "passed": True,
        "checks": [
            {"dtype": "float64", "input": "2x3x224x224", "max_rel": 1.25e-15},
            {"dtype": "float64", "input": "2x3x193x161", "max_rel": 2.5e-15},
            {"dtype": "float32", "input": "2x3x224x224", "max_rel": 5e-07},
        ],
    },
    "seconds": {"read": 1.5, "parity": 10.0, "total": 11.8},
}
FAILED = {
    "model": "senet_154",
    "error": "senet_154: differs from the reference",
    "parity": {
        "reference": "gluon",
        "passed": False,
        "checks": [
            {"dtype": "float64", "input": "2x3x224x224", "max_rel": "nan"},
            {"dtype": "float64", "input": "2x3x193x161", "max_rel": 0.5},
        ],
    },
    "seconds": {},
}
BROKEN = {"model": "senet_154", "error": "no memory is left", "parity": None, "seconds": {}}


def parity_table(folder: Path, count: int, *records: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit status and the rows of the table, with the line below it."""
    for record in records:
        place = folder / f"parity-{record['model']}"
        place.mkdir(parents=True, exist_ok=True)
        (place / "record.json").write_text(json.dumps([record]), encoding="utf-8")
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(TABLE), str(folder), str(count)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.stderr == ""
    head, rule, *rows, empty, summary = process.stdout.splitlines()
    assert head == "| Model | float64 max_rel | float32 max_rel | Passed | Seconds |"
    assert (rule, empty) == ("|---|---|---|---|---|", "")
    return process.returncode, [*rows, summary]


def test_the_table_of_a_run_that_is_equal(tmp_path: Path) -> None:
    assert parity_table(tmp_path, 1, EQUAL) == (
        0,
        ["| resnet18_v1b | 2.5e-15 | 5.0e-07 | yes | 12 |", "1 of 1 passed."],
    )


def test_the_table_shows_what_failed(tmp_path: Path) -> None:
    assert parity_table(tmp_path, 2, EQUAL, FAILED) == (
        1,
        [
            "| resnet18_v1b | 2.5e-15 | 5.0e-07 | yes | 12 |",
            "| senet_154 | nan | - | **no** | 0 |",
            "1 of 2 passed.",
        ],
    )
    assert parity_table(tmp_path, 2, BROKEN)[1][1] == "| senet_154 | - | - | **no** | 0 |"


@pytest.mark.parametrize("records", [(), (EQUAL,)])
def test_a_model_without_a_record_fails_the_table(
    tmp_path: Path, records: tuple[dict[str, Any], ...]
) -> None:
    status, lines = parity_table(tmp_path, 2, *records)
    assert status == 1
    assert lines[-1] == f"{len(records)} of 2 passed."


def test_a_release_is_built_then_published_without_a_secret() -> None:
    workflow = load("publish.yml")
    assert workflow[True] == {"release": {"types": ["published"]}, "workflow_dispatch": None}
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert publish["needs"] == "build"
    assert publish["environment"] == "pypi"
    _, command, check = runs("publish.yml", "build")
    assert command == "python -m build"
    assert check == 'test -f "dist/gluon2torch-${GITHUB_REF_NAME#v}.tar.gz"'
    assert build["steps"][-1]["with"] | publish["steps"][0]["with"] == {
        "name": "dist",
        "path": "dist",
        "if-no-files-found": "error",
    }
    download, attest, upload = publish["steps"]
    assert download["uses"].startswith("actions/download-artifact@")
    assert attest["uses"].startswith("actions/attest-build-provenance@")
    assert attest["with"] == {"subject-path": "dist/*"}
    assert upload["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert "with" not in upload  # no password, and attestations are the default


def test_a_tag_converts_checks_and_publishes() -> None:
    workflow = load("release.yml")
    assert workflow[True] == {"push": {"tags": ["v*"]}}
    convert, build, check, publish = map(check_command, commands("release.yml"))
    assert convert.params["everything"] is True
    assert convert.params["init"] == "pretrained"
    assert build.params["sources"] == (convert.params["out"],)
    assert (build.params["target"], build.params["checking"]) == (None, False)
    assert check.params["checking"] is True
    assert check.params["reference"] == "auto"
    assert {step.params["folder"] for step in (build, check, publish)} == {Path("dist")}
    names = {"GITHUB_REPOSITORY": "somebody/networks", "GITHUB_REF_NAME": "v1.0"}
    address = re.sub(r"\$(\w+)", lambda match: names[match[1]], publish.params["target"])
    target = parse_target(address)
    assert (target.kind, target.repository, target.tag) == ("github", "somebody/networks", "v1.0")
    (step,) = [step for step in steps("release.yml") if step.get("name") == "Publish"]
    assert step["env"] == {"GH_TOKEN": "${{ github.token }}"}


@pytest.mark.parametrize(
    "words", ["release dist --chekc", "publish dist", "convert --all --init x"]
)
def test_a_command_that_is_none_fails_here(words: str) -> None:
    with pytest.raises((click.UsageError, KeyError)):
        check_command(words.split())
