"""Engines of both roles on a fresh database of metrics."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from tests.support.databases import TestDatabase


@pytest.fixture
async def worker(metrics_database: TestDatabase) -> AsyncIterator[AsyncEngine]:
    """The role of the loops."""
    engine = create_engine(metrics_database.worker_url, application_name="test")
    yield engine
    await engine.dispose()


@pytest.fixture
async def app(metrics_database: TestDatabase) -> AsyncIterator[AsyncEngine]:
    """The role behind requests."""
    engine = create_engine(metrics_database.app_url, application_name="test")
    yield engine
    await engine.dispose()
