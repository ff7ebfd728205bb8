"""What a command says when it is interrupted with Ctrl-C: what is left, and how to go on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from .system_errors import system_errors

NOTHING_LEFT = "no unfinished file is left; the same command starts again, and resumes a download"


class Interrupted(click.ClickException):
    """The user interrupted the command; the exit status is that of shells, 130."""

    exit_code = 128 + signal.SIGINT

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message to stderr, on a line of its own after the terminal's ^C."""
        if sys.stderr.isatty():
            click.echo(err=True)
        click.echo(f"Interrupted: {self.message}", err=True)


@contextmanager
def interruptible(left: Callable[[], str] = lambda: NOTHING_LEFT) -> Iterator[None]:
    """Say what is left if the block is interrupted.

    Raises:
        Interrupted: In place of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(left()) from None


class InterruptibleCommand(click.Command):
    """A command that is run on its own, without the group of all commands."""

    def invoke(self, ctx: click.Context) -> Any:
        with interruptible(), system_errors():
            return super().invoke(ctx)
