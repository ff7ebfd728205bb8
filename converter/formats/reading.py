"""A checkpoint's tensors, read so that nothing in the file is run."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import safetensors
import torch

from ..errors import CheckpointError

Tensors = dict[str, torch.Tensor]
# what torch's unpickler raises besides its own error, where bytes are wrong
_DAMAGED = (ValueError, EOFError, KeyError, TypeError, AttributeError, IndexError)


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of torch's, or a `.safetensors`, or a folder with one in it."""
    path = Path(path)
    if path.is_dir() or path.suffix == ".safetensors":
        return True
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False  # the reader of .params says what it is


def read_tensors(path: str | os.PathLike[str]) -> tuple[Tensors, dict[str, str]]:
    """A state_dict by its own names, and the metadata of a `.safetensors`.

    A `.pth` may hold the state_dict alone, or under the key `state_dict`, as training programs do.

    Raises:
        CheckpointError: the file cannot be read, or holds no state_dict.
    """
    path = weights_file(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, *_DAMAGED) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        raise CheckpointError(f"{path}: no checkpoint that loads safely ({reason})") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if (
        not isinstance(content, dict)
        or not content
        or not all(
            isinstance(name, str) and isinstance(tensor, torch.Tensor)
            for name, tensor in content.items()
        )
    ):
        raise CheckpointError(f"{path}: holds no state_dict; save network.state_dict()")
    return dict(content), {}


def weights_file(path: str | os.PathLike[str]) -> Path:
    """The file with the weights: the path itself, or the one in a folder that timm opens."""
    path = Path(path)
    return path / "model.safetensors" if path.is_dir() else path


def _read_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (safetensors.SafetensorError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path}: no .safetensors that can be read ({reason})") from error
