"""The `train` command."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from ..errors import UnknownModelError
from .option_types import InputPath
from .shared_options import CONTEXT
from .training_switches import train_and_show, training_options


@click.command("train", context_settings=CONTEXT)
@click.argument("model")
@click.argument("images", metavar="DIR", type=InputPath())
@training_options("trained")
def train_command(model: str, images: Path, **options: Any) -> None:
    """Train a network from scratch.

    MODEL is the GluonCV name (resnet50_v1d) or the published name. DIR has one folder of images
    per class, or `train` and `val` folders of that form. Processes started by torchrun share each
    batch.
    """
    from ..finetuning.fine_tuning import train
    from ..mappings.catalog import load_catalog
    from ..mappings.zoo import find_network

    try:
        name = find_network(model).name
    except UnknownModelError as error:
        raise click.UsageError(str(error)) from error
    if name not in load_catalog():
        raise click.UsageError(
            f"{name} is converted as a graph; train has the networks of the catalogue alone, which "
            "--list of `gluon2torch convert` shows first."
        )
    train_and_show(partial(train, name), images, **options)
