"""A scratch database per test, and engines of its two working roles."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.events.support import engine_for, scratch_database
from tests.support.databases import Cluster, TestDatabase


@pytest.fixture
def database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A fresh database with the tables of producer and consumer."""
    with scratch_database(cluster) as fresh:
        yield fresh


@pytest.fixture
async def app(database: TestDatabase) -> AsyncIterator[AsyncEngine]:
    """An engine of the role behind requests."""
    async with engine_for(database.app_url) as engine:
        yield engine


@pytest.fixture
async def worker(database: TestDatabase) -> AsyncIterator[AsyncEngine]:
    """An engine of the role of the loops."""
    async with engine_for(database.worker_url) as engine:
        yield engine
