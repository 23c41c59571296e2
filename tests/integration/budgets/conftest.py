"""The application of budgets on an empty database, and events to let its grants follow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncEngine

from services.budgets.main import create_app
from services.budgets.settings import Settings
from services.budgets.tables import metadata
from shared.db.engine import create_engine
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock
from tests.support.databases import Cluster, TestDatabase
from tests.support.operations import witness
from tests.support.tokens import NOW, TokenMint

Rows = Callable[..., list[dict[str, Any]]]


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds: float = 60) -> None:
    """Ask again until the condition holds; fail after the deadline."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def shared_budgets_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """One database for all tests of budgets; `budgets_database` empties it for each."""
    database = cluster.create("budgets")
    yield database
    cluster.drop(database)


@pytest.fixture
def budgets_database(shared_budgets_database: TestDatabase) -> TestDatabase:
    """The database of budgets, empty."""
    tables = sql.SQL(", ").join(
        sql.Identifier(table.name) for table in metadata.sorted_tables if table.name not in ("feed_head", "feed_meta")
    )
    with psycopg.connect(shared_budgets_database.superuser_conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("TRUNCATE {}").format(tables))
    return shared_budgets_database


@pytest.fixture
def rows(budgets_database: TestDatabase) -> Rows:
    """What a superuser sees."""

    def query(statement: str) -> list[dict[str, Any]]:
        with psycopg.connect(
            budgets_database.superuser_conninfo, autocommit=True, row_factory=dict_row
        ) as connection:
            return connection.execute(sql.SQL(statement)).fetchall()

    return query


@pytest.fixture(scope="session")
def mint() -> TokenMint:
    """Who issues the tokens."""
    return TokenMint(audience="urn:teilhabe:budgets")


@pytest.fixture
def clock() -> FixedClock:
    """The clock of the application and of the consumer."""
    return FixedClock(NOW)


@pytest.fixture
async def worker(budgets_database: TestDatabase) -> AsyncIterator[AsyncEngine]:
    """Connections of the worker role."""
    engine = create_engine(budgets_database.worker_url, application_name="budgets-test")
    yield engine
    await engine.dispose()


def settings_for(database: TestDatabase, mint: TokenMint, **changes: Any) -> Settings:
    """Settings on a database; `cases` is where nobody answers unless told otherwise."""
    return Settings.model_validate(
        {
            "database_url": database.app_url,
            "worker_database_url": database.worker_url,
            "issuer": mint.issuer,
            "jwks_url": "https://issuer.test/jwks",
            "cases_url": "http://127.0.0.1:1",
            "token_url": "http://127.0.0.1:1/token",
            "client_id": "budgets",
            "client_secret": "not-guessable",
            **changes,
        }
    )


@pytest.fixture
def app(budgets_database: TestDatabase, mint: TokenMint, clock: FixedClock) -> FastAPI:
    """The application."""
    settings = settings_for(budgets_database, mint)
    return create_app(settings, clock=clock, keys=FixedKeys(KeySet([mint.key])))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application inside its lifespan."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://budgets.test") as running,
    ):
        yield running
    witness("budgets", app)


@pytest.fixture
def lwl(mint: TokenMint) -> dict[str, str]:
    """Headers of a reader at the LWL."""
    return mint.bearer("budgets:read")


@pytest.fixture
def lvr(mint: TokenMint) -> dict[str, str]:
    """Headers of a reader at the LVR."""
    return mint.bearer("budgets:read", tenant="LVR")
