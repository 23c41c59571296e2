"""One `teilhabe up` per data directory.

The lock belongs to an open file that the supervisor shares with all its children, so it is free only when the last of
them is gone. After kill -9 of the supervisor they need some seconds for that; a new one waits for them.
"""

import fcntl
import os
import time
from pathlib import Path

from deploy.local.child import GRACE_SECONDS
from deploy.local.errors import CommandFailedError

_ENDING_SECONDS = GRACE_SECONDS + 10


def acquire(folder: Path) -> int:
    """Lock the folder; the descriptor keeps the lock until it is closed here and in every child that inherited it.

    Raises `CommandFailedError` when a living `teilhabe up` holds it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _ENDING_SECONDS
    while not _try(descriptor):
        holder = _holder(descriptor)
        if _alive(holder) or time.monotonic() > deadline:
            os.close(descriptor)
            raise CommandFailedError(f"another `teilhabe up` (process {holder}) uses {folder}")
        time.sleep(0.1)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def held(folder: Path) -> bool:
    """Whether a `teilhabe up` or a child of one holds the folder at the moment."""
    path = folder / "lock"
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int:
    return int(os.pread(descriptor, 20, 0) or b"0")


def _alive(pid: int) -> bool:
    """Whether the supervisor lives. Between its lock and its number there is a moment without one: taken as alive."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
