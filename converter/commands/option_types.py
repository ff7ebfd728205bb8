"""Types of option values."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import click

from ..files.atomic_file import record_path
from ..files.output_path import kind_of
from ..mappings.choices import REFERENCES, SAVED

STDOUT = Path("-")
LARGEST_SCALE = 8
WITH_RECORD = ".pth", ".safetensors", ".pt2", ".onnx", ".py"  # formats that have one beside them
_CLAIMS = f"{__name__}.claims"  # key of the context's data


class FiniteRange(click.FloatRange):
    """A number in a range; click's own accepts nan, and inf where there is no upper bound."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not finite", param, ctx)
        return number


class InputPath(click.Path):
    """The path of a file or a folder to read, which no output of the command may be.

    Nor may one be the record of a checkpoint.
    """

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        _claim(self, path, param, ctx, written=False)
        if path.suffix in WITH_RECORD or path.is_dir():
            _claim(self, record_path(path), param, ctx, written=False, of="the record of ")
        return path


class OutputFile(click.ParamType[Path]):
    """The path of a file to write, which is nothing else yet, such as a folder or a device.

    Folders that are missing are made when it is written.
    """

    name = "file"

    def __init__(self, *, suffix: str = "", stdout: bool = False) -> None:
        """Say which paths are accepted.

        Args:
            suffix: How the file's name must end.
            stdout: Accept `-`, for stdout.
        """
        self._suffix, self._stdout = suffix, stdout

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        path = Path(value)
        if path == STDOUT:
            if self._stdout:
                return path
            self.fail("stdout (-) is not supported here; give the name of a file", param, ctx)
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            self.fail(f"{value}: cannot be written ({error.strerror})", param, ctx)
        if (kind := kind_of(path)) is not None:
            self.fail(f"{value} is {kind}, not a regular file; choose another name", param, ctx)
        above = next((each for each in path.parents if os.path.exists(each)), None)
        if above is None:  # on Windows
            self.fail(f"{value}: {path.anchor} does not exist", param, ctx)
        if not above.is_dir():
            self.fail(f"{value}: {above} is not a folder", param, ctx)
        if self._suffix and path.suffix != self._suffix:
            self.fail(f"{value}: the file's name must end in {self._suffix}", param, ctx)
        _claim(self, path, param, ctx, written=True)
        return path


def claim_beside(path: Path, option: str, of: str) -> None:
    """Refuse a file that is written beside an option's if it is another file of the command.

    Args:
        path: The file that is written.
        option: Name of the option's value, as the command's function has it.
        of: What the file is of the option's, for the error, as in `the record of `.

    Raises:
        click.UsageError: It is also another output, or an input.
    """
    context = click.get_current_context()
    param = next(each for each in context.command.params if each.name == option)
    _claim(param.type, path, param, context, written=True, of=of)


def _claim(
    kind: click.ParamType[Any],
    path: Path,
    param: Any,
    ctx: click.Context | None,
    *,
    written: bool,
    of: str = "",
) -> None:
    """Refuse a file that is an output and also another output or an input of the command.

    Args:
        of: What the file is of the parameter's value, for the error; nothing if it is that.
    """
    if ctx is None or param is None:
        return
    claims: list[tuple[str, bool, str]] = ctx.meta.setdefault(_CLAIMS, [])
    real = os.path.realpath(path)
    for other, is_written, name in claims:
        if other == real and (written or is_written):
            kind.fail(f"{path} is also {name}; choose another name", param, ctx)
    name = param.opts[-1] if isinstance(param, click.Option) else param.human_readable_name
    claims.append((real, written, f"{of or 'the file of '}{name}"))


class OutputFolder(click.ParamType[Path]):
    """The path of a folder to write to, which may not exist yet."""

    name = "folder"

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        path = Path(value)
        if os.path.exists(path) and not path.is_dir():
            kind = kind_of(path) or "a file"
            self.fail(f"{value} is {kind}, not a folder; choose another name", param, ctx)
        return path


class JsonTarget(click.ParamType[str]):
    """The path of a JSON file, or `-` for stdout."""

    name = "json"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        return str(OutputFile(stdout=True).convert(value, param, ctx))


class SizeType(click.ParamType[tuple[int, int]]):
    """`HxW` in pixels → (H, W)."""

    name = "HxW"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        match = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", str(value))
        if match is None:
            self.fail(f"{value!r} is not a size; write height x width, such as 224x224", param, ctx)
        return int(match[1]), int(match[2])


class ChannelsType(click.ParamType[tuple[float, float, float]]):
    """`R,G,B` → three finite numbers."""

    name = "R,G,B"

    def __init__(self, *, positive: bool = False) -> None:
        self._positive = positive

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float, float]:
        try:
            red, green, blue = map(float, str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not three numbers, such as 0.5,0.5,0.5", param, ctx)
        if not all(map(math.isfinite, (red, green, blue))):
            self.fail(f"{value!r} is not finite", param, ctx)
        if self._positive and min(red, green, blue) <= 0:
            self.fail(f"{value!r}: all must be above 0", param, ctx)
        return red, green, blue


class ScalesType(click.ParamType[tuple[float, ...]]):
    """`A,B,…` → numbers above 0."""

    name = "A,B,…"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        try:
            scales = tuple(map(float, str(value).split(",")))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers, such as 0.5,1,1.5", param, ctx)
        if not all(0 < scale <= LARGEST_SCALE for scale in scales):
            self.fail(
                f"{value!r}: all must be above 0 and at most {LARGEST_SCALE}: 1 is the image's own "
                "size",
                param,
                ctx,
            )
        return scales


class BoxType(click.ParamType[tuple[float, float, float, float]]):
    """`X,Y,W,H` → left, top, width and height in pixels."""

    name = "X,Y,W,H"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float, float, float]:
        try:
            left, top, width, height = map(float, str(value).split(","))
        except ValueError:
            self.fail(
                f"{value!r} is not a box; write left, top, width and height in pixels, such as "
                "74,86,56,48",
                param,
                ctx,
            )
        if not all(map(math.isfinite, (left, top, width, height))) or min(width, height) <= 0:
            self.fail(f"{value!r}: width and height must be above 0", param, ctx)
        return left, top, width, height


class ReferenceType(click.ParamType[str]):
    """The name of a reference, or the path of a saved one."""

    name = "reference"

    def get_metavar(self, param: Any, ctx: Any) -> str:
        return f"[{'|'.join(REFERENCES)}|FILE.npz]"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        text = str(value)
        if text not in REFERENCES and not text.endswith(SAVED):
            self.fail(f"{text!r} is not one of {', '.join(REFERENCES)}, nor a FILE.npz", param, ctx)
        return text


class ShardType(click.ParamType[tuple[int, int]]):
    """`I/N` with I from 1 to N → (I, N)."""

    name = "I/N"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", str(value))
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is not a shard; write I/N with I from 1 to N", param, ctx)
        return int(match[1]), int(match[2])
