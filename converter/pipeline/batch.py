"""Conversion of many networks: one after another, or in several processes."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.record import Failure, GraphRecord, Record
from ..errors import ConversionError, lack_of_memory
from ..files.atomic_file import remove_temporaries
from ..files.download import Progress
from ..files.path_text import path_text
from ..files.progress_bar import working
from ..parity.memory import return_memory
from .arrays_ahead import ArraysAhead, Load
from .conversion import run
from .request import Request

UNEXPECTED = (
    "cannot be converted because of an error in gluon2torch, which you are welcome to report "
    "({}: {})"
)


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Attributes:
        result: The record of the conversion, or of its failure.
        error: The message of the failure, if there was one; with a traceback if it is a mistake of
            this project.
    """

    result: Record | GraphRecord | Failure
    error: str | None = None


One = Callable[[Request, Progress | None, Load | None], Record | GraphRecord]


def convert_one(
    request: Request, progress: Progress | None = None, load: Load | None = None, one: One = run
) -> Outcome:
    """Run a request; a failure is an outcome, too, but for errors of the operating system.

    Args:
        progress: Called during a download with the bytes so far and in total.
        load: Returns the arrays of the request's source, if they are loaded elsewhere.
        one: The function that converts.
    """
    try:
        return Outcome(one(request, progress, load))
    except ConversionError as error:
        failure = error.failure or Failure(model=request.model, error=str(error))
        return Outcome(failure, str(error))
    except OSError:  # a full disk, or a closed terminal
        raise
    except Exception as error:  # also a mistake of ours, which is not to stop the others
        if _is_interruption(error):
            raise
        lack = lack_of_memory(error) if isinstance(error, MemoryError | RuntimeError) else None
        first = (str(error).splitlines() or [""])[0]
        message = f"{_name(request)}: {lack or UNEXPECTED.format(type(error).__name__, first)}"
        details = "" if lack is not None else f"\n{traceback.format_exc()}"
        return Outcome(Failure(model=request.model, error=message), message + details)


def _is_interruption(error: BaseException) -> bool:
    """Whether an interruption led to an error: libraries raise their own in its place."""
    earlier = error.__cause__ or error.__context__
    return not isinstance(error, Exception) or (earlier is not None and _is_interruption(earlier))


def convert_in_turn(
    requests: Sequence[Request], one: One = run, *, verbose: bool = False
) -> Iterator[Outcome]:
    """Run requests one after another; meanwhile the arrays of the following ones are loaded.

    Args:
        one: The function that converts.
        verbose: Print a line for each stage to stderr.
    """
    with ArraysAhead(requests) as ahead:
        for index, request in enumerate(requests):
            load = ahead.load(index)
            with working(_name(request), verbose=verbose) as progress:
                outcome = convert_one(request, progress, load, one)
            return_memory()
            yield outcome


def _name(request: Request) -> str:
    return request.model or "the file" if request.params is None else path_text(request.params)


def convert_in_processes(
    requests: Sequence[Request],
    jobs: int,
    one: One = run,
    *,
    verbose: bool = False,
    plugins: Sequence[Path] = (),
) -> Iterator[Outcome]:
    """Run requests in several processes, which share the cores; outcomes come in their order.

    If a process is killed, the first request without an outcome is tried again alone.

    Args:
        jobs: The number of processes.
        one: The function that converts.
        verbose: Print a line for each stage to stderr.
        plugins: Files that register operators, for each process.
    """
    left = list(requests)
    while left:
        for outcome in _in_pool(left, min(jobs, len(left)), one, verbose, plugins):
            left.pop(0)
            yield outcome
        if left:
            request = left.pop(0)
            yield next(_in_pool([request], 1, one, verbose, plugins), None) or _killed(request)


def _killed(request: Request) -> Outcome:
    message = f"{_name(request)}: the process that converted it was killed, possibly out of memory"
    return Outcome(Failure(model=request.model, error=message), message)


def _in_pool(
    requests: Sequence[Request], jobs: int, one: One, verbose: bool, plugins: Sequence[Path]
) -> Iterator[Outcome]:
    """Outcomes in the requests' order, up to the first that has none: a process was killed."""
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    pool = ProcessPoolExecutor(
        jobs,
        multiprocessing.get_context("spawn"),  # torch's threads do not survive a fork
        _start_worker,
        (max(1, (os.cpu_count() or 1) // jobs), plugins),
    )
    try:
        for future in [pool.submit(_in_process, each, one, verbose) for each in requests]:
            yield future.result()
    except BrokenProcessPool:
        return
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _in_process(request: Request, one: One, verbose: bool) -> Outcome:
    """Convert in a worker; on a terminal it shows nothing, as lines would be overwritten."""
    if not verbose:
        return convert_one(request, one=one)
    with working(_name(request), verbose=True) as progress:
        return convert_one(request, progress, one=one)


def _start_worker(threads: int, plugins: Sequence[Path]) -> None:
    """Let libraries use this process's share of the cores, and end at SIGTERM without leftovers.

    Args:
        plugins: Files that register operators, which a new process does not have yet.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program ends its workers
    signal.signal(signal.SIGTERM, _end)
    if plugins:
        from ..graph.plugin import load_plugin
    for plugin in plugins:
        load_plugin(plugin)


def _end(number: int, _: object) -> None:
    remove_temporaries()
    os._exit(128 + number)  # an exception would only end the conversion, and begin the next
