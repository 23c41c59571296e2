"""Runs one command that must not outlive whoever started it: `python -m deploy.local.child SIGNAL [USER] -- CMD …`.

The starter holds the write end of our standard input. When that closes, however the starter died, the command gets
SIGNAL and, 30 seconds later, SIGKILL. SIGTERM and SIGINT do the same. On Linux the command also gets SIGNAL when
this process itself is killed. File descriptors that the starter passed on reach the command (`pass_fds`), so a lock
on one of them is held as long as the command lives. The exit code is the command's, or 128 + number of the signal.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pwd import getpwnam
from typing import Any

GRACE_SECONDS = 30
_PR_SET_PDEATHSIG = 1


def supervise(command: Sequence[str], *, stop_signal: signal.Signals, user: str | None) -> int:
    """Run the command until it ends or our standard input closes; return its exit code."""
    wake_read, wake_write = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda received, _frame: _wake(wake_write, received))
    process = subprocess.Popen(  # noqa: S603 - the starter's command
        command,
        stdin=subprocess.DEVNULL,
        close_fds=False,  # ours are close-on-exec; what is left are those the starter passed on
        preexec_fn=_die_with_parent(stop_signal),  # this process has one thread
        **_identity(user),
    )
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


def _die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """What the command does first: ask the kernel for SIGNAL on our death. It runs after the change of user."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), stop_signal)

    return ask


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> int:
    process.send_signal(stop_signal)
    try:
        return process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def main(arguments: Sequence[str]) -> int:
    """Read `SIGNAL [USER] -- CMD …`."""
    split = arguments.index("--")
    name, *user = arguments[:split]
    code = supervise(arguments[split + 1 :], stop_signal=signal.Signals[name], user=user[0] if user else None)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
