"""A checkpoint's tensors, read so that nothing in the file is run."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import safetensors
import torch

from ..errors import CheckpointError
from ..weights.state_dict import Tensors

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
        raise CheckpointError(
            f"{path}: no checkpoint that loads safely ({_reason(path, error)})"
        ) from error
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
    if odd := [name for name, tensor in content.items() if tensor.layout != torch.strided]:
        raise CheckpointError(f"{path}: {', '.join(odd)}: sparse; weights are dense")
    return dict(content), {}


def _reason(path: Path, error: Exception) -> str:
    """Why torch did not read a file; its own advice, to run what stands in it, is left out."""
    if isinstance(error, FileNotFoundError):
        return str(error.strerror)
    if path.suffix == ".params":
        return "a .params file; `gluon2torch convert --params` makes a checkpoint of it"
    if path.suffix == ".onnx":
        return "an ONNX file; onnxruntime reads it"
    if isinstance(error, pickle.UnpicklingError):
        return "it is none of torch's, or holds more than tensors"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"damaged or cut short: {str(text).splitlines()[0]}"


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
