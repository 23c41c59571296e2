"""A command under `deploy.local.child`, seen from the one who started it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.child import GRACE_SECONDS

KEPT_LOG_BYTES = 10 * 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]


def set_aside(log: Path) -> None:
    """Move the content of a large log to a second file, replacing the one before; its writers go on appending."""
    if log.exists() and log.stat().st_size > KEPT_LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".1.log"))
        os.truncate(log, 0)


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A started command. It ends when `stop` is called or when the process that started it is gone."""

    name: str
    _wrapper: subprocess.Popen[bytes]

    @classmethod
    def spawn(
        cls,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        inherit: Collection[int] = (),
    ) -> "ChildProcess":
        """Start the command; what it prints is appended to `log`.

        `environment` is added to ours. `inherit` are descriptors that the command shall hold while it lives.
        """
        wrapper = [sys.executable, "-m", "deploy.local.child", stop_signal.name, *([user] if user else []), "--"]
        search = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own wrapper
                [*wrapper, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": search, **(environment or {})},
                pass_fds=tuple(inherit),
                start_new_session=True,
            )
        return cls(name, process)

    @property
    def running(self) -> bool:
        """Whether the command is alive."""
        return self._wrapper.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, None while it runs."""
        return self._wrapper.poll()

    @property
    def pid(self) -> int:
        """The pid of the wrapper; the command is its only child."""
        return self._wrapper.pid

    def command_pid(self) -> int | None:
        """The pid of the command itself, None when it is gone."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        if sys.platform == "linux":
            return next((int(pid) for pid in listed.read_text().split()), None) if listed.exists() else None
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)  # noqa: S607
        rows = (line.split() for line in listing.stdout.splitlines())
        return next((int(pid) for pid, parent in rows if int(parent) == self.pid), None)

    def ask_to_stop(self) -> None:
        """Close the pipe: the command gets its stop signal. Returns at once."""
        assert self._wrapper.stdin is not None
        self._wrapper.stdin.close()

    def wait(self) -> int:
        """Wait until the command is gone; `ask_to_stop` comes first. Returns its exit code."""
        return self._wrapper.wait(GRACE_SECONDS + 10)

    def stop(self) -> int:
        """Ask the command to stop, and wait until it is gone."""
        self.ask_to_stop()
        return self.wait()
