"""The hash of the weights themselves, whatever the file around them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from ..mappings.key_map import MADE_UP


def content_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    """The hash of names, dtypes, shapes and values under the project's own keys.

    SHA-256 over a line for each tensor, sorted by name: `<name> <dtype> <shape> <SHA-256 of the
    values, little-endian, in C order>`. Counters of batches, which MXNet does not have, are left
    out.
    """
    names = sorted(name for name in tensors if not name.endswith(f".{MADE_UP}"))

    def line(name: str) -> bytes:
        tensor = tensors[name]
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        dtype = str(tensor.dtype).removeprefix("torch.")
        return f"{name} {dtype} {shape} {hashlib.sha256(raw_bytes(tensor)).hexdigest()}\n".encode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib works on every core
        lines = pool.map(line, names)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """A tensor's bytes in C order, as a view where it lies so."""
    flat = tensor.detach().contiguous().reshape(-1)
    view: memoryview = flat.view(torch.uint8).numpy().data
    return view


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are equal bit for bit, NaN too."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    a, b = np.frombuffer(raw_bytes(one), np.uint8), np.frombuffer(raw_bytes(other), np.uint8)
    whole = a.size - a.size % 8  # eight bytes at a time
    return np.array_equal(a[:whole].view(np.uint64), b[:whole].view(np.uint64)) and np.array_equal(
        a[whole:], b[whole:]
    )
