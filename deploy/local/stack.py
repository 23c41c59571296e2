"""The whole product on one machine: PostgreSQL, the issuer, three web processes, their workers, if asked Kafka."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from deploy.kafka.topics import ensure_topics
from deploy.local.data_directory import DataDirectory, Running, Secrets
from deploy.local.environment import Addresses, issuer_environment, owner_url, service_environment
from deploy.local.errors import CommandFailedError
from deploy.local.kafka import KafkaBroker
from deploy.local.ports import free_port, is_free
from deploy.local.postgres import PostgresServer
from deploy.local.supervisor import Program, Supervisor
from deploy.postgres.bootstrap import SERVICES
from deploy.postgres.prepare import prepare

DEFAULT_PORTS: Mapping[str, int] = {"cases": 8001, "budgets": 8002, "metrics": 8003}
_READY_SECONDS = 120
_FAILURES_BEFORE_GIVING_UP = 4


def workers(service: str, *, kafka: bool) -> Mapping[str, list[str]]:
    """The background processes of a service: name -> the loops it runs."""
    relay = ["relay"] if kafka else []
    return {
        "cases": {"cases-events": ["stamper", *relay], "cases-import": ["import"]},
        "budgets": {"budgets-events": ["stamper", *relay, "consumer"]},
        "metrics": {"metrics-consumer": ["consumer"], "metrics-compactor": ["compactor"]},
    }[service]


def choose_ports(asked: Mapping[str, int | None], notice: Callable[[str], None]) -> dict[str, int]:
    """The ports of the three services. A default one that is taken is replaced and that is said; an asked one is not.

    Raises `CommandFailedError` for an asked port that is taken or asked twice.
    """
    chosen: dict[str, int] = {}
    for service, default in DEFAULT_PORTS.items():
        port = asked.get(service)
        if port is not None and (not is_free(port) or port in chosen.values()):
            raise CommandFailedError(f"port {port}, asked for {service}, is taken")
        if port is None:
            port = default
            if not is_free(port) or port in asked.values():
                port = free_port()
                notice(f"port {default} is taken: {service} listens on {port}")
        chosen[service] = port
    return chosen


@dataclass(slots=True)
class LocalStack:
    """Everything that `teilhabe up` starts, in one data directory whose lock is held by the descriptor `lock`."""

    data: DataDirectory
    ports: Mapping[str, int]
    lock: int
    notice: Callable[[str], None]
    kafka: bool = False
    supervisor: Supervisor = field(init=False)
    addresses: Addresses = field(init=False)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.notice)

    def start(self, step: Callable[[str], None]) -> None:
        """Start all of it and wait until the services are ready; `step` is told what is going on."""
        hidden = self.data.hidden_ports()
        secrets = self.data.secrets()
        server = PostgresServer(self.data.postgres, hidden["postgres"], secrets.superuser, inherit=[self.lock])
        broker = KafkaBroker(self.data.kafka, hidden["kafka"]) if self.kafka else None
        self.addresses = Addresses(
            issuer=f"http://127.0.0.1:{hidden['issuer']}",
            urls={service: f"http://127.0.0.1:{port}" for service, port in self.ports.items()},
            kafka=broker.bootstrap if broker else None,
        )
        step("starting PostgreSQL" + (" and Kafka" if broker else ""))
        with ThreadPoolExecutor(max_workers=1) as beside:
            kafka_started = beside.submit(self._start_kafka, broker) if broker else None
            self.supervisor.start(server)
            step("preparing the databases")
            prepare(server.conninfo(), secrets.roles, lambda service: owner_url(service, server, secrets))
            if kafka_started is not None:
                kafka_started.result()
        step("starting the services")
        for program in self._programs(server, secrets):
            self.supervisor.start(program)
        self._wait_until_ready()
        self.data.note_running(
            Running(os.getpid(), self.addresses.issuer, self.addresses.urls, server.port, self.addresses.kafka)
        )

    def stop(self) -> None:
        """Stop all of it; returns when the last process is gone."""
        self.data.forget_running()
        self.supervisor.stop()

    def _start_kafka(self, broker: KafkaBroker) -> None:
        self.supervisor.start(broker)
        asyncio.run(ensure_topics(broker.bootstrap))

    def _programs(self, server: PostgresServer, secrets: Secrets) -> list[Program]:
        issuer = self._web(
            "issuer",
            "deploy.local.issuer",
            int(self.addresses.issuer.rsplit(":", 1)[1]),
            issuer_environment(self.data, self.addresses),
        )
        environments = {
            service: service_environment(service, server=server, secrets=secrets, addresses=self.addresses)
            for service in SERVICES
        }
        webs = [
            self._web(service, f"services.{service}.main", self.ports[service], environment)
            for service, environment in environments.items()
        ]
        loops = [
            self._program(name, [sys.executable, "-m", f"services.{service}.worker", *names], environments[service])
            for service in SERVICES
            for name, names in workers(service, kafka=self.kafka).items()
        ]
        return [issuer, *webs, *loops]  # what `up` waits for comes first

    def _web(self, name: str, module: str, port: int, environment: Mapping[str, str]) -> Program:
        command = [
            sys.executable, "-m", "uvicorn", "--factory", f"{module}:app_from_environment",
            "--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "10",
        ]  # fmt: skip
        return self._program(name, command, environment)

    def _program(self, name: str, command: list[str], environment: Mapping[str, str]) -> Program:
        return Program(name, command, environment, self.data.log(name), [self.lock])

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        probes = {"issuer": f"{self.addresses.issuer}/.well-known/openid-configuration"}
        probes |= {service: f"{url}/readyz" for service, url in self.addresses.urls.items()}
        with httpx.Client(timeout=5, trust_env=False) as client:
            for name, url in probes.items():
                while not _answers(client, url):
                    given_up = self.supervisor.failures(name) >= _FAILURES_BEFORE_GIVING_UP
                    if given_up or time.monotonic() > deadline:
                        raise CommandFailedError(f"{name} does not start: {self._last_words(name)}")
                    time.sleep(0.05)

    def _last_words(self, name: str) -> str:
        log = self.data.log(name)
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return f"{lines[-1] if lines else 'it wrote nothing'} (see {log})"


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False
