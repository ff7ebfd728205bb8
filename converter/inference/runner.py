"""A checkpoint's network on its device and in its precision, ready for batches of crops."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CheckpointError
from ..graph.inputs.free_dimensions import IMAGES
from .images.normalisation import normalise

if TYPE_CHECKING:
    from ..checkpoints.checkpoint import Checkpoint
    from ..mappings.catalog import Preprocessing

RGB = 3
IMAGE_AXES = IMAGES  # of a batch of images


@dataclass(frozen=True)
class Setup:
    """Device, precision and memory format to compute with.

    Attributes:
        device: The device to compute on.
        amp: Run convolutions in half precision where torch.autocast considers it safe.
        channels_last: Use the channels_last memory format, which is faster on some devices.
        amp_dtype: Half precision of `amp`; None for float16 on a GPU and bfloat16 on a CPU.
    """

    device: torch.device
    amp: bool = False
    channels_last: bool = False
    amp_dtype: torch.dtype | None = None

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    @property
    def half(self) -> torch.dtype | None:
        """Half precision to compute in; None without `amp`."""
        if not self.amp:
            return None
        by_default = torch.bfloat16 if self.device.type == "cpu" else torch.float16
        return self.amp_dtype or by_default

    def autocast(self) -> torch.autocast:
        """Context manager for the precision to compute in."""
        return torch.autocast(self.device.type, self.half, enabled=self.amp)


@dataclass(frozen=True)
class Runner:
    """A network that takes batches of 8-bit crops.

    Attributes:
        network: The network, on the setup's device.
        setup: Device, precision and memory format.
        preprocessing: Mean and standard deviation of its inputs.
        dtype: Data type of its weights and inputs.
    """

    network: torch.nn.Module
    setup: Setup
    preprocessing: Preprocessing
    dtype: torch.dtype = torch.float32

    def __call__(self, pixels: torch.Tensor) -> Any:
        """Run the network on 8-bit crops (N, H, W, 3); its output stays on its device."""
        with torch.inference_mode(), self.setup.autocast():
            return self.network(self.inputs(pixels))

    def inputs(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn 8-bit crops (N, H, W, 3) into the network's input (N, 3, H, W)."""
        images = normalise(pixels.to(self.setup.device), self.preprocessing, self.dtype)
        return images.contiguous(memory_format=self.setup.memory_format)


def make_runner(checkpoint: Checkpoint, setup: Setup, **options: Any) -> Runner:
    """Prepare a checkpoint's network, in eval mode.

    Half-precision weights are widened to float32, which is exact; float64 weights compute in
    float64.

    Args:
        checkpoint: An open checkpoint.
        setup: Device, precision and memory format.
        options: Passed to `models.create_model`, such as `features_only`.

    Raises:
        CheckpointError: The network does not take RGB images.
    """
    require_rgb(checkpoint)
    network = checkpoint.network(**options).requires_grad_(False)
    dtype = compute_dtype(network)
    place(network.to(dtype), setup)
    return Runner(network, setup, checkpoint.preprocessing, dtype)


def place(network: torch.nn.Module, setup: Setup) -> None:
    """Move a network to the setup's device and memory format.

    The format is that of tensors with the four axes of images or of their filters.
    """
    network.to(setup.device)
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.dim() == IMAGE_AXES:
            tensor.data = tensor.data.contiguous(memory_format=setup.memory_format)


def compute_dtype(network: torch.nn.Module) -> torch.dtype:
    """float64 for float64 weights, else float32."""
    stored = next(network.parameters()).dtype
    return torch.float64 if stored == torch.float64 else torch.float32


def require_rgb(checkpoint: Checkpoint) -> None:
    """Require a network that takes RGB images.

    Raises:
        CheckpointError: Its images have another number of channels.
    """
    if checkpoint.in_chans != RGB:
        raise CheckpointError(
            f"{checkpoint.path}: expects {checkpoint.in_chans}-channel images, but image files "
            "are read as RGB; load the checkpoint in Python and pass it your own tensors"
        )


def require_classifier(checkpoint: Checkpoint) -> None:
    """Require a network with a classifier.

    Raises:
        CheckpointError: It is a backbone without one.
    """
    if not checkpoint.num_classes:
        raise CheckpointError(
            f"{checkpoint.path}: is a backbone without a classifier, which outputs only features; "
            "write them with `gluon2torch features`"
        )


def find_device(name: str) -> torch.device:
    """Find a device by name: `auto`, `cpu`, `cuda`, `cuda:1`, `mps` …

    For `cuda`, each process that torchrun started gets a GPU of its own.

    Raises:
        ValueError: This machine does not have the device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device).cpu()  # `meta` has no values
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} is not available ({reason})") from error
    if device.type == "cuda":
        if device.index is None:  # which set_device refuses
            index = int(os.environ.get("LOCAL_RANK", torch.cuda.current_device()))
            device = torch.device("cuda", index)
        torch.cuda.set_device(device)
        # cuDNN uses TF32 for float32 by default, whose 10-bit mantissa is not exact
        torch.backends.cudnn.allow_tf32 = False
    return device
