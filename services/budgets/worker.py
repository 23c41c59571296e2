"""The background loops of `budgets`: `python -m services.budgets.worker [stamper] [relay] [consumer]`.

Without names it runs all that the transport needs. SIGTERM or SIGINT lets every loop finish what it has begun and
ends the process with 0; a loop that fails ends it with 1, so that whoever watches the process starts it again.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from services.budgets.consumers import GrantHandler
from services.budgets.settings import Settings
from shared.contracts import budgets_v1, cases_v1
from shared.db.engine import create_engine
from shared.events.consumer import Consumer
from shared.events.feed_client import FeedClient
from shared.events.feed_source import FeedSource
from shared.events.kafka_source import KafkaSource
from shared.events.ports import EventSource
from shared.events.relay import Relay
from shared.events.stamper import Stamper
from shared.http.auth import FEED_SCOPE
from shared.http.client_credentials import ClientCredentials
from shared.kernel.clock import Clock
from shared.observability.clock import SystemClock
from shared.observability.identifiers import new_id
from shared.observability.logging import configure_logging
from shared.observability.loops import Loop, run_loops, run_process


def loops(settings: Settings, *, clock: Clock, worker: AsyncEngine) -> Mapping[str, Loop]:
    """The loops that the transport needs, by name. `worker` is an engine of the role of background loops."""

    async def consume(stop: asyncio.Event) -> None:
        async with cases_client(settings, clock) as client:
            archive = FeedClient(client)
            source: EventSource = FeedSource(archive)
            if settings.kafka_bootstrap is not None and settings.transport == "kafka":
                source = KafkaSource(settings.kafka_bootstrap, cases_v1.TOPIC)
            await Consumer(
                engine=worker,
                name=cases_v1.SOURCE,
                source=source,
                archive=archive,
                handler=GrantHandler(clock=clock, new_id=new_id),
                clock=clock,
            ).run(stop)

    known: dict[str, Loop] = {"stamper": Stamper(worker).run, "consumer": consume}
    if settings.transport == "kafka":
        assert settings.kafka_bootstrap is not None, "the settings see to that"
        known["relay"] = Relay(
            worker, bootstrap=settings.kafka_bootstrap, topic=budgets_v1.TOPIC, source=budgets_v1.SOURCE
        ).run
    return known


def cases_client(settings: Settings, clock: Clock) -> httpx.AsyncClient:
    """A client for the feed of `cases` with tokens of our own."""
    auth = ClientCredentials(
        token_url=settings.token_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scope=FEED_SCOPE,
        clock=clock,
    )
    return httpx.AsyncClient(base_url=settings.cases_url, auth=auth, trust_env=False)


async def run(settings: Settings, names: Sequence[str], *, clock: Clock, stop: asyncio.Event) -> int:
    """Run loops until `stop` is set or one of them ends; the exit code of the process."""
    worker = create_engine(settings.worker_database_url.get_secret_value(), application_name="budgets-worker")
    try:
        return await run_loops(loops(settings, clock=clock, worker=worker), names, stop)
    finally:
        await worker.dispose()


def main() -> int:
    """The process."""
    configure_logging("budgets-worker")
    return run_process(lambda stop: run(Settings(), sys.argv[1:], clock=SystemClock(), stop=stop))


if __name__ == "__main__":
    sys.exit(main())
