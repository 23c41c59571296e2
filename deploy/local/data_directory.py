"""The one folder of local mode: databases, keys, passwords, logs, and what is known of the last run.

Default: `$TEILHABE_DATA_DIR`, else `.local/teilhabe` in the checkout that the command was installed from, else the
platform's folder for application data.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from deploy.local.errors import CommandFailedError
from deploy.local.ports import free_port, is_free
from deploy.local.private_files import read_json, write_private_json
from deploy.local.tokens import EVERY_TENANT
from deploy.postgres.bootstrap import ROLES, SERVICES, role_name

DATA_DIR_VARIABLE = "TEILHABE_DATA_DIR"
HIDDEN_PORTS = ("postgres", "issuer", "kafka")
"""Ports nobody calls by number: chosen once and kept, so that the issuer's URL in tokens stays valid."""


def default_path() -> Path:
    """Where the data are when `--data-dir` is not given."""
    named = os.environ.get(DATA_DIR_VARIABLE)
    if named:
        return Path(named)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").exists() and os.access(checkout, os.W_OK):
        return checkout / ".local" / "teilhabe"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "teilhabe"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "teilhabe"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords that were drawn when the folder was made."""

    superuser: str
    roles: Mapping[str, str]
    clients: Mapping[str, Mapping[str, str]]
    """Client id of a service -> its entry in the issuer's file: secret, tenant, scope."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where the services of a running `teilhabe up` are."""

    pid: int
    issuer: str
    urls: Mapping[str, str]
    postgres_port: int
    kafka: str | None


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Paths and kept values of one data directory."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the folder if it is missing. Raises `CommandFailedError` where that is not possible."""
        resolved = path.expanduser().absolute()
        # PostgreSQL does not run as root: its own user must be able to pass through, but not to look around
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            resolved.mkdir(parents=True, exist_ok=True, mode=mode)
            (resolved / "logs").mkdir(exist_ok=True)
            (resolved / "issuer").mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise CommandFailedError(f"cannot use {resolved} as data directory: {error.strerror}") from error
        return cls(resolved)

    @classmethod
    def existing(cls, path: Path) -> Self:
        """The folder of an earlier `teilhabe up`. Raises `CommandFailedError` if there is none."""
        resolved = path.expanduser().absolute()
        if not (resolved / "secrets.json").exists():
            raise CommandFailedError(f"{resolved} is no data directory; `teilhabe up --data-dir {path}` makes one")
        return cls(resolved)

    @property
    def postgres(self) -> Path:
        """The folder of the PostgreSQL cluster."""
        return self.path / "postgres"

    @property
    def kafka(self) -> Path:
        """The folder of the Kafka broker."""
        return self.path / "kafka"

    @property
    def key_file(self) -> Path:
        """The signing key of the issuer."""
        return self.path / "issuer" / "key.json"

    @property
    def clients_file(self) -> Path:
        """What the issuer knows of the services' own clients."""
        return self.path / "issuer" / "clients.json"

    @property
    def scenario_file(self) -> Path:
        """What the folder was filled with, and how far that got."""
        return self.path / "scenario.json"

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.path / "logs" / f"{name}.log"

    def secrets(self) -> Secrets:
        """The passwords; drawn the first time."""
        file = self.path / "secrets.json"
        kept = read_json(file)
        if kept is None:
            kept = asdict(_draw_secrets())
            write_private_json(file, kept)
        found = Secrets(**kept)
        write_private_json(self.clients_file, found.clients)
        return found

    def hidden_ports(self) -> dict[str, int]:
        """The kept ports; one that somebody else holds meanwhile is chosen anew."""
        file = self.path / "ports.json"
        kept: dict[str, int] = read_json(file) or {}
        ports = {name: kept[name] if name in kept and is_free(kept[name]) else free_port() for name in HIDDEN_PORTS}
        if ports != kept:
            write_private_json(file, ports)
        return ports

    def issuer_url(self) -> str:
        """The URL of the issuer in its last or present run."""
        kept = read_json(self.path / "ports.json")
        if kept is None:
            raise CommandFailedError(f"nothing was ever started in {self.path}; `teilhabe up` comes first")
        return f"http://127.0.0.1:{kept['issuer']}"

    def note_running(self, running: Running) -> None:
        """Tell other commands where the services are."""
        write_private_json(self.path / "running.json", asdict(running))

    def forget_running(self) -> None:
        """The services are gone."""
        (self.path / "running.json").unlink(missing_ok=True)

    def running(self) -> Running:
        """Where the services are. Raises `CommandFailedError` when nothing runs here."""
        kept = read_json(self.path / "running.json")
        if kept is None:
            raise CommandFailedError(
                f"nothing runs in {self.path}; start it with `teilhabe up --data-dir {self.path}`"
            )
        return Running(**kept)


def _draw_secrets() -> Secrets:
    def secret() -> str:
        return secrets.token_urlsafe(24)

    return Secrets(
        superuser=secret(),
        roles={role_name(service, role): secret() for service in SERVICES for role in ROLES},
        clients={
            f"teilhabe-{service}": {"secret": secret(), "tenant": EVERY_TENANT, "scope": "feed:read"}
            for service in SERVICES
        },
    )
