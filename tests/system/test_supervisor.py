"""Programs under supervision: they come back when they die, and none outlives its supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import lock
from deploy.local.errors import CommandFailedError
from deploy.local.process import KEPT_LOG_BYTES, ChildProcess
from deploy.local.supervisor import Program, Supervisor
from tests.support.processes import alive, wait_for

ROOT = Path(__file__).parents[2]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('term', flush=True)); "
    "print('up', flush=True); time.sleep(600); time.sleep(600)",
]


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def supervisor(notices: list[str]) -> Iterator[Supervisor]:
    running = Supervisor(notices.append)
    yield running
    running.stop()


def _program(tmp_path: Path, name: str = "sleeper", command: list[str] = SLEEPER) -> Program:
    return Program(name, command, {}, tmp_path / f"{name}.log")


def test_a_killed_program_comes_back(supervisor: Supervisor, notices: list[str], tmp_path: Path) -> None:
    program = _program(tmp_path)
    supervisor.start(program)
    first = wait_for(program.command_pid)
    os.kill(first, signal.SIGKILL)
    second = wait_for(lambda: (pid := program.command_pid()) != first and pid, what="a new process")
    assert alive(second)
    assert notices == ["sleeper ended by signal 9; starting it again"]


def test_a_program_whose_wrapper_was_killed_comes_back_alone(supervisor: Supervisor, tmp_path: Path) -> None:
    program = _program(tmp_path)
    supervisor.start(program)
    first = wait_for(program.command_pid)
    assert program._process is not None
    os.kill(program._process.pid, signal.SIGKILL)
    wait_for(lambda: (pid := program.command_pid()) != first and pid, what="a new process")
    wait_for(lambda: not alive(first), what="the end of the old process")


def test_a_program_that_always_fails_is_tried_ever_more_rarely(
    supervisor: Supervisor, notices: list[str], tmp_path: Path
) -> None:
    begun = time.monotonic()
    supervisor.start(_program(tmp_path, "failing", [sys.executable, "-c", "raise SystemExit(3)"]))
    wait_for(lambda: len(notices) >= 4, what="four failures")
    assert supervisor.failures("failing") >= 4
    assert time.monotonic() - begun > 0.2 + 0.4 + 0.8
    assert set(notices) == {"failing ended with exit code 3; starting it again"}


def test_others_are_watched_while_one_cannot_be_started(
    supervisor: Supervisor, notices: list[str], tmp_path: Path
) -> None:
    class Hopeless(Program):
        __slots__ = ()

        def start(self) -> None:
            if notices:
                raise OSError("no such thing")

    supervisor.start(Hopeless("hopeless", SLEEPER, {}, tmp_path / "hopeless.log"))
    program = _program(tmp_path)
    supervisor.start(program)
    first = wait_for(program.command_pid)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: (pid := program.command_pid()) != first and pid, what="a new process")
    wait_for(lambda: "hopeless does not start: no such thing" in notices, what="the notice")


def test_stop_ends_all_and_starts_none_again(supervisor: Supervisor, notices: list[str], tmp_path: Path) -> None:
    programs = [_program(tmp_path, f"sleeper-{number}") for number in range(3)]
    for program in programs:
        supervisor.start(program)
    pids = [wait_for(program.command_pid) for program in programs]
    supervisor.stop()
    assert not any(alive(pid) for pid in pids)
    assert notices == []


def test_output_goes_to_the_log_and_a_large_log_is_set_aside(supervisor: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "talker.log"
    log.write_bytes(b"x" * (KEPT_LOG_BYTES + 1))
    talk = "import time\nwhile True: print('hello', flush=True); time.sleep(0.05)"
    supervisor.start(Program("talker", [sys.executable, "-c", talk], {}, log))
    wait_for(lambda: 0 < log.stat().st_size < KEPT_LOG_BYTES, what="a short log")
    wait_for(lambda: log.read_text().count("hello\n") > 3, what="more of the same")
    assert (tmp_path / "talker.1.log").stat().st_size > KEPT_LOG_BYTES


def test_kill_9_of_the_supervisor_takes_all_programs_along(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from deploy.local.supervisor import Program, Supervisor\n"
        "supervisor = Supervisor(print); folder = Path(sys.argv[1])\n"
        "programs = [Program(str(n), [sys.executable, '-c', 'import time; time.sleep(600)'], {}, folder / str(n))"
        " for n in range(3)]\n"
        "for program in programs: supervisor.start(program)\n"
        "pids = []\n"
        "while len(pids) < 3: pids = [p for program in programs if (p := program.command_pid())]\n"
        "print(*pids, flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert starter.stdout is not None
    with starter.stdout:
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        assert len(pids) == 3
        assert all(alive(pid) for pid in pids)
        starter.kill()
        starter.wait()
    wait_for(lambda: not any(alive(pid) for pid in pids), what="the end of all programs")


def test_a_program_deaf_to_its_stop_signal_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper = (
        "import sys; from deploy.local import child; child.GRACE_SECONDS = 0.5; sys.exit(child.main(sys.argv[1:]))"
    )
    log = tmp_path / "deaf.log"
    with log.open("wb") as output:
        deaf = subprocess.Popen(
            [sys.executable, "-c", wrapper, "SIGTERM", "--", *DEAF], stdin=subprocess.PIPE, stdout=output, cwd=ROOT
        )
        wait_for(lambda: log.read_text() == "up\n", what="its first words")
        assert deaf.stdin is not None
        deaf.stdin.close()
        assert deaf.wait(20) == 128 + signal.SIGKILL
    assert log.read_text() == "up\nterm\n"


class TestLock:
    def test_a_second_supervisor_is_told_who_holds_the_folder(self, tmp_path: Path) -> None:
        held = lock.acquire(tmp_path)
        try:
            with pytest.raises(CommandFailedError, match=rf"another `teilhabe up` \(process {os.getpid()}\) uses"):
                lock.acquire(tmp_path)
            assert lock.held(tmp_path)
        finally:
            os.close(held)
        assert not lock.held(tmp_path)

    def test_children_of_a_dead_supervisor_are_waited_for(self, tmp_path: Path) -> None:
        script = (
            "import sys; from pathlib import Path; from deploy.local import lock, process\n"
            "held = lock.acquire(Path(sys.argv[1]))\n"
            "slow = [sys.executable, '-c', \"import signal, time; signal.signal(signal.SIGTERM, lambda *_: "
            "time.sleep(1.5) or sys.exit()); import sys; print('up', flush=True); time.sleep(600)\"]\n"
            "child = process.ChildProcess.spawn('slow', slow, log=Path(sys.argv[1]) / 'log', inherit=[held])\n"
            "import time; time.sleep(600)"
        )
        starter = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
        log = tmp_path / "log"
        wait_for(lambda: log.exists() and log.read_text() == "up\n", what="the child")
        starter.kill()
        starter.wait()
        begun = time.monotonic()
        held = lock.acquire(tmp_path)
        os.close(held)
        assert time.monotonic() - begun > 1


def test_the_lock_is_not_held_by_programs_that_did_not_inherit_it(tmp_path: Path) -> None:
    held = lock.acquire(tmp_path)
    stranger = ChildProcess.spawn("stranger", SLEEPER, log=tmp_path / "log")
    os.close(held)
    assert not lock.held(tmp_path)
    stranger.stop()
