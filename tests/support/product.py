"""The started product: `teilhabe up` as a process of its own, and what a client does with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
import pytest

from deploy.local.data_directory import DataDirectory
from deploy.local.kafka import available
from deploy.local.ports import free_port
from deploy.local.postgres import PostgresServer
from tests.support.processes import alive, children_of, wait_for

ROOT = Path(__file__).parents[2]
SERVICES = ("cases", "budgets", "metrics")
EVERYTHING = (
    "cases:read cases:write cases:correct cases:migrate budgets:read budgets:write metrics:read metrics:internal"
    " feed:read operate"
)
_START_SECONDS = 180


def teilhabe(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run one command of `teilhabe` to its end."""
    line = [sys.executable, "-m", "deploy.local.cli", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


@dataclass(slots=True)
class Product:
    """One data directory and, while it runs, its `teilhabe up`."""

    folder: Path
    arguments: Sequence[str] = ()
    ports: Mapping[str, int] = field(default_factory=lambda: {service: free_port() for service in SERVICES})
    _up: subprocess.Popen[bytes] | None = None
    _said_before: int = 0

    @property
    def urls(self) -> Mapping[str, str]:
        """Where the services are."""
        return {service: f"http://127.0.0.1:{port}" for service, port in self.ports.items()}

    @property
    def pid(self) -> int:
        """The process `teilhabe up`."""
        assert self._up is not None
        return self._up.pid

    @property
    def output(self) -> Path:
        """What `teilhabe up` says on stderr."""
        return self.folder.parent / f"{self.folder.name}.stderr"

    def start(self, *arguments: str) -> Self:
        """`teilhabe up` on the folder, until it serves."""
        ports = [text for service, port in self.ports.items() for text in (f"--{service}-port", str(port))]
        given = [*(self.arguments or ("--scenario", "none")), *arguments]
        with self.output.open("ab") as output:
            self._said_before = output.tell()
            self._up = subprocess.Popen(
                [sys.executable, "-m", "deploy.local.cli", "up", "--data-dir", str(self.folder), *ports, *given],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_for(self._ready, seconds=_START_SECONDS, what=f"ready services, see {self.output}")
        return self

    def _ready(self) -> bool:
        assert self._up is not None
        assert self._up.poll() is None, self.output.read_text()[-2000:]
        return b"serving until Ctrl-C" in self.output.read_bytes()[self._said_before :]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal to `teilhabe up` and wait for its end; the exit code."""
        assert self._up is not None
        if self._up.poll() is None:
            self._up.send_signal(number)
        return self._up.wait(60)

    def pids(self) -> Mapping[str, int]:
        """The processes of the product by the name of their log (`cases`, `cases-import`, `postgres` …)."""
        found = {}
        for wrapper in children_of(self.pid):
            for child in children_of(wrapper):
                found[self._name(wrapper, child)] = child
        return found

    def pid_of(self, name: str) -> int:
        """The process of that name; waits while it is being started again."""
        return wait_for(lambda: self.pids().get(name), what=f"a process {name}, there are {sorted(self.pids())}")

    def wrapper_of(self, pid: int) -> int:
        """The process between `teilhabe up` and one of its children."""
        return next(wrapper for wrapper in children_of(self.pid) if pid in children_of(wrapper))

    def wait_for_another(self, name: str, pid: int) -> None:
        """Wait until another process has that name, and `pid` is gone."""
        wait_for(
            lambda: self.pids().get(name) not in (None, pid) and not alive(pid), seconds=60, what=f"another {name}"
        )

    def database(self, service: str) -> psycopg.Connection:
        """A superuser's connection, to look at what no API shows."""
        data = DataDirectory.existing(self.folder)
        server = PostgresServer(data.postgres, data.running().postgres_port, data.secrets().superuser)
        return psycopg.connect(server.conninfo(service), autocommit=True)

    def wait_until_caught_up(self, seconds: float = 180) -> None:
        """Wait until every event that was committed has had its effect in budgets and metrics."""
        wait_for(self._caught_up, seconds=seconds, what="consumers at the heads of the logs")

    def _caught_up(self) -> bool:
        with self.database("cases") as cases:
            waiting = cases.execute("SELECT count(*) FROM outbox_in").fetchall()
            heads = cases.execute("SELECT part, seq FROM feed_head ORDER BY part").fetchall()
        if waiting != [(0,)]:
            return False
        for service in ("budgets", "metrics"):
            with self.database(service) as consumer:
                taken = consumer.execute("SELECT part, seq FROM checkpoint WHERE source = '/cases' ORDER BY part")
                if taken.fetchall() != heads:
                    return False
        return True

    def _name(self, wrapper: int, child: int) -> str:
        line = _command_line(child)
        if "postgres" in Path(line[0]).name:
            return "postgres"
        if "kafka.Kafka" in line:
            return "kafka"
        log = Path(os.readlink(f"/proc/{wrapper}/fd/1"))
        return log.stem

    def token(self, tenant: str = "LWL", scope: str = EVERYTHING, subject: str = "anna") -> str:
        """A bearer token, as a user gets one."""
        done = teilhabe("token", "--data-dir", self.folder, "--tenant", tenant, "--sub", subject, "--scope", scope)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def client(self, service: str, tenant: str = "LWL", scope: str = EVERYTHING) -> httpx.Client:
        """A client of one service."""
        headers = {"Authorization": f"Bearer {self.token(tenant, scope)}"}
        return httpx.Client(base_url=self.urls[service], headers=headers, timeout=60, trust_env=False)


def _command_line(pid: int) -> list[str]:
    try:
        return [part.decode(errors="replace") for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")] or [
            ""
        ]
    except OSError:
        return [""]


@contextmanager
def running_product(folder: Path, *arguments: str) -> Iterator[Product]:
    """The product on a new folder; stopped at the end. With `--kafka` skipped where no Kafka can be started."""
    missing = available() if "--kafka" in arguments else None
    if missing is not None:
        pytest.skip(missing)
    product = Product(folder, ("--scenario", "none", *arguments))
    product.start()
    try:
        yield product
    finally:
        product.stop()


def value_of(metrics: httpx.Client, figure: str, **params: Any) -> dict[str, Any]:
    """The one item of a key figure in total."""
    answer = metrics.get(f"/v1/kpis/{figure}/values", params=params)
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["items"]
    found: dict[str, Any] = item
    return found
