"""Roles and databases of the three services, for any PostgreSQL 18: embedded, in a container, or managed.

Per service one database and three login roles (`docs/architecture.md`): `owner` migrates, `app` stands behind
requests and cannot bypass row-level security, `worker` runs the background loops (BYPASSRLS, owns nothing).
"""

from collections.abc import Iterable, Mapping

from psycopg import Connection, sql

SERVICES = ("cases", "budgets", "metrics")
ROLES = ("owner", "app", "worker")


def role_name(service: str, role: str) -> str:
    """The login name of a role, e.g. `cases_app`."""
    return f"{service}_{role}"


def bootstrap(connection: Connection, passwords: Mapping[str, str], services: Iterable[str] = SERVICES) -> None:
    """Create what is missing and set the passwords (by role name). The connection is a superuser's, in autocommit."""
    for service in services:
        for role in ROLES:
            _ensure_role(connection, role_name(service, role), passwords[role_name(service, role)], role)
        _ensure_database(connection, service)


def _ensure_role(connection: Connection, name: str, password: str, role: str) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
    if not exists:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    bypass = sql.SQL("BYPASSRLS" if role == "worker" else "NOBYPASSRLS")
    connection.execute(
        sql.SQL("ALTER ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE {} PASSWORD {}").format(
            sql.Identifier(name), bypass, sql.Literal(password)
        )
    )


def _ensure_database(connection: Connection, service: str) -> None:
    owner = sql.Identifier(role_name(service, "owner"))
    name = sql.Identifier(service)
    exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (service,)).fetchone()
    if not exists:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(name, owner)
        )
    connection.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
    for role in ("app", "worker"):
        connection.execute(
            sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
                name, sql.Identifier(role_name(service, role))
            )
        )
