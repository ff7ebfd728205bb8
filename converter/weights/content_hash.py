"""Hash of weights, independent of the file format."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ..mappings.key_map import MADE_UP
from ..sources.arrays import Array

if TYPE_CHECKING:
    import torch


def content_sha256(tensors: Mapping[str, torch.Tensor] | Mapping[str, Array]) -> str:
    """Hash the names, dtypes, shapes and values of a state_dict with the project's keys.

    The hash is SHA-256 over one line per tensor, sorted by name: `<name> <dtype> <shape> <SHA-256
    of the values, little-endian, in C order>`. BatchNorm's `num_batches_tracked`, which MXNet does
    not have, is left out.

    Returns:
        The hash in hexadecimal.
    """
    names = sorted(name for name in tensors if not name.endswith(f".{MADE_UP}"))

    def line(name: str) -> bytes:
        tensor = tensors[name]
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        dtype = str(tensor.dtype).removeprefix("torch.")
        return f"{name} {dtype} {shape} {hashlib.sha256(raw_bytes(tensor)).hexdigest()}\n".encode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib releases the GIL
        lines = pool.map(line, names)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def raw_bytes(tensor: torch.Tensor | Array) -> memoryview:
    """The bytes of a tensor or an array in C order; a view if it is contiguous."""
    if isinstance(tensor, np.ndarray):
        return np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data
    import torch

    flat = tensor.detach().contiguous().reshape(-1)
    view: memoryview = flat.view(torch.uint8).numpy().data
    return view
