"""Errors of the operating system, in one line."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..errors import lack_of_memory


@contextmanager
def system_errors() -> Iterator[None]:
    """Report files that cannot be used, and a lack of memory, where nothing else has.

    Raises:
        click.ClickException: In place of such an error.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (None, errno.EPIPE):  # click ends quietly if a pipe was closed
            raise
        reason = error.strerror or str(error)
        if error.filename is not None:
            raise click.ClickException(f"{error.filename}: cannot be used ({reason})") from error
        sys.stdout = io.StringIO()  # what is left in its buffer cannot be written at exit, too
        raise click.ClickException(f"stdout cannot be written ({reason})") from error
    except (MemoryError, RuntimeError) as error:
        if (lack := lack_of_memory(error)) is None:
            raise
        raise click.ClickException(lack) from error
