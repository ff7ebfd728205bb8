"""Image files of any format, read as RGB pixels."""

from __future__ import annotations

import functools
import importlib
import io
import os
import struct
import sys
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import ImageError, MissingDependencyError
from .linear_resize import Image

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
SOMETIMES = frozenset((".avif", ".heic", ".heif"))  # where Pillow, or pillow-heif, reads them
STDIN = "<stdin>"
# what Pillow raises on damaged files: its own errors are OSErrors, except DecompressionBombError
_DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError),
    *(AttributeError, ArithmeticError, MemoryError, struct.error, zlib.error),
)


def read_image(path: str | os.PathLike[str], *, upright: bool = True) -> Image:
    """Read an image as 8-bit RGB pixels (H, W, 3), turned upright by its EXIF orientation.

    Transparency is dropped, as OpenCV does; of 16-bit values the upper 8 bits are kept; of an
    animation the first frame. `-` and `<stdin>` read standard input.

    Args:
        upright: Whether it is turned; annotations are of the pixels as they are stored.

    Raises:
        ImageError: The file cannot be read, or is not a valid image.
        MissingDependencyError: Pillow is not installed.
    """
    pillow = require_pillow()
    name = os.fspath(path)
    try:
        content = sys.stdin.buffer.read() if name in ("-", STDIN) else Path(name).read_bytes()
    except OSError as error:
        if os.path.isdir(name):
            raise ImageError(f"{name}: has no images ({', '.join(sorted(suffixes()))})") from error
        raise ImageError(f"{name}: cannot be read ({error.strerror or error})") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on odd metadata, and on sizes below the error limit
            with _reject_truncated(), pillow.open(io.BytesIO(content)) as image:
                return _pixels(image, upright)
    except (*_DAMAGED, pillow.DecompressionBombError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, pillow.UnidentifiedImageError):
            reason = "Pillow does not recognise its format"
        raise ImageError(f"{name}: is not a valid image ({reason})") from error


Paths = Iterable[str | os.PathLike[str]] | str | os.PathLike[str]
"""Paths, or a single one."""


def each_path(paths: Paths) -> list[str]:
    """List paths; a single one, which need not be in a list, is a list of one."""
    if isinstance(paths, (str, os.PathLike)):
        return [os.fspath(paths)]
    return [os.fspath(path) for path in paths]


def find_images(paths: Paths) -> list[str]:
    """List image files; a folder is replaced by the images in it and below, sorted.

    A path that does not exist stays, and so does a folder without images: reading them fails. `-`
    becomes `<stdin>`.
    """
    found: list[str] = []
    for path in each_path(paths):
        inside = images_below(Path(path)) if os.path.isdir(path) else []
        found += map(str, inside) if inside else [STDIN if path == "-" else path]
    return found


@functools.cache
def suffixes() -> frozenset[str]:
    """The suffixes of image files, with those that only some installations of Pillow read."""
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()
    return SUFFIXES | SOMETIMES.intersection(require_pillow().registered_extensions())


def images_below(folder: Path) -> list[Path]:
    """List the images in a folder and below, in an order that is the same on every machine."""
    known = suffixes()
    return sorted(
        Path(parent, name)
        for parent, names in _folders(folder)
        for name in names
        if os.path.splitext(name)[1].lower() in known and not name.startswith(".")
    )


def _folders(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The folders below one, also through links, and their files; a link back up is left out."""
    top = os.fspath(folder)
    above = {top: {os.path.realpath(top)}}  # each folder's own real path, and those above it
    for parent, folders, files in os.walk(top, followlinks=True):
        for name in list(folders):
            path = os.path.join(parent, name)
            if (real := os.path.realpath(path)) in above[parent]:
                folders.remove(name)
            else:
                above[path] = above[parent] | {real}
        yield parent, files


def require_pillow() -> ModuleType:
    """Import Pillow's Image module.

    Raises:
        MissingDependencyError: Pillow is not installed.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise MissingDependencyError(
            "reading images needs Pillow, which is not installed: `pip install Pillow`"
        ) from error
    return PIL.Image


@contextmanager
def _reject_truncated() -> Iterator[None]:
    """Make Pillow reject truncated images.

    Other libraries, such as gluoncv.data, make it fill their missing part with grey.
    """
    from PIL import ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _pixels(image: Any, upright: bool) -> Image:
    from PIL import ImageOps

    if upright:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":  # Pillow's own conversion clips at 255
        grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return grey[:, :, None].repeat(3, axis=2)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, whose range is unknown")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))
