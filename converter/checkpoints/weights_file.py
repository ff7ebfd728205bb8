"""Reading a checkpoint's tensors without running code from the file."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

from ..errors import CheckpointError
from ..files.hugging_face import download_repository, is_hub_address
from ..files.input_file import stream_problem
from ..mapping.assignment import ArraySpec
from ..weights.state_dict import Tensors
from .safetensors_head import read_head
from .torch_archive import read_archive

PROGRAM = ".pt2"  # suffix of a program of torch.export
_SUFFIXES = (".safetensors", ".pth", ".pt", PROGRAM)
_WEIGHTS, _RECORD = "model.safetensors", "record.json"  # in a folder
# exceptions of torch's unpickler on damaged files, besides its own
_DAMAGED = (ValueError, EOFError, KeyError, TypeError, AttributeError, IndexError)


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a torch file, a `.pt2`, a `.safetensors` or a folder."""
    path = Path(path)
    if path.is_dir() or path.suffix in _SUFFIXES:
        return True
    if not os.path.isfile(path) or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False  # the .params reader reports the problem


def read_tensors(path: str | os.PathLike[str]) -> tuple[Tensors, dict[str, str]]:
    """Read a state_dict under its own names, and the metadata of a `.safetensors`.

    A `.pt2` has that of its program.

    A `.pth` can be the state_dict itself, or contain it under the key `state_dict`, as training
    scripts save it.

    Raises:
        CheckpointError: If the file cannot be read or contains no state_dict.
    """
    import torch

    from .program_archive import read_program_archive

    path = weights_file(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix == PROGRAM:
        return read_program_archive(path)[0], {}
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (pickle.UnpicklingError, RuntimeError, *_DAMAGED) as error:
        raise CheckpointError(
            f"{path}: not a checkpoint that can be loaded safely ({_reason(path, error)})"
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
        raise CheckpointError(f"{path}: contains no state_dict; save network.state_dict()")
    if odd := [name for name, tensor in content.items() if tensor.layout != torch.strided]:
        raise CheckpointError(
            f"{path}: {', '.join(odd)}: sparse tensors are not supported; save dense tensors"
        )
    if odd := [name for name, each in content.items() if each.is_meta or each.is_quantized]:
        raise CheckpointError(
            f"{path}: {', '.join(odd)}: has no values, or quantized ones; save tensors of numbers"
        )
    return {name: tensor.resolve_conj().resolve_neg() for name, tensor in content.items()}, {}


def read_specs(path: str | os.PathLike[str]) -> dict[str, ArraySpec]:
    """Read the shapes and data types of a state_dict, by its own names, without its values.

    Raises:
        CheckpointError: As `read_tensors`.
    """
    path = weights_file(path)
    try:
        head = read_head(path)[0] if path.suffix == ".safetensors" else read_archive(path)
    except CheckpointError:  # a state_dict among other things
        tensors, _ = read_tensors(path)
        return {
            name: ArraySpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
            for name, tensor in tensors.items()
        }
    return {name: ArraySpec(stored.shape, stored.dtype) for name, stored in head.items()}


def _reason(path: Path, error: Exception) -> str:
    """Explain why torch could not read a file, without torch's advice to allow running its code."""
    if path.suffix == ".params":
        return "a .params file; convert it with `gluon2torch convert --params`"
    if path.suffix == ".py":
        return "the source of a network; import it, and load its weights as its first lines say"
    if path.suffix == ".onnx":
        return "an ONNX file; load it with onnxruntime"
    if isinstance(error, pickle.UnpicklingError):
        return "it is not a torch file, or contains more than tensors"
    text = str(error) or type(error).__name__
    first, *_ = text.splitlines()[0].split(". ")  # torch goes on with general advice
    return f"damaged or truncated: {first}"


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a checkpoint; of a repository on the Hub, where it was downloaded to.

    Raises:
        DownloadError: If it cannot be downloaded.
        MissingDependencyError: If it needs huggingface_hub, which is not installed.
    """
    address = Path(path).as_posix()
    if not is_hub_address(address):
        return Path(path)
    return download_repository(address, (_WEIGHTS, _RECORD))


def weights_file(path: str | os.PathLike[str]) -> Path:
    """Return the file with the weights: the path, or `model.safetensors` in a timm folder.

    Raises:
        CheckpointError: If it is a pipe or a device.
    """
    path = Path(path)
    weights = path / _WEIGHTS if path.is_dir() else path
    if problem := stream_problem(weights):
        raise CheckpointError(problem)
    return weights


def _read_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    import safetensors

    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (safetensors.SafetensorError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path}: not a readable .safetensors file ({reason})") from error
