"""Folders of converted networks and folders to publish, made without MXNet."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from gluon2torch import convert
from gluon2torch.checkpoints.metadata import facts_sha256
from gluon2torch.checkpoints.record import Record
from gluon2torch.cli import main
from gluon2torch.mappings.schema import structure
from gluon2torch.sources.params_writer import write_params

from .test_commands import arrays

TINY = ("cifar_resnet20_v1", "cifar_resnet56_v1")
CHECKS: list[dict[str, Any]] = [
    {"dtype": "float64", "max_abs": 2e-15, "max_rel": 1e-15, "limit": 1e-12},
    {"dtype": "float32", "max_abs": 4e-7, "max_rel": 3e-7, "limit": 1e-5},
]
CHECKS = [{**each, "input": "2x3x32x32", "max_own": 0.1} for each in CHECKS]
PROVED = {
    "reference": "gluon",
    "passed": True,
    "checks": CHECKS,
    "stages": [],
    "condition": 1.5,
    "constant_from": None,
    "constant_heads": [],
    "map_proof": None,
    "training": None,
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def make_weights(folder: Path, *names: str) -> Path:
    """Checkpoints of a user's own files, with records of a parity that held."""
    for name in names or TINY[:1]:
        params = folder.parent / f"{name}.params"
        params.parent.mkdir(parents=True, exist_ok=True)
        write_params(params, arrays(name))
        record = convert(name, params=params, reference="none", out=folder)
        edit(Path(record.file).with_suffix(".json"), parity=PROVED)
    return folder


def edit(path: Path, *, sealed: bool = True, **values: Any) -> dict[str, Any]:
    """Change a record, and return it.

    Args:
        sealed: with the hash of its new fields, as one would who wants the change to pass.
    """
    content = json.loads(path.read_text()) | values
    if sealed:
        content["facts_sha256"] = facts_sha256(structure(content, Record))
    path.write_text(json.dumps(content))
    return content


def make_release(folder: Path, weights: Path, *names: str) -> Path:
    """A folder to publish."""
    models = [part for name in names or TINY[:1] for part in ("--model", name)]
    result = run("release", folder, "--from", weights, *models)
    assert result.exit_code == 0, result.output
    return folder


def flip(path: Path, at: int) -> None:
    """Change one bit."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def seal(folder: Path) -> None:
    """Write SHA256SUMS of the files as they are, as one would who wants a change to pass."""
    names = sorted(path.name for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names
    ]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")
