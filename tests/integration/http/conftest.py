"""A small application on the kit with a real database, and clients for it."""

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg import sql

from shared.db.base import row_level_security
from shared.db.engine import create_engine
from shared.db.idempotency import create_idempotency_table_v1
from shared.http.app import build_app
from shared.kernel.clock import FixedClock
from tests.integration.http.things import router
from tests.support.databases import Cluster
from tests.support.tokens import NOW, TokenMint

_TABLES = (
    """
    CREATE TABLE thing (
        tenant text NOT NULL, id uuid PRIMARY KEY, name text NOT NULL, version int NOT NULL,
        sound boolean DEFAULT true
    )
    """,
    """
    CREATE FUNCTION refuse_unsound() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NOT NEW.sound THEN RAISE EXCEPTION 'secret of the trigger' USING ERRCODE = '23514'; END IF;
       RETURN NULL; END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER sound AFTER INSERT ON thing DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_unsound()
    """,
    "GRANT SELECT, INSERT, UPDATE ON thing TO cases_app",
    *row_level_security("thing"),
)


@dataclass(frozen=True, slots=True)
class KitDatabase:
    """A database with the tables of the small application, owned like one of `cases`."""

    app_url: str
    worker_url: str
    superuser_conninfo: str

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """What a superuser sees."""
        with psycopg.connect(self.superuser_conninfo, autocommit=True) as connection:
            return connection.execute(sql.SQL(query), parameters).fetchall()

    def things(self) -> int:
        """How many things there are, of all tenants."""
        return int(self.rows("SELECT count(*) FROM thing")[0][0])


class _Statements:
    """What migrations call `op`, over a plain connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, sqltext: str) -> None:
        self._connection.execute(sql.SQL(sqltext))


@pytest.fixture(scope="session")
def kit_database(cluster: Cluster) -> Iterator[KitDatabase]:
    """One database for all tests of the kit; `database` empties it for each."""
    name = f"t_kit_{secrets.token_hex(4)}"
    with psycopg.connect(cluster.server.conninfo(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER cases_owner TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(name)
            )
        )
    urls = {role: cluster.server.url(name, role, cluster.passwords[role]) for role in ("cases_app", "cases_worker")}
    with psycopg.connect(cluster.server.conninfo(name), autocommit=True, options="-c role=cases_owner") as connection:
        statements = _Statements(connection)
        create_idempotency_table_v1(statements, "cases")
        for statement in _TABLES:
            statements.execute(statement)
    yield KitDatabase(urls["cases_app"], urls["cases_worker"], cluster.server.conninfo(name))
    with psycopg.connect(cluster.server.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(kit_database: KitDatabase) -> KitDatabase:
    """The database, empty."""
    with psycopg.connect(kit_database.superuser_conninfo, autocommit=True) as connection:
        connection.execute("TRUNCATE thing, idempotency_key")
    return kit_database


@pytest.fixture(scope="session")
def mint() -> TokenMint:
    """Who issues the tokens."""
    return TokenMint()


@pytest.fixture
def clock() -> FixedClock:
    """The clock of the application."""
    return FixedClock(NOW)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client for an application inside its lifespan; an exception that escapes the application fails the test."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://kit.test") as client,
    ):
        yield client


@pytest.fixture
def app(database: KitDatabase, mint: TokenMint, clock: FixedClock) -> FastAPI:
    """The small application."""
    return build_app(
        service="cases",
        title="things",
        version="1.0.0",
        description="For tests.",
        routers=[router],
        engine=create_engine(database.app_url, application_name="kit", pool_size=25),
        clock=clock,
        verifier=mint.verifier(clock),
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the small application."""
    async with serving(app) as running:
        yield running


@pytest.fixture
def clerk(mint: TokenMint) -> dict[str, str]:
    """Headers of somebody at the LWL who may read and write."""
    return mint.bearer("cases:read cases:write")
