"""Ctrl-C, SIGTERM and a closed terminal all mean the same: stop, and leave nothing behind."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """The user or the system asked the command to stop."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` in the block on the first such signal; from then on they are ignored, so that cleaning
    up is not cut off. Outside the main thread there is nothing to do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
