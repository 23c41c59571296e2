"""A store of metrics filled with the histories of people over twenty years, for benchmarks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby, islice

import msgspec
import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.consumers import MovementHandler
from services.metrics.service.compaction import compact
from shared.contracts.envelope import decode_envelope, place_in_command
from shared.db.engine import create_engine
from tests.integration.metrics.store.histories import NEXT, Recorded, World
from tests.integration.metrics.store.loading import Log, describe, kinds_of
from tests.support.databases import TestDatabase

BATCH = 10_000
FIRST, LAST = date(2006, 1, 1), date(2025, 12, 31)
_LIVES = {
    **NEXT,
    "EV": {"EINTRITT_BBB": 90, "ABGANG": 10, "UEBERGANG": 1},
    "BBB": {"ZUGANG_ARBEITSBEREICH": 90, "ABGANG": 10, "UEBERGANG": 1, "MERKMALSAENDERUNG": 10},
    "ARBEITSBEREICH": {
        "PLATZWECHSEL": 20,
        "MERKMALSAENDERUNG": 60,
        "ANBIETERWECHSEL": 10,
        "UEBERGANG": 4,
        "AUFNAHME_ZUVERDIENST": 2,
        "ABGANG": 40,
    },
}


@dataclass(slots=True)
class Store:
    """One database of metrics, how long it took to fill, and how long it took to read."""

    movements: int
    database: TestDatabase
    appended: int = 0
    append_seconds: float = 0.0
    compact_seconds: float = 0.0
    port: int = 0
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    _world: World = field(init=False)
    _log: Log = field(init=False)
    _recorded: Iterator[Recorded] = field(init=False)

    def __post_init__(self) -> None:
        self._world = World(
            self.movements,
            FIRST,
            LAST,
            houses_per_traeger=30,
            mks_per_traeger=27,
            weights=_LIVES,
            decided={"UEBERGANG", "WERKSTATTALTERNATIVE", "FOLGEFOERDERUNG"},
            corrections=0.1,
            late_days=30,
            pause_days=700,
        )
        self._log = Log(self._world)
        self._recorded = self._world.cases(self.movements)

    async def fill(self) -> None:
        """Append all movements, then compact them."""
        engine = self._engine()
        await describe(engine, self._log, kinds_of(self._world.random, self._world))
        await self._append(engine, self.movements)
        begun = time.perf_counter()
        while await compact(engine, starts_at=1):
            pass
        self.compact_seconds = time.perf_counter() - begun
        await engine.dispose()
        with psycopg.connect(self.database.superuser_conninfo, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    async def append(self, count: int) -> None:
        """Append some more, which stay behind the marks."""
        engine = self._engine()
        await self._append(engine, count)
        await engine.dispose()

    def _engine(self) -> AsyncEngine:
        return create_engine(self.database.worker_url, application_name="bench")

    async def _append(self, engine: AsyncEngine, count: int) -> None:
        """From the bytes of events to the commit, as the consumer does it, a batch at a time."""
        handler, wanted = MovementHandler(), islice(self._recorded, count)
        while batch := [msgspec.json.encode(self._log.envelope(entry)) for entry in islice(wanted, BATCH)]:
            begun = time.perf_counter()
            events = [decode_envelope(value) for value in batch]
            for event in events:
                place_in_command(event)
            events.sort(key=lambda event: event.feedpart)
            async with engine.begin() as connection:
                for _, part in groupby(events, key=lambda event: event.feedpart):
                    await handler.apply(connection, [list(part)])
            self.append_seconds += time.perf_counter() - begun
            self.appended += len(batch)
