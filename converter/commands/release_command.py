"""The `release` command: a folder to publish."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConversionError
from ..mappings.choices import REFERENCES
from .interruption import interruptible
from .option_types import InputPath, OutputFolder
from .shared_options import CONTEXT, JSON, SIZE, given, shortened, write_json

if TYPE_CHECKING:
    from ..checkpoints.verification import Verification
    from ..release.audit import Report
    from ..release.target import Target


@click.command("release", context_settings=CONTEXT)
@click.argument("folder", metavar="DIR", type=OutputFolder())
@click.option(
    "--from",
    "sources",
    type=InputPath(file_okay=False),
    multiple=True,
    default=["weights"],
    show_default=True,
    metavar="WEIGHTS",
    help="Folder with checkpoints and their records; repeatable.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Publish only this model; repeatable. Default: the whole published set.",
)
@click.option("--allow-random", is_flag=True, help="Also publish random weights.")
@click.option("--check", "checking", is_flag=True, help="Check an existing DIR, and build nothing.")
@click.option(
    "--reference",
    type=click.Choice(REFERENCES),
    default="auto",
    show_default=True,
    help="Reference for parity; none skips it.",
)
@SIZE
@click.option(
    "--upload",
    "target",
    metavar="TARGET",
    help="Send DIR to github:OWNER/REPO@TAG or hf:OWNER/NAME, or with hf:OWNER each network to a "
    "repository of its own, for timm; build DIR first if it is missing.",
)
@click.option(
    "--collection",
    metavar="TITLE",
    default="MXNet Gluon's networks in PyTorch",
    show_default=True,
    help="Collection on the Hub for the repositories of --upload hf:OWNER.",
)
@click.option("--dry-run", is_flag=True, help="Show what --upload would do, without doing it.")
@JSON
def release_command(
    folder: Path,
    sources: tuple[Path, ...],
    models: tuple[str, ...],
    allow_random: bool,
    checking: bool,
    reference: str,
    sizes: tuple[tuple[int, int], ...],
    target: str | None,
    collection: str,
    dry_run: bool,
    json_file: str | None,
) -> None:
    """Build a release folder from converted networks of the catalogue, check it, or send it.

    DIR will contain the checkpoints, SHA256SUMS, manifest.json, a card for each model and the
    release notes.
    """
    _check_usage(checking, target, dry_run)
    from ..release.target import parse_target

    show = _make_printer(json_file)
    result: dict[str, Any] = {"folder": str(folder), "passed": True}
    try:
        destination = parse_target(target) if target is not None else None
        if given("collection") and not (destination is not None and destination.each_model):
            raise click.UsageError("--collection is for --upload hf:OWNER.")
        if checking:
            result = _check(folder, reference, sizes, show).as_dict()
        elif destination is None or not _has_files(folder):
            result["files"] = _build(folder, sources, models, allow_random, dry_run, show)
        else:
            _refuse_building(f"{folder} has files, which --upload sends as they are")
        if destination is not None and result["passed"]:
            result["upload"] = _upload(destination, folder, collection, dry_run, show)
    except ConversionError as error:
        raise click.ClickException(str(error)) from error
    if json_file is not None:
        write_json([result], json_file)
    sys.exit(0 if result["passed"] else 1)


def _check_usage(checking: bool, target: str | None, dry_run: bool) -> None:
    """Reject options that would have no effect."""
    if checking:
        _refuse_building("--check looks at a folder that is there")
    for name, option in {"reference": "--reference", "sizes": "--size"}.items():
        if given(name) and not checking:
            raise click.UsageError(f"{option} needs --check.")
    if dry_run and target is None:
        raise click.UsageError("--dry-run shows what --upload would do: add --upload.")


def _refuse_building(reason: str) -> None:
    """Reject options of building a folder, where none is built."""
    building = {"sources": "--from", "models": "--model", "allow_random": "--allow-random"}
    for name, option in building.items():
        if given(name):
            raise click.UsageError(f"{option} is for building a folder: {reason}.")


def _make_printer(json_file: str | None) -> Callable[[str], None]:
    """Make a function that prints lines, unless JSON goes to stdout."""
    return (lambda _: None) if json_file == "-" else click.echo


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _build(
    folder: Path,
    sources: tuple[Path, ...],
    models: Sequence[str],
    allow_random: bool,
    dry_run: bool,
    show: Callable[[str], None],
) -> list[dict[str, Any]]:
    from ..release.choice import choose
    from ..release.folder import build, check_empty, contents

    check_empty(folder)
    choices = choose(sources, models, allow_random=allow_random)
    files = contents(choices)
    size = sum(file.bytes for file in files) / 1e6
    if not dry_run:
        build(folder, choices)
    show(f"{'would build' if dry_run else 'built'} {folder}: {len(files)} files, {size:.1f} MB")
    return [asdict(file) for file in files]


def _check(
    folder: Path, reference: str, sizes: Sequence[tuple[int, int]], show: Callable[[str], None]
) -> Report:
    from ..release.audit import check
    from .console import verified_line

    def verified(one: Verification) -> None:
        if one.passed:
            show(verified_line(one))

    report = check(folder, reference=reference, sizes=sizes or None, verified=verified)
    for file, problem in report.problems.items():
        click.echo(f"Error: {folder / file}: {shortened(problem, in_json=True)}", err=True)
    if report.note is not None:
        show(report.note)
    proved = sum(one.parity is not None and one.parity.passed is True for one in report.models)
    wrong = f"{len(report.problems)} wrong" if report.problems else "all correct"
    show(f"{len(report.files)} files, {wrong}; {proved} models proved equal")
    return report


def _upload(
    destination: Target, folder: Path, collection: str, dry_run: bool, show: Callable[[str], None]
) -> dict[str, Any]:
    """Send a folder whose bytes are right; returns the target and the steps for `--json`."""
    from ..release.upload import plan_upload

    if dry_run and not _has_files(folder):
        steps = [f"send all of {folder}, once it is built, to {destination.text}"]
        show(f"would {steps[0]}")
        return {"target": destination.text, "done": False, "steps": steps}
    done = []
    with closing(plan_upload(destination, folder, collection)) as plans:
        for step in chain.from_iterable(plans):
            done.append(step.text)
            if dry_run:
                show(f"would {step.text}")
                continue
            show(step.text)
            with interruptible(lambda: "what was sent stays; the same command sends the rest"):
                step.do()
    if not done:
        show(f"nothing to do: {destination.text} already has all of {folder}")
    return {"target": destination.text, "done": not dry_run, "steps": done}
