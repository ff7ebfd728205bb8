"""Recognise files of other formats that are mistaken for `.params` files."""

from __future__ import annotations

# first bytes of a file -> its format, with advice
_SIGNATURES = (
    (b"\x80\x02", "a Python pickle (an old torch.save?); pass the file that MXNet saved"),
    (b"\x80\x03", "a Python pickle; pass the file that MXNet saved"),
    (b"\x80\x04", "a Python pickle; pass the file that MXNet saved"),
    (b"\x80\x05", "a Python pickle; pass the file that MXNet saved"),
    (b"version https://git-lfs", "a Git LFS pointer; run `git lfs pull` to get the file itself"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x89HDF\r\n", "an HDF5 file; pass the file that MXNet saved"),
    (b"{", "a JSON file (the -symbol.json?); pass the .params file beside it"),
)
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head")


def name_foreign_file(head: bytes) -> str | None:
    """Name the format of a file that is not a `.params` file.

    Args:
        head: The first 512 bytes of the file.

    Returns:
        The format with advice, or None if it is not recognised as another format.
    """
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_MARKUP):
        return "a web page (an error page saved by a download?); download it again"
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[8:9] == b"{":  # 8 bytes of length, then the JSON header
        return "a safetensors file; pass the file that MXNet saved"
    return None
