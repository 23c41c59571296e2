"""The application of `metrics` over a real database in which the story has been folded."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet

from services.metrics.main import create_app
from services.metrics.settings import Settings
from shared.db.engine import create_engine
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock
from tests.integration.metrics.api.log import Log
from tests.integration.metrics.api.story import NOW, Story, tell
from tests.support.databases import Cluster, TestDatabase
from tests.support.operations import witness
from tests.support.tokens import TokenMint

INTERNAL = "metrics:read metrics:internal"


@dataclass(frozen=True, slots=True)
class Told:
    """A database with the story in it."""

    database: TestDatabase
    story: Story
    log: Log


async def told(database: TestDatabase) -> Told:
    """Fold the story into a database."""
    log = Log()
    story = tell(log)
    worker = create_engine(database.worker_url, application_name="fold")
    try:
        await log.fold(worker, FixedClock(NOW))
    finally:
        await worker.dispose()
    return Told(database, story, log)


def application(
    database: TestDatabase, mint: TokenMint, clock: FixedClock, producers: Mapping[str, httpx.AsyncClient]
) -> FastAPI:
    """The application over a database."""
    settings = Settings.model_validate(
        {
            "database_url": database.app_url,
            "worker_database_url": database.worker_url,
            "issuer": mint.issuer,
            "jwks_url": "https://issuer.test/jwks",
            "audience": mint.audience,
            "cases_url": "http://cases.test",
            "budgets_url": "http://budgets.test",
            "token_url": "https://issuer.test/token",
            "client_id": "metrics",
            "client_secret": "secret",
        }
    )
    return create_app(settings, clock=clock, keys=FixedKeys(KeySet([mint.key])), producers=producers)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client for an application inside its lifespan; an exception that escapes the application fails the test."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://metrics.test") as client,
    ):
        yield client
    witness("metrics", app)


@dataclass(frozen=True, slots=True)
class Reading:
    """Asks as somebody with a token."""

    client: httpx.AsyncClient
    mint: TokenMint

    async def get(self, path: str, *, scope: str = INTERNAL, tenant: str = "LWL", **params: Any) -> httpx.Response:
        """One request."""
        headers = self.mint.bearer(scope, tenant=tenant)
        return await self.client.get(f"/v1/{path}", params=params, headers=headers)

    async def answer(self, path: str, **params: Any) -> dict[str, Any]:
        """The body of a request that succeeds."""
        response = await self.get(path, **params)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    async def values(self, figure: str, **params: Any) -> dict[str, Any]:
        """The values of a key figure."""
        return await self.answer(f"kpis/{figure}/values", **params)

    async def row(self, figure: str, **params: Any) -> dict[str, Any]:
        """The only row of a key figure."""
        (row,) = (await self.values(figure, **params))["items"]
        found: dict[str, Any] = row
        return found

    async def refused(self, path: str, status: int, **params: Any) -> dict[str, Any]:
        """The problem of a request that is refused."""
        response = await self.get(path, **params)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        body: dict[str, Any] = response.json()
        return body


@pytest.fixture(scope="session")
def mint() -> TokenMint:
    """Who issues the tokens."""
    return TokenMint(now=NOW, audience="urn:teilhabe:metrics")


@pytest.fixture(scope="session")
def clock() -> FixedClock:
    """It is the morning of 14 February 2022."""
    return FixedClock(NOW)


@pytest.fixture(scope="session")
def shared_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A database that tests only read, but for comparison groups of their own."""
    database = cluster.create("metrics")
    yield database
    cluster.drop(database)


@pytest.fixture(scope="session")
async def world(shared_database: TestDatabase) -> Told:
    """The story, folded."""
    return await told(shared_database)


@pytest.fixture(scope="session")
async def reading(world: Told, mint: TokenMint, clock: FixedClock) -> AsyncIterator[Reading]:
    """A reader of the story."""
    async with serving(application(world.database, mint, clock, {})) as client:
        yield Reading(client, mint)


@pytest.fixture(scope="session")
def story(world: Told) -> Story:
    """The ids of the story."""
    return world.story


@pytest.fixture
def fresh_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A database for one test."""
    database = cluster.create("metrics")
    yield database
    cluster.drop(database)


@pytest.fixture
async def own(fresh_database: TestDatabase) -> Told:
    """The story in a database for one test."""
    return await told(fresh_database)


@pytest.fixture
async def reader(own: Told, mint: TokenMint, clock: FixedClock) -> AsyncIterator[Reading]:
    """A reader of that database."""
    async with serving(application(own.database, mint, clock, {})) as client:
        yield Reading(client, mint)
