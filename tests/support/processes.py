"""Looking at processes from outside, and waiting for what must become true."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(condition: Callable[[], Found | None], *, seconds: float = 30, what: str = "") -> Found:
    """Poll until the condition is neither None nor False; fail after the deadline with a sentence."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def processes_naming(text: str) -> list[int]:
    """The pids of all processes whose command line or environment holds the text (a folder of one test, say)."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            seen = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in seen:
            found.append(int(folder.name))
    return found


def children_of(pid: int) -> list[int]:
    """The pids of the direct children of a process, whichever of its threads has started them."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def descendants_of(pid: int) -> list[int]:
    """The process and everything below it."""
    found = [pid]
    for child in children_of(pid):
        found += descendants_of(child)
    return found


@contextmanager
def standing_still(*pids: int) -> Iterator[None]:
    """Stop processes and all their descendants (SIGSTOP); let them go on after the block."""
    stopped = [process for pid in pids for process in descendants_of(pid)]
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
