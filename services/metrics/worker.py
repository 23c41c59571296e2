"""The background loops of `metrics`: `python -m services.metrics.worker [consumer] [compactor]`.

Without names it runs both. SIGTERM or SIGINT lets every loop finish what it has begun and ends the process with 0.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.consumers import MovementHandler
from services.metrics.service.compaction import compact
from services.metrics.settings import Settings
from shared.contracts import budgets_v1, cases_v1
from shared.db.engine import create_engine
from shared.events.consumer import Consumer
from shared.events.failures import is_transient
from shared.events.feed_client import FeedClient
from shared.events.feed_source import FeedSource
from shared.events.kafka_source import KafkaSource
from shared.events.ports import EventSource
from shared.http.auth import FEED_SCOPE
from shared.http.client_credentials import ClientCredentials
from shared.kernel.clock import Clock
from shared.observability.clock import SystemClock
from shared.observability.logging import configure_logging, get_logger, place_of
from shared.observability.loops import Loop, run_loops, run_process

COMPACTION_SECONDS = 1.0
"""How often the tail is measured; as long as too few movements wait, that is all that happens."""

REST_SECONDS = 30.0
"""What is too little to begin with is taken after this time: when nothing happens, reads need no movements at all."""


def loops(settings: Settings, *, clock: Clock, worker: AsyncEngine) -> Mapping[str, Loop]:
    """The loops by name. `worker` is an engine of the role of background loops."""

    async def consume(stop: asyncio.Event) -> None:
        producers = (
            (cases_v1.SOURCE, cases_v1.TOPIC, settings.cases_url),
            (budgets_v1.SOURCE, budgets_v1.TOPIC, settings.budgets_url),
        )
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            for name, topic, url in producers:
                archive = FeedClient(await stack.enter_async_context(_client(settings, clock, url)))
                consumer = Consumer(
                    engine=worker,
                    name=name,
                    source=_source(settings, archive, topic),
                    archive=archive,
                    handler=MovementHandler(),
                    clock=clock,
                )
                group.create_task(consumer.run(stop))

    async def compactor(stop: asyncio.Event) -> None:
        await compact_until(worker, stop)

    return {"consumer": consume, "compactor": compactor}


async def compact_until(
    worker: AsyncEngine,
    stop: asyncio.Event,
    *,
    poll_seconds: float = COMPACTION_SECONDS,
    rest_seconds: float = REST_SECONDS,
) -> None:
    """Compact whenever enough movements wait, without a pause while they do, until `stop` is set."""
    loop = asyncio.get_running_loop()
    rest_due = loop.time() + rest_seconds
    while not stop.is_set():
        added = 0
        try:
            added = await compact(worker)
            if not added and loop.time() >= rest_due:
                await compact(worker, starts_at=1)
                rest_due = loop.time() + rest_seconds
        except Exception as error:
            if not is_transient(error):
                raise
            get_logger().warning("compaction waits for the database", **place_of(error))
        if not added:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), poll_seconds)


def _source(settings: Settings, archive: FeedClient, topic: str) -> EventSource:
    if settings.transport == "kafka":
        assert settings.kafka_bootstrap is not None, "the settings see to that"
        return KafkaSource(settings.kafka_bootstrap, topic)
    return FeedSource(archive)


def _client(settings: Settings, clock: Clock, url: str) -> httpx.AsyncClient:
    auth = ClientCredentials(
        token_url=settings.token_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scope=FEED_SCOPE,
        clock=clock,
    )
    return httpx.AsyncClient(base_url=url, auth=auth, trust_env=False)


async def run(settings: Settings, names: Sequence[str], *, clock: Clock, stop: asyncio.Event) -> int:
    """Run loops until `stop` is set or one of them ends; the exit code of the process."""
    worker = create_engine(settings.worker_database_url.get_secret_value(), application_name="metrics-worker")
    try:
        return await run_loops(loops(settings, clock=clock, worker=worker), names, stop)
    finally:
        await worker.dispose()


def main() -> int:
    """The process."""
    configure_logging("metrics-worker")
    return run_process(lambda stop: run(Settings(), sys.argv[1:], clock=SystemClock(), stop=stop))


if __name__ == "__main__":
    sys.exit(main())
