"""The command line `gluon2torch`; its commands import heavy libraries only when they run."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from . import __version__
from .commands.convert_command import convert_command
from .commands.features_command import features_command
from .commands.file_commands import detect_command, diff_command, inspect_command
from .commands.finetune_command import finetune_command
from .commands.garbage_collection import rare_collections
from .commands.graph_command import graph_command
from .commands.interruption import interruptible
from .commands.predict_command import predict_command
from .commands.release_command import release_command
from .commands.system_errors import system_errors
from .commands.to_gluon_command import to_gluon_command
from .commands.train_command import train_command
from .commands.validate_command import validate_command
from .commands.verify_command import verify_command
from .files.atomic_file import remove_temporaries


@contextmanager
def orderly_end() -> Iterator[None]:
    """Make SIGTERM unwind the program, so that it cleans up; its exit status is then 143.

    For whole programs only: a library leaves signals alone.
    """
    if threading.current_thread() is not threading.main_thread():  # it cannot handle signals
        yield
        return
    program, received, ending = os.getpid(), False, False
    before, hook = signal.getsignal(signal.SIGTERM), sys.unraisablehook

    def unwind(number: int, _: object) -> None:
        nonlocal received, ending
        if os.getpid() != program:  # a forked worker, which must not remove the program's files
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if ending:  # nothing stops the clean-up
            return
        received = ending = True
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(128 + number)

    def raise_again(lost: sys.UnraisableHookArgs) -> None:
        """Send the signal again if Python dropped its exception, as it does in destructors."""
        nonlocal ending
        if not (received and isinstance(lost.exc_value, SystemExit)):
            hook(lost)
            return
        ending = False
        main_thread = threading.main_thread().ident
        threading.Timer(0.01, signal.pthread_kill, (main_thread, signal.SIGTERM)).start()

    if before == signal.SIG_DFL:  # else the caller of the program wants it ignored
        signal.signal(signal.SIGTERM, unwind)
        sys.unraisablehook = raise_again
    try:
        yield
    finally:
        ending = True
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        remove_temporaries()
        if received:  # libraries turn the exception into others of their own
            sys.exit(128 + signal.SIGTERM)
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, interrupt or signal.SIG_DFL)
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


class Program(click.Group):
    """The commands; called, as by a console script, they are a whole program."""

    def invoke(self, ctx: click.Context) -> Any:
        with interruptible(), system_errors():
            return super().invoke(ctx)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):  # names of files can have other characters
            sys.stdout.reconfigure(errors="replace")
        with rare_collections(), orderly_end():
            return super().__call__(*arguments, **options)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gluon2torch")
def main() -> None:
    """Convert MXNet Gluon networks to PyTorch, exactly, and use them there."""


for command in (
    convert_command,
    inspect_command,
    detect_command,
    diff_command,
    to_gluon_command,
    graph_command,
    release_command,
    verify_command,
    predict_command,
    validate_command,
    features_command,
    finetune_command,
    train_command,
):
    main.add_command(command)
