"""The application of cases with an empty database and a clock that stands still."""

from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from services.cases.main import create_app
from services.cases.settings import Settings
from services.cases.tables import metadata
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock
from tests.integration.cases.api import Api
from tests.support.databases import Cluster, TestDatabase
from tests.support.operations import witness
from tests.support.tokens import NOW, TokenMint

Rows = Callable[..., list[DictRow]]


@pytest.fixture(scope="session")
def shared_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """One database for all tests of cases; `cases_database` empties it for each."""
    database = cluster.create("cases")
    yield database
    cluster.drop(database)


@pytest.fixture
def cases_database(shared_database: TestDatabase) -> TestDatabase:
    """The database of cases, empty."""
    tables = sql.SQL(", ").join(
        sql.Identifier(table.name) for table in metadata.sorted_tables if table.name not in ("feed_head", "feed_meta")
    )
    with psycopg.connect(shared_database.superuser_conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(tables))
        connection.execute("UPDATE feed_head SET first = 1, seq = 0")
    return shared_database


@pytest.fixture(scope="session")
def mint() -> TokenMint:
    """Who issues the tokens."""
    return TokenMint(audience="urn:teilhabe:cases")


@pytest.fixture
def clock() -> FixedClock:
    """The clock of the application: 2 March 2026, half past ten in Berlin."""
    return FixedClock(NOW)


@pytest.fixture
def settings(cases_database: TestDatabase, mint: TokenMint) -> Settings:
    """Settings on the database."""
    return Settings.model_validate(
        {
            "database_url": cases_database.app_url,
            "worker_database_url": cases_database.worker_url,
            "issuer": mint.issuer,
            "jwks_url": "https://issuer.test/jwks",
            "import_max_bytes": 3_000_000,
        }
    )


@pytest.fixture
def app(settings: Settings, clock: FixedClock, mint: TokenMint) -> FastAPI:
    """The application."""
    return create_app(settings, clock=clock, keys=FixedKeys(KeySet([mint.key])))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application inside its lifespan."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cases.test") as running,
    ):
        yield running
    witness("cases", app)


@pytest.fixture
def lwl(client: httpx.AsyncClient, mint: TokenMint, clock: FixedClock) -> Api:
    """A caller of the LWL with all scopes."""
    return Api(client, mint, clock)


@pytest.fixture
def lvr(client: httpx.AsyncClient, mint: TokenMint, clock: FixedClock) -> Api:
    """A caller of the LVR with all scopes."""
    return Api(client, mint, clock, tenant="LVR")


@pytest.fixture
def rows(cases_database: TestDatabase) -> Rows:
    """What a superuser sees: `rows("SELECT …", {…})`."""

    def query(statement: str, parameters: dict[str, object] | None = None) -> list[DictRow]:
        with psycopg.connect(cases_database.superuser_conninfo, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(sql.SQL(statement), parameters).fetchall()

    return query
