"""Options and helpers that the commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import CheckpointError, PluginError
from ..mappings.choices import PRESETS
from .option_types import ChannelsType, InputPath, JsonTarget, SizeType

if TYPE_CHECKING:
    from ..checkpoints.program import Program
    from ..inference.graph_network import PixelScale
    from ..inference.runner import Setup

SHOWN_PROBLEMS = 10
_PLUGINS = f"{__name__}.plugins"  # key of the context's data
CONTEXT = {"help_option_names": ["-h", "--help"]}
JSON = click.option(
    "--json",
    "json_file",
    type=JsonTarget(),
    metavar="FILE|-",
    help="Write the results as JSON; - for stdout.",
)


def _load_plugins(
    context: click.Context, _option: click.Parameter, files: tuple[Path, ...]
) -> None:
    context.meta[_PLUGINS] = files
    if files:
        from ..graph.plugin import load_plugin
    for file in files:
        try:
            load_plugin(file)
        except PluginError as error:
            raise click.ClickException(str(error)) from error


PLUGIN = click.option(
    "--plugin",
    type=InputPath(dir_okay=False),
    multiple=True,
    metavar="FILE.py",
    callback=_load_plugins,
    expose_value=False,
    help="Run a Python file that registers operators (gluon2torch.graph.register_operator); "
    "repeatable.",
)
MODEL = click.option(
    "--model", metavar="MODEL", help="Network of the checkpoint, if its record is missing."
)
SIZE = click.option(
    "--size",
    "sizes",
    type=SizeType(),
    multiple=True,
    help="Image size for parity; repeatable. Default: the model's own size and an odd one.",
)
# shared by the commands that run a network
LABELS = click.option(
    "--labels",
    type=InputPath(),
    metavar="FILE",
    help="File with the class names, one per line. Default: those of the record.",
)
PRESET = click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default=PRESETS[0],
    show_default=True,
    help="How images are prepared: as in GluonCV, or as in timm (bicubic).",
)
MEAN = click.option(
    "--mean",
    type=ChannelsType(),
    help="Mean of the pixels from 0 to 1, of a network that was converted as a graph. Default: "
    "ImageNet's.",
)
STD = click.option(
    "--std",
    type=ChannelsType(positive=True),
    help="Their standard deviation, likewise. A network that takes 0 to 255 has mean 0,0,0 and "
    "0.00392156862745098 three times.",
)
DEVICE = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="cpu, cuda, cuda:1 …; auto uses a GPU if there is one.",
)


def _amp(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--amp` and `--amp-bfloat16`, which have one value: None, `default` or `bfloat16`."""
    command = click.option(
        "--amp-bfloat16",
        "amp",
        flag_value="bfloat16",
        help="As --amp, in bfloat16, which has the range of float32.",
    )(command)
    return click.option(
        "--amp",
        "amp",
        flag_value="default",
        help="Compute in half precision where it is safe: float16 on a GPU, bfloat16 on a CPU.",
    )(command)


AMP = _amp
CHANNELS_LAST = click.option(
    "--channels-last", is_flag=True, help="Use the channels_last memory format; often faster."
)
SEGMENTS = click.option(
    "--segments",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Clips of a video whose results are averaged.",
)
BATCH_SIZE = click.option(
    "-b", "--batch-size", type=click.IntRange(min=1), default=64, show_default=True
)
WORKERS = click.option(
    "-j",
    "--workers",
    type=click.IntRange(min=0),
    metavar="N",
    help="Processes that read images. Default: one per core, up to 16.",
)


def plugins() -> tuple[Path, ...]:
    """The files of `--plugin`, which this process has loaded."""
    files: tuple[Path, ...] = click.get_current_context().meta.get(_PLUGINS, ())
    return files


def given(name: str) -> bool:
    """Whether an option stands on the command line, even with the value of its default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source is not ParameterSource.DEFAULT


def make_setup(device: str, amp: str | None, channels_last: bool) -> Setup:
    """Make a Setup from the options of the command line.

    Raises:
        click.UsageError: This machine does not have the device.
    """
    import torch

    from ..inference.runner import Setup, find_device

    half = torch.bfloat16 if amp == "bfloat16" else None
    try:
        return Setup(find_device(device), amp is not None, channels_last, half)
    except ValueError as error:
        raise click.UsageError(f"--device: {error}.") from error


def make_scale(
    program: Program,
    mean: tuple[float, float, float] | None,
    std: tuple[float, float, float] | None,
) -> PixelScale:
    """Make a PixelScale from the options of the command line.

    If one is missing, and the network is not GluonCV's, a note on stderr says what is used.
    """
    from ..inference.graph_network import PixelScale
    from ..mappings.zoo import load_zoo

    if None in (mean, std) and program.record.model not in load_zoo():
        click.echo(
            f"note: {program.path}: does not say how pixels are scaled; values of 0 to 1 are "
            "normalized as ImageNet's, unless --mean and --std give the network's own",
            err=True,
        )
    return PixelScale(mean, std)


def refuse_scale() -> None:
    """Refuse --mean and --std for a network whose preprocessing is known.

    Raises:
        click.UsageError: One of them was given.
    """
    for name in ("mean", "std"):
        if given(name):
            raise click.UsageError(f"--{name} is for other networks that were converted as graphs.")


def shortened(message: str, *, in_json: bool = False) -> str:
    """Shorten a message to its first ten problems.

    A file that belongs to another network has hundreds; ten are enough to see which.

    Args:
        in_json: Whether what `--json` writes contains all of them.
    """
    lines = message.splitlines()
    if len(lines) <= SHOWN_PROBLEMS + 1:
        return message
    hidden = len(lines) - 1 - SHOWN_PROBLEMS
    hint = "; --json lists all" if in_json else ""
    return "\n".join([*lines[: SHOWN_PROBLEMS + 1], f"  … and {hidden} more{hint}"])


def write_json(records: list[dict[str, Any]] | dict[str, Any], json_file: str) -> None:
    """Write records, or a single one, as JSON to a file or to stdout (`-`).

    Raises:
        click.ClickException: The file cannot be written.
    """
    from ..checkpoints.record import to_json
    from ..files.atomic_file import write_text

    text = to_json(records)
    if json_file == "-":
        click.echo(text.encode("utf-8", "replace"), nl=False)  # JSON, whatever the terminal's
        return
    try:
        write_text(text, Path(json_file))
    except CheckpointError as error:
        raise click.ClickException(str(error)) from error
