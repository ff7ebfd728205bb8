"""What else is found under the name of a `.params` file."""

from __future__ import annotations

# what a file begins with, and what it is then called, with the remedy
_SIGNATURES = (
    (b"\x80\x02", "a Python pickle (an old torch.save?); give the file that MXNet saved"),
    (b"\x80\x03", "a Python pickle; give the file that MXNet saved"),
    (b"\x80\x04", "a Python pickle; give the file that MXNet saved"),
    (b"\x80\x05", "a Python pickle; give the file that MXNet saved"),
    (b"version https://git-lfs", "a Git LFS pointer; run `git lfs pull` to get the file itself"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x89HDF\r\n", "an HDF5 file; give the file that MXNet saved"),
    (b"{", "a JSON file (the -symbol.json?); give the .params file beside it"),
)
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head")


def name_foreign_file(head: bytes) -> str | None:
    """What a file is that begins with `head` (the first 512 bytes), where it is no `.params`."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_MARKUP):
        return "a web page (an error page saved by a download?); download it again"
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[8:9] == b"{":  # eight bytes of length, then the JSON header
        return "a safetensors file; give the file that MXNet saved"
    return None
