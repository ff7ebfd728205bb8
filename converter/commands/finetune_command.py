"""The `finetune` command."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from ..errors import ConversionError
from .option_types import InputPath
from .shared_options import CONTEXT, MODEL, shortened
from .training_switches import train_and_show, training_options


@click.command("finetune", context_settings=CONTEXT)
@click.argument("checkpoint", type=InputPath())
@click.argument("images", metavar="DIR", type=InputPath())
@training_options("finetuned")
@MODEL
def finetune_command(checkpoint: Path, images: Path, model: str | None, **options: Any) -> None:
    """Fine-tune a network for other classes.

    DIR has one folder of images per class, or `train` and `val` folders of that form. Processes
    started by torchrun share each batch.
    """
    from ..checkpoints.checkpoint import open_checkpoint
    from ..finetuning.fine_tuning import finetune

    try:
        opened = open_checkpoint(checkpoint, model)
    except ConversionError as error:
        raise click.ClickException(shortened(str(error))) from error
    train_and_show(partial(finetune, opened), images, **options)
