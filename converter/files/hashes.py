"""Hashes of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK = 1 << 20
HASH_DIGITS = 8  # of a file's SHA-256 in its name; torch.hub checks them


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return _file_hash(path, hashlib.sha256())


def file_sha1(path: Path) -> str:
    """Return the SHA-1 of a file in hexadecimal, as GluonCV's model store lists it."""
    return _file_hash(path, hashlib.sha1(usedforsecurity=False))


def _file_hash(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
