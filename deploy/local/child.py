"""Runs one command that must not outlive whoever started it: `python -m deploy.local.child SIGNAL [USER] -- CMD …`.

The starter holds the write end of our standard input. When that closes, however the starter died, the command gets
SIGNAL and, 20 seconds later, SIGKILL. SIGTERM and SIGINT do the same. The exit code is the command's.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pwd import getpwnam
from typing import Any

_GRACE_SECONDS = 20


def supervise(command: Sequence[str], *, stop_signal: signal.Signals, user: str | None) -> int:
    """Run the command until it ends or our standard input closes; return its exit code."""
    wake_read, wake_write = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda received, _frame: _wake(wake_write, received))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **_identity(user))  # noqa: S603 - the starter's
    while process.poll() is None:
        readable, _, _ = select.select([sys.stdin, wake_read], [], [])
        if wake_read in readable and os.read(wake_read, 1)[0] == signal.SIGCHLD:
            continue
        return _stop(process, stop_signal)
    return process.returncode


def _wake(descriptor: int, received: int) -> None:
    os.write(descriptor, bytes([received]))


def _identity(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": getpwnam(user).pw_gid, "extra_groups": []}


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> int:
    process.send_signal(stop_signal)
    try:
        return process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def main(arguments: Sequence[str]) -> int:
    """Read `SIGNAL [USER] -- CMD …`."""
    split = arguments.index("--")
    name, *user = arguments[:split]
    return supervise(arguments[split + 1 :], stop_signal=signal.Signals[name], user=user[0] if user else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
