"""A checkpoint's network, ready for pixels: on its device, in its precision."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CheckpointError

if TYPE_CHECKING:
    from ..checkpoints.checkpoint import Checkpoint
    from ..mappings.catalog import Preprocessing

RGB = 3


@dataclass(frozen=True)
class Setup:
    """How a network is computed.

    Attributes:
        device: where.
        amp: convolutions in half precision, where torch.autocast holds that to be safe.
        channels_last: the order of memory in which some devices are faster.
    """

    device: torch.device
    amp: bool = False
    channels_last: bool = False

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self) -> torch.autocast:
        """The precision to compute in, as a context."""
        # CPUs compute bfloat16, not float16
        dtype = torch.bfloat16 if self.device.type == "cpu" else torch.float16
        return torch.autocast(self.device.type, dtype, enabled=self.amp)


@dataclass(frozen=True)
class Runner:
    """A network that takes crops.

    Attributes:
        network: on the setup's device.
        dtype: of its weights and images.
    """

    network: torch.nn.Module
    setup: Setup
    preprocessing: Preprocessing
    dtype: torch.dtype = torch.float32

    def __call__(self, pixels: torch.Tensor) -> Any:
        """Crops (N, H, W, 3) of 8-bit values → what the network gives, on its device."""
        with torch.inference_mode(), self.setup.autocast():
            return self.network(self.inputs(pixels))

    def inputs(self, pixels: torch.Tensor) -> torch.Tensor:
        """Crops → the network's input, (N, 3, H, W)."""
        images = normalise(pixels.to(self.setup.device), self.preprocessing, self.dtype)
        return images.contiguous(memory_format=self.setup.memory_format)


def make_runner(checkpoint: Checkpoint, setup: Setup, **options: Any) -> Runner:
    """A checkpoint's network, in eval mode.

    Weights of half precision are widened, which is exact; those of 64 bits compute in 64 bits.

    Args:
        options: of `models.create_model`, such as `features_only`.

    Raises:
        CheckpointError: the network's images are not RGB.
    """
    require_rgb(checkpoint)
    network = checkpoint.network(**options).requires_grad_(False)
    dtype = compute_dtype(network)
    place(network.to(dtype), setup)
    return Runner(network, setup, checkpoint.preprocessing, dtype)


def place(network: torch.nn.Module, setup: Setup) -> None:
    """Put a network where it is computed, in the order of memory that was asked for."""
    network.to(setup.device)
    network.to(memory_format=setup.memory_format)  # type: ignore[call-overload]


def normalise(
    pixels: torch.Tensor, preprocessing: Preprocessing, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """8-bit values (N, H, W, 3) → numbers (N, 3, H, W), as Gluon's ToTensor and Normalize do."""
    mean, std = (
        torch.tensor(values, dtype=dtype, device=pixels.device)[:, None, None]
        for values in (preprocessing.mean, preprocessing.std)
    )
    return pixels.permute(0, 3, 1, 2).to(dtype).div_(255).sub_(mean).div_(std)


def compute_dtype(network: torch.nn.Module) -> torch.dtype:
    """float64 for weights of 64 bits, else float32."""
    stored = next(network.parameters()).dtype
    return torch.float64 if stored == torch.float64 else torch.float32


def require_rgb(checkpoint: Checkpoint) -> None:
    """Insist that a network takes RGB images.

    Raises:
        CheckpointError: it does not.
    """
    if checkpoint.in_chans != RGB:
        raise CheckpointError(
            f"{checkpoint.path}: takes images of {checkpoint.in_chans} channels; image files are "
            "read as RGB. Load it in Python and give it your own tensors"
        )


def require_classifier(checkpoint: Checkpoint) -> None:
    """Insist that a network tells classes.

    Raises:
        CheckpointError: it is a trunk.
    """
    if not checkpoint.num_classes:
        raise CheckpointError(
            f"{checkpoint.path}: is a trunk without a classifier, which gives features only; "
            "`gluon2torch features` writes them"
        )


def find_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps` … → the device; each process of torchrun its own GPU.

    Raises:
        ValueError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"there is no device {name!r} here ({reason})") from error
    if device.type == "cuda":
        if device.index is None and "LOCAL_RANK" in os.environ:
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
        # the 10 bits of TF32, which cuDNN takes for float32 by default, are not exact
        torch.backends.cudnn.allow_tf32 = False
    return device
