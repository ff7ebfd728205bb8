"""A network that was converted as a graph, with one input of RGB images, on its device."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..checkpoints.program import Program
from ..errors import CheckpointError
from ..graph.summary import output_names
from ..mappings.catalog import Preprocessing, load_catalog
from ..mappings.zoo import load_zoo
from ..sources.arrays import Array
from .images.normalisation import normalise
from .images.presets import Crop, make_crop
from .runner import IMAGE_AXES, RGB, Setup, place

DATASET = "imagenet"  # whose preprocessing is the default


@dataclass(frozen=True)
class PixelScale:
    """Mean and standard deviation of a network's inputs, per channel, for values in 0 … 1.

    Attributes:
        mean, std: Those of ImageNet, or of GluonCV's network, if they are None.
    """

    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


class GraphNetwork:
    """A graph's network that takes 8-bit crops of RGB images.

    Attributes:
        crop: Cuts an image to the size that the file was written for.
        outputs: Names of its outputs, which are those of MXNet's nodes.
    """

    def __init__(
        self,
        program: Program,
        setup: Setup,
        *,
        preset: str = "gluon",
        scale: PixelScale | None = None,
    ) -> None:
        """Build a program's network.

        Args:
            program: The opened file.
            setup: Device, precision and memory format.
            preset: How images are cropped (images/presets.py).
            scale: Mean and standard deviation of its inputs.

        Raises:
            CheckpointError: If it does not take one batch of RGB images.
        """
        shapes = list(program.inputs.values())
        if len(shapes) != 1 or len(shapes[0]) != IMAGE_AXES or shapes[0][1] != RGB:
            raise CheckpointError(
                f"{program.path}: takes {', '.join(map(_text, shapes))}, and image files are one "
                "input of shape Nx3xHxW; use its module in Python (gluon2torch.open_program)"
            )
        if others := set(program.dtypes.values()):
            raise CheckpointError(
                f"{program.path}: takes images in {others.pop()} as they are; use its "
                "module in Python (gluon2torch.open_program)"
            )
        self._facts = preprocessing(program, scale or PixelScale())
        self.crop: Crop = make_crop(self._facts, preset)
        self.outputs = output_names(program.graph)
        self._path, self._setup = program.path, setup
        self._module = program.module().requires_grad_(False)
        place(self._module, setup)

    def __call__(self, pixels: torch.Tensor) -> list[Array]:
        """Run the network on crops (N, H, W, 3); returns its outputs.

        Raises:
            CheckpointError: If it does not run on a batch of this size.
        """
        setup = self._setup
        inputs = normalise(pixels.to(setup.device), self._facts)
        try:
            with torch.inference_mode(), setup.autocast():
                found = self._module(inputs.contiguous(memory_format=setup.memory_format))
        except (RuntimeError, IndexError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise CheckpointError(
                f"{self._path}: cannot run on {_text(tuple(inputs.shape))} ({reason}); if the "
                "graph fixes the batch, use `--batch-size 1`"
            ) from error
        outputs = found if isinstance(found, tuple) else (found,)
        return [np.asarray(each.float().cpu()) for each in outputs]


def preprocessing(program: Program, scale: PixelScale) -> Preprocessing:
    """How an image is prepared: at the size that the file was written for, scaled as ImageNet's.

    A network of GluonCV's list has its own mean and standard deviation.
    """
    facts = next(each.dataset for each in load_catalog().values() if each.dataset.name == DATASET)
    entry = load_zoo().get(program.record.model or "")
    known = entry.preprocessing if entry is not None else None
    (shape,) = program.inputs.values()
    return replace(
        facts.preprocessing,
        input_size=(shape[2], shape[3]),
        mean=scale.mean or (known or facts).mean,
        std=scale.std or (known or facts).std,
    )


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
