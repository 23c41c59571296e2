"""One PostgreSQL cluster per test session; a fresh database of a service in about a tenth of a second."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local.postgres import PostgresServer, free_port
from deploy.postgres.bootstrap import ROLES, SERVICES, bootstrap, role_name
from shared.db.migrations import upgrade


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """URLs of one database for its three roles, and for the superuser."""

    __test__ = False

    name: str
    owner_url: str
    app_url: str
    worker_url: str
    superuser_conninfo: str


@dataclass(slots=True)
class Cluster:
    """A running cluster without fsync: only a test may lose what it wrote."""

    server: PostgresServer
    passwords: dict[str, str]
    _templates: set[str] = field(default_factory=set)

    def create(self, service: str) -> TestDatabase:
        """A new database with the migrated tables of the service."""
        self._ensure_template(service)
        name = f"t_{service}_{secrets.token_hex(4)}"
        with psycopg.connect(self.server.conninfo(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(service), sql.Identifier(role_name(service, "owner"))
                )
            )
        urls = {role: self._url(name, service, role) for role in ROLES}
        return TestDatabase(name, urls["owner"], urls["app"], urls["worker"], self.server.conninfo(name))

    def drop(self, database: TestDatabase) -> None:
        """Remove a database, open connections included."""
        with psycopg.connect(self.server.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name)))

    def _url(self, database: str, service: str, role: str) -> str:
        name = role_name(service, role)
        return self.server.url(database, name, self.passwords[name])

    def _ensure_template(self, service: str) -> None:
        if service not in self._templates:
            upgrade(service, self._url(service, service, "owner"))
            self._templates.add(service)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster with the roles of all services, stop it at the end."""
    passwords = {role_name(service, role): secrets.token_hex(8) for service in SERVICES for role in ROLES}
    options = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    server = PostgresServer(folder / "postgres", free_port(), secrets.token_hex(8), options)
    server.start()
    try:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            bootstrap(connection, passwords)
        yield Cluster(server, passwords)
    finally:
        server.stop()
