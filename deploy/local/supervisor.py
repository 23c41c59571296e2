"""Keeps a set of programs running: starts them again when they end, and stops them all, last started first."""

import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deploy.local.process import ChildProcess, set_aside

_LOOK_SECONDS = 0.2
_LOG_SECONDS = 60.0
_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 10.0
_HEALTHY_SECONDS = 30.0


class Supervised(Protocol):
    """Something that runs, may die, and can be started again."""

    @property
    def name(self) -> str:
        """How it is called in messages."""
        ...

    @property
    def running(self) -> bool:
        """Whether it is alive now."""
        ...

    @property
    def log(self) -> Path:
        """Where it writes."""
        ...

    def start(self) -> None:
        """Start it (again)."""
        ...

    def ask_to_stop(self) -> None:
        """Begin to stop it; returns at once."""
        ...

    def stop(self) -> None:
        """Stop it; returns when it is gone."""
        ...


@dataclass(slots=True)
class Program:
    """A command of ours: a web process or a worker."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    inherit: Collection[int] = ()
    _process: ChildProcess | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def exit_code(self) -> int | None:
        """The exit code of the last run, None while it runs or before."""
        return None if self._process is None else self._process.exit_code

    def command_pid(self) -> int | None:
        """The pid of the command, None when it is not running."""
        return None if self._process is None else self._process.command_pid()

    def start(self) -> None:
        self.stop()
        self._process = ChildProcess.spawn(
            self.name,
            self.command,
            log=self.log,
            stop_signal=signal.SIGTERM,
            environment=self.environment,
            inherit=self.inherit,
        )

    def ask_to_stop(self) -> None:
        if self._process is not None:
            self._process.ask_to_stop()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


@dataclass(slots=True)
class _Entry:
    item: Supervised
    started_at: float
    failures: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Programs in the order of their start. `notice` is told one line about everything unexpected."""

    notice: Callable[[str], None]
    _entries: list[_Entry] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self, item: Supervised) -> None:
        """Start it and keep it running from now on."""
        item.start()
        with self._lock:
            self._entries.append(_Entry(item, time.monotonic()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
                self._thread.start()

    def failures(self, name: str) -> int:
        """How often a program ended in a row, each time soon after its start."""
        with self._lock:
            return next((entry.failures for entry in self._entries if entry.item.name == name), 0)

    def stop(self) -> None:
        """Stop everything: those that were started last go first, all at once except for what others stand on."""
        self._stopping.set()
        programs = [entry.item for entry in self._entries if isinstance(entry.item, Program)]
        foundations = [entry.item for entry in reversed(self._entries) if not isinstance(entry.item, Program)]
        for program in programs:
            program.ask_to_stop()
        self._leave_off(foundations)
        for item in (*programs, *foundations):
            item.stop()
        self._entries.clear()

    def _leave_off(self, foundations: Sequence[Supervised]) -> None:
        """End the watching thread. If it waits for a foundation to come up, that one is called off."""
        if self._thread is None:
            return
        self._thread.join(1.0)
        if self._thread.is_alive():
            for item in foundations:
                item.ask_to_stop()
            self._thread.join()

    def _watch(self) -> None:
        logs_due = 0.0
        while not self._stopping.wait(_LOOK_SECONDS):
            with self._lock:
                entries = list(self._entries)
            for entry in entries:
                if not self._stopping.is_set() and not entry.item.running:
                    self._revive(entry)
            if time.monotonic() >= logs_due:
                logs_due = time.monotonic() + _LOG_SECONDS
                for entry in entries:
                    set_aside(entry.item.log)

    def _revive(self, entry: _Entry) -> None:
        """Start it again, each time after a longer pause unless it ran well in between."""
        now = time.monotonic()
        if entry.not_before == 0.0:
            entry.failures = 1 if now - entry.started_at > _HEALTHY_SECONDS else entry.failures + 1
            delay = min(_FIRST_DELAY_SECONDS * 2 ** (entry.failures - 1), _LONGEST_DELAY_SECONDS)
            entry.not_before = now + delay
            self.notice(f"{entry.item.name} ended{_exit(entry.item)}; starting it again")
        if now < entry.not_before:
            return
        try:
            entry.item.start()
        except Exception as error:  # whatever it is, the others must go on being watched
            self.notice(f"{entry.item.name} does not start: {error}")
        entry.started_at = time.monotonic()
        entry.not_before = 0.0


def _exit(item: Supervised) -> str:
    """How the last run ended, as far as it is known."""
    if not isinstance(item, Program) or item.exit_code is None:
        return ""
    code = item.exit_code
    number = -code if code < 0 else code - 128
    return f" by signal {number}" if number > 0 else f" with exit code {code}"
