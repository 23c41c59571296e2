"""The background loops of `cases`: `python -m services.cases.worker [stamper] [relay] [import]`.

Without names it runs all that the transport needs; `relay` exists only where a Kafka is named. SIGTERM or SIGINT lets
every loop finish what it has begun and ends the process with 0; a loop that fails ends it with 1, so that whoever
watches the process starts it again.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncEngine

from services.cases.service.imports.runner import run_imports
from services.cases.settings import Settings
from shared.contracts import cases_v1
from shared.db.engine import create_engine
from shared.db.idempotency import purge_expired
from shared.events.failures import is_transient
from shared.events.relay import Relay
from shared.events.stamper import Stamper
from shared.kernel.clock import Clock
from shared.observability.clock import SystemClock
from shared.observability.logging import configure_logging
from shared.observability.loops import Loop, run_loops, run_process

PURGE_SECONDS = 600.0


def loops(settings: Settings, *, clock: Clock, app: AsyncEngine, worker: AsyncEngine) -> Mapping[str, Loop]:
    """The loops by name. `app` is an engine of the role behind imports, `worker` of the role of all other loops."""

    async def stamp(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(Stamper(worker).run(stop))
            group.create_task(purge_keys(worker, clock=clock, stop=stop))

    async def take_imports(stop: asyncio.Event) -> None:
        await run_imports(app, clock=clock, stop=stop)

    found: dict[str, Loop] = {"stamper": stamp, "import": take_imports}
    if settings.kafka_bootstrap is not None:
        relay = Relay(worker, bootstrap=settings.kafka_bootstrap, topic=cases_v1.TOPIC, source=cases_v1.SOURCE)
        found["relay"] = relay.run
    return found


async def purge_keys(
    engine: AsyncEngine, *, clock: Clock, stop: asyncio.Event, every_seconds: float = PURGE_SECONDS
) -> None:
    """Forget the answers to requests that are older than 30 days, from time to time until `stop` is set."""
    while not stop.is_set():
        try:
            purged = 1
            while purged and not stop.is_set():
                async with engine.begin() as connection:
                    purged = await purge_expired(connection, clock.now())
        except Exception as error:
            if not is_transient(error):
                raise
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_seconds)


async def run(settings: Settings, names: Sequence[str], *, clock: Clock, stop: asyncio.Event) -> int:
    """Run loops until `stop` is set or one of them ends; the exit code of the process."""
    app = create_engine(settings.database_url.get_secret_value(), application_name="cases-import", pool_size=4)
    worker = create_engine(settings.worker_database_url.get_secret_value(), application_name="cases-worker")
    known = loops(settings, clock=clock, app=app, worker=worker)
    needed = [name for name in known if name != "relay" or settings.transport == "kafka"]
    try:
        return await run_loops(known, names or needed, stop)
    finally:
        await asyncio.gather(app.dispose(), worker.dispose())


def main() -> int:
    """The process."""
    configure_logging("cases-worker")
    return run_process(lambda stop: run(Settings(), sys.argv[1:], clock=SystemClock(), stop=stop))


if __name__ == "__main__":
    sys.exit(main())
