"""A real Apache Kafka for the session, a scratch database with its feed per test, and transports over both."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.kafka import KafkaBroker
from shared.events.feed_client import FeedClient
from tests.contract.transports import FeedTransport, KafkaTransport, Transport
from tests.integration.events.server import Server, client_of, serving
from tests.integration.events.support import engine_for, scratch_database
from tests.support.databases import Cluster, TestDatabase
from tests.support.kafka import running_broker


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One broker for the session. A test may kill it and start it again."""
    with running_broker(tmp_path_factory.mktemp("kafka") / "broker") as broker:
        yield broker


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
    async with engine_for(database.worker_url, pool_size=30) as engine:
        yield engine


@pytest.fixture
async def server(database: TestDatabase) -> AsyncIterator[Server]:
    """The feed of the producer."""
    async with serving(database) as running:
        yield running


@pytest.fixture
async def archive(server: Server) -> AsyncIterator[FeedClient]:
    """A client of the feed."""
    async with client_of(server) as client:
        yield client


@pytest.fixture
def topic() -> str:
    """A topic of its own for each test."""
    return f"teilhabe.test.{secrets.token_hex(4)}"


@pytest.fixture(params=["feed", pytest.param("kafka", marks=pytest.mark.kafka)])
async def transport(
    request: pytest.FixtureRequest, worker: AsyncEngine, archive: FeedClient, topic: str
) -> AsyncIterator[Transport]:
    """Each transport in turn, on top of the same log."""
    if request.param == "feed":
        yield FeedTransport(worker, archive)
        return
    kafka = KafkaTransport(worker, request.getfixturevalue("kafka_broker").bootstrap, topic)
    async with kafka.running():
        yield kafka
