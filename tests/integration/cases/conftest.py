"""The application of cases with a fresh database and a clock that stands still."""

from collections.abc import AsyncIterator, Callable

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from services.cases.main import create_app
from services.cases.settings import Settings
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock
from tests.integration.cases.api import Api
from tests.support.databases import TestDatabase
from tests.support.tokens import NOW, TokenMint

Rows = Callable[..., list[DictRow]]


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
    """Settings on the fresh database."""
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
