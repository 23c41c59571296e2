"""A real Apache Kafka on this machine: KRaft, one node, listening on 127.0.0.1 only.

For `teilhabe up --kafka`, tests and benchmarks. The folder of a broker is guarded by a lock of our own: a second
broker started on the same folder does not only fail, it also takes the first one down.
"""

import base64
import fcntl
import os
import secrets
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.kafka_artefacts import KafkaFailedError, available, libraries
from deploy.local.ports import free_port
from deploy.local.process import ChildProcess

__all__ = ["KafkaBroker", "KafkaFailedError", "available"]

_START_SECONDS = 120
_FORMAT_SECONDS = 120
_NODE = "1"
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": _NODE,
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.partitions": "12",
    # one node: everything that is replicated three times by default
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # after kill -9 the controller waits for the session of the dead broker: 5 seconds instead of 13
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}
_LOGGING = """<Configuration status="ERROR">
  <Appenders>
    <RollingFile name="file" fileName="{folder}/broker.log" filePattern="{folder}/broker.%i.log">
      <PatternLayout pattern="%d{{ISO8601}} %p %m (%c)%n"/>
      <Policies><SizeBasedTriggeringPolicy size="10 MB"/></Policies>
      <DefaultRolloverStrategy max="3"/>
    </RollingFile>
  </Appenders>
  <Loggers><Root level="INFO"><AppenderRef ref="file"/></Root></Loggers>
</Configuration>
"""


@dataclass(slots=True)
class KafkaBroker:
    """One broker: its folder, port and, while it runs, its process. `settings` are added to server.properties."""

    data: Path
    port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    heap: str = "512m"
    lock_seconds: float = 40
    name: str = "kafka"
    _process: ChildProcess | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process we started is alive."""
        return self._process is not None and self._process.running

    @property
    def log(self) -> Path:
        """The log file of the broker."""
        return self.data / "broker.log"

    def broker_pid(self) -> int | None:
        """The pid of the JVM, None when it is not running."""
        return None if self._process is None else self._process.command_pid()

    def start(self) -> None:
        """Prepare the folder if it is new, start the broker and wait until it serves clients.

        May be called again after the broker died, however it died; one that runs is restarted. Raises
        `KafkaFailedError`; when another broker still holds the folder after `lock_seconds`, that one is left alone.
        """
        self.stop()  # of one that died only the pipe is left
        jars = libraries()
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        try:
            self._write_configuration()
            if not (self.data / "logs" / "meta.properties").exists():
                self._format(jars)
            self._process = ChildProcess.spawn(
                "kafka",
                [*self._java(jars), "kafka.Kafka", str(self._properties)],
                log=self.data / "broker.out",
                inherit=[lock],
            )
        finally:
            os.close(lock)  # from here on it is held by the broker and its wrapper, and goes with them
        self._wait()

    def ask_to_stop(self) -> None:
        """Begin a controlled shutdown; returns at once."""
        if self._process is not None:
            self._process.ask_to_stop()

    def stop(self) -> None:
        """Controlled shutdown (about two seconds); returns when the JVM is gone."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    @property
    def _properties(self) -> Path:
        return self.data / "server.properties"

    def _lock(self) -> int:
        descriptor = os.open(self.data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + self.lock_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise KafkaFailedError(f"another broker runs in {self.data}") from None
                time.sleep(0.1)
            else:
                return descriptor

    def _write_configuration(self) -> None:
        controller = f"127.0.0.1:{free_port()}"
        settings = {
            **SETTINGS,
            "controller.quorum.voters": f"{_NODE}@{controller}",
            "listeners": f"BROKER://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"BROKER://{self.bootstrap}",
            "log.dirs": str(self.data / "logs"),
            **self.settings,
        }
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        (self.data / "log4j2.xml").write_text(_LOGGING.format(folder=self.data))

    def _java(self, jars: Path) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.data / 'log4j2.xml'}"
        return ["java", f"-Xmx{self.heap}", logging, "-cp", f"{jars}/*"]

    def _format(self, jars: Path) -> None:
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        arguments = ["format", f"--cluster-id={cluster}", "-c", str(self._properties), "--ignore-formatted"]
        done = subprocess.run(  # noqa: S603 - constants and our own paths
            [*self._java(jars), "kafka.tools.StorageTool", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_FORMAT_SECONDS,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr + done.stdout).splitlines() or ["no reason given"]
            reason = next((line for line in said if "Exception" in line), said[-1])
            raise KafkaFailedError(f"Kafka could not prepare {self.data}: {reason}")

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._serves():
            if not self.running or time.monotonic() > deadline:
                reason = self._last_words()
                self.stop()
                raise KafkaFailedError(reason)
            time.sleep(0.1)

    def _serves(self) -> bool:
        """Whether the broker names itself to clients. After a crash it listens for seconds before it does."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                return _known_brokers(connection) > 0
        except OSError:
            return False

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        wrong = [line for line in lines if " ERROR " in line or " FATAL " in line]
        return f"Kafka did not start: {(wrong or lines or ['it wrote nothing'])[-1]}"


def _known_brokers(connection: socket.socket) -> int:
    """Ask for the cluster's metadata (request 3, version 0, no topics) and count the brokers in the answer."""
    client = b"teilhabe"
    request = struct.pack(">hhih", 3, 0, 1, len(client)) + client + struct.pack(">i", 0)
    connection.sendall(struct.pack(">i", len(request)) + request)
    _receive(connection, 4)
    _correlation, brokers = struct.unpack(">ii", _receive(connection, 8))
    return int(brokers)


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise ConnectionError("the broker closed the connection")
        data += chunk
    return data
