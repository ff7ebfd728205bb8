"""Names of unfinished files and folders; they say which process they belong to.

On Linux a name is `.writing-<host>-<pid>-<start>-<random>`: the process, and when it started,
because pids are reused. On other systems it is `.writing-<random>`, as in older versions.
"""

from __future__ import annotations

import os
import re
import time
import zlib
from functools import cache
from pathlib import Path

PREFIX = ".writing-"
DAY = 86400.0  # seconds
_OWNED = re.compile(r"\.writing-([0-9a-f]{8})-([0-9]+)-([0-9]+)-[0-9a-f]{8}")
_UNOWNED = re.compile(r"\.writing-[0-9a-z_]{8}")
_PROC = Path("/proc")
_DEAD = ("Z", "X")  # states of a process that ended; the first waits for its parent


def new_name() -> str:
    """Return an unused name for a temporary of this process."""
    random, host, pid = os.urandom(4).hex(), _host(), os.getpid()
    start = _start_time(pid) if host is not None else None
    return f"{PREFIX}{random}" if start is None else f"{PREFIX}{host}-{pid}-{start}-{random}"


def is_abandoned(entry: os.DirEntry[str]) -> bool:
    """Tell whether a folder's entry is a temporary that no running process uses any more.

    One of another host never is, because its processes cannot be seen. One that names no process
    is when it has not changed for a day.
    """
    owned = _OWNED.fullmatch(entry.name)
    if owned is not None:
        host, pid, start = owned.groups()
        return host == _host() and not _runs(int(pid), start)
    if _UNOWNED.fullmatch(entry.name) is None:
        return False
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > DAY
    except OSError:  # another process removed it
        return False


@cache
def _host() -> str | None:
    """Return an identifier of this machine and its process numbers; None if /proc lacks them.

    Containers number their processes separately, and often have no machine-id.
    """
    try:
        if os.readlink(_PROC / "self") != str(os.getpid()):  # /proc of other process numbers
            return None
        numbering = os.readlink(_PROC / "self" / "ns" / "pid")
        machine = _text(Path("/etc/machine-id")) or _text(_PROC / "sys/kernel/random/boot_id")
    except OSError:
        return None
    return f"{zlib.crc32(f'{os.uname().nodename} {machine} {numbering}'.encode()):08x}"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _runs(pid: int, start: str) -> bool:
    """Tell whether the process still runs; where that cannot be told, it does."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it runs, and belongs to another user
        pass
    try:
        return _start_time(pid) == start
    except OSError:  # hidden from this user
        return True


def _start_time(pid: int) -> str | None:
    """Return when a process started, in clock ticks since the machine's; None if it ended.

    Raises:
        OSError: The process ended meanwhile, or is hidden from this user.
    """
    # the program's name is in brackets and may contain anything; states and numbers follow
    fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return None if fields[0] in _DEAD else fields[19]
