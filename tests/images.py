"""Images that the tests make for themselves, and the real ones."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from gluon2torch.checkpoints.record import Record
from gluon2torch.cli import main

from .conftest import DATA

SHEET = DATA / "cifar10_sheet"
TRAINED = {
    "structural": "cifar_resnet20_v1_structural.params",
    "export": "cifar_resnet20_v1-0000.params",
}


def noise(height: int, width: int, seed: int = 0, channels: int = 3) -> Any:
    """Pixels without any order, which hide no rounding."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height: int, width: int, seed: int = 0) -> Any:
    """Pixels that compress as a photograph's do."""
    small = Image.fromarray(noise(height // 16 + 1, width // 16 + 1, seed))
    grain = noise(height, width, seed + 1).astype(np.int16) // 16
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) + grain
    return pixels.clip(0, 255).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def convert_trained(which: str, out: Path) -> Record:
    """One of the two real, trained ResNet-20."""
    from gluon2torch.pipeline.conversion import convert

    path = DATA / "params" / TRAINED[which]
    return convert("cifar_resnet20_v1", params=path, reference="none", out=out)


def run(*arguments: object, input: bytes | None = None) -> Result:
    """gluon2torch, as a user runs it."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=input)
