"""The options of `convert`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..mappings.choices import DTYPES, FOLDER, FORMATS, INITS, LAYOUTS, OURS
from .option_types import ReferenceType, SizeType
from .shared_options import JSON

_OPTIONS = (
    click.argument("models", metavar="[MODEL]...", nargs=-1),
    click.option("--all", "everything", is_flag=True, help="Every model of the published set."),
    click.option(
        "--list", "listing", is_flag=True, help="Show the models known, and nothing else."
    ),
    click.option(
        "--init",
        type=click.Choice(INITS),
        default="pretrained",
        show_default=True,
        help="Where the weights come from: the published file, or random numbers.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Of random weights and images.",
    ),
    click.option(
        "--params",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A .params file of your own instead; any class count.",
    ),
    click.option(
        "--symbol",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The -symbol.json beside --params: convert what it computes, of any network, to .pt2.",
    ),
    click.option(
        "-o",
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default="weights",
        show_default=True,
        metavar="DIR",
        help="The folder to write to.",
    ),
    click.option(
        "--format",
        "formats",
        type=click.Choice(FORMATS),
        multiple=True,
        default=["pth"],
        show_default=True,
        help="Of the file; repeatable.",
    ),
    click.option(
        "--layout",
        type=click.Choice((*LAYOUTS, FOLDER)),
        default=OURS,
        show_default=True,
        help="Whose keys the state_dict has; timm's are ours. timm opens a timm-folder as it is.",
    ),
    click.option(
        "--labels",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The names of the classes, a line each.",
    ),
    click.option(
        "--report",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Write an HTML page of what parity measured, layer by layer.",
    ),
    click.option(
        "--reference",
        type=ReferenceType(),
        default="auto",
        show_default=True,
        help="What parity is measured against: GluonCV's network on MXNet, or its graph without "
        "it; or what --save-reference wrote on another machine.",
    ),
    click.option(
        "--save-reference",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.npz",
        help="Keep what the reference gave, to prove the conversion by where MXNet is not.",
    ),
    click.option(
        "--dtype",
        type=click.Choice(DTYPES),
        default="keep",
        show_default=True,
        help="Half-precision weights: kept, or widened.",
    ),
    click.option(
        "--backbone",
        is_flag=True,
        help="FILE is of a segmentation, detection or pose network: convert its trunk.",
    ),
    click.option(
        "--allow-nonfinite",
        is_flag=True,
        help="Convert arrays that hold NaN or Inf; no parity can hold, so with --reference none.",
    ),
    click.option(
        "--size",
        "sizes",
        type=SizeType(),
        multiple=True,
        help="Image size for parity; repeatable. Default: the model's own and an odd one.",
    ),
    JSON,
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
)


def convert_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function all of them, in the order in which `--help` shows them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
