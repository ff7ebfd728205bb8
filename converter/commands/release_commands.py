"""`release` and `verify`: a folder to publish, and one checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import ConversionError
from ..mappings.choices import REFERENCES
from .option_types import ReferenceType, SizeType
from .shared_options import CONTEXT, JSON, MODEL, shortened, write_json

if TYPE_CHECKING:
    from ..checkpoints.verification import Verification
    from ..release.audit import Report
    from ..release.target import Target

SIZE = click.option(
    "--size",
    "sizes",
    type=SizeType(),
    multiple=True,
    help="Image size for parity; repeatable. Default: the model's own and an odd one.",
)


@click.command("release", context_settings=CONTEXT)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, file_okay=False),
    default="weights",
    show_default=True,
    metavar="WEIGHTS",
    help="The folder of checkpoints and their records.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Only this one; repeatable. Default: the published set, all of it.",
)
@click.option("--allow-random", is_flag=True, help="Publish random weights too.")
@click.option("--check", "checking", is_flag=True, help="Look through a DIR that is there.")
@click.option(
    "--reference",
    type=click.Choice(REFERENCES),
    default="auto",
    show_default=True,
    help="What parity is measured against; none leaves it out.",
)
@SIZE
@click.option(
    "--upload",
    "target",
    metavar="TARGET",
    help="Send DIR to github:OWNER/REPO@TAG or hf:OWNER/NAME; built first if it is not there.",
)
@click.option("--dry-run", is_flag=True, help="Show what --upload would do, and do nothing.")
@JSON
def release_command(
    folder: Path,
    source: Path,
    models: tuple[str, ...],
    allow_random: bool,
    checking: bool,
    reference: str,
    sizes: tuple[tuple[int, int], ...],
    target: str | None,
    dry_run: bool,
    json_file: str | None,
) -> None:
    """Build a folder to publish from converted networks; check it; send it.

    DIR gets the checkpoints, SHA256SUMS, manifest.json, a card for each model and the notes.
    """
    _check_usage(checking, target, dry_run)
    from ..release.target import parse_target

    tell = _teller(json_file)
    result: dict[str, Any] = {"folder": str(folder), "passed": True}
    try:
        place = parse_target(target) if target is not None else None
        if checking:
            result = _check(folder, reference, sizes, tell).as_dict()
        elif place is None or not _is_there(folder):
            result["files"] = _build(folder, source, models, allow_random, dry_run, tell)
        if place is not None and result["passed"]:
            result["upload"] = _upload(place, folder, dry_run, tell)
    except ConversionError as error:
        raise click.ClickException(str(error)) from error
    if json_file is not None:
        write_json([result], json_file)
    sys.exit(0 if result["passed"] else 1)


@click.command("verify", context_settings=CONTEXT)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@MODEL
@click.option(
    "--reference",
    type=ReferenceType(),
    default="auto",
    show_default=True,
    help="What parity is measured against; none leaves it out.",
)
@SIZE
@JSON
def verify_command(
    checkpoint: Path,
    model: str | None,
    reference: str,
    sizes: tuple[tuple[int, int], ...],
    json_file: str | None,
) -> None:
    """Hold a checkpoint against its name and its record, and measure parity from it.

    CHECKPOINT is a .pth or .safetensors in any layout, or a folder of timm's.
    """
    from ..checkpoints.verification import verify

    try:
        found = verify(checkpoint, model, reference=reference, sizes=sizes or None)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    for problem in found.problems:
        click.echo(f"error: {checkpoint}: {shortened(problem)}", err=True)
    if found.passed:
        _teller(json_file)(_verified_line(found))
    if json_file is not None:
        write_json([found.as_dict()], json_file)
    sys.exit(0 if found.passed else 1)


def _check_usage(checking: bool, target: str | None, dry_run: bool) -> None:
    """Refuse options that would do nothing."""
    context = click.get_current_context()
    building = {"source": "--from", "models": "--model", "allow_random": "--allow-random"}
    looking = {"reference": "--reference", "sizes": "--size"}
    for name, option in (building if checking else looking).items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            what = "is for building a folder, not for --check" if checking else "needs --check"
            raise click.UsageError(f"{option} {what}.")
    if dry_run and target is None:
        raise click.UsageError("--dry-run shows what --upload would do: give both.")


def _teller(json_file: str | None) -> Callable[[str], None]:
    """Prints lines, unless stdout is for JSON."""
    return (lambda _: None) if json_file == "-" else click.echo


def _is_there(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _build(
    folder: Path,
    source: Path,
    models: Sequence[str],
    allow_random: bool,
    dry_run: bool,
    tell: Callable[[str], None],
) -> list[dict[str, Any]]:
    from ..release.choice import choose
    from ..release.folder import build, check_empty, contents

    check_empty(folder)
    choices = choose(source, models, allow_random=allow_random)
    files = contents(choices)
    size = sum(file.bytes for file in files) / 1e6
    if not dry_run:
        build(folder, choices)
    tell(f"{'would build' if dry_run else 'built'} {folder}: {len(files)} files, {size:.1f} MB")
    return [asdict(file) for file in files]


def _check(
    folder: Path, reference: str, sizes: Sequence[tuple[int, int]], tell: Callable[[str], None]
) -> Report:
    from ..release.audit import check

    def verified(one: Verification) -> None:
        if one.passed:
            tell(_verified_line(one))

    report = check(folder, reference=reference, sizes=sizes or None, verified=verified)
    for file, problem in report.problems.items():
        click.echo(f"error: {folder / file}: {shortened(problem)}", err=True)
    if report.note is not None:
        tell(report.note)
    proved = sum(one.parity is not None and one.parity.passed is True for one in report.models)
    wrong = f"{len(report.problems)} wrong" if report.problems else "all as they should be"
    tell(f"{len(report.files)} files, {wrong}; {proved} models proved equal")
    return report


def _upload(
    place: Target, folder: Path, dry_run: bool, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Send a folder whose bytes are right; the steps, as they are told."""
    from ..release.audit import require_sound
    from ..release.upload import plan_upload

    if dry_run and not _is_there(folder):
        steps = [f"send all of {folder}, once it is built, to {place.text}"]
        tell(f"would {steps[0]}")
        return {"target": place.text, "done": False, "steps": steps}
    plan = plan_upload(place, folder, require_sound(folder))
    for step in plan:
        if dry_run:
            tell(f"would {step.text}")
        else:
            tell(step.text)
            step.do()
    if not plan:
        tell(f"nothing to do: all of {folder} is at {place.text}")
    return {"target": place.text, "done": not dry_run, "steps": [step.text for step in plan]}


def _verified_line(found: Verification) -> str:
    from .console import parity_line

    names = ", ".join(found.compared)
    held = f"right by {names}" if names else "nothing to hold its hash against"
    assert found.parity is not None, "it is measured where nothing is wrong"
    return f"{found.file}: {held}; {parity_line(found.parity)}"
