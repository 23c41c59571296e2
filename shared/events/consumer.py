"""The loop of a consumer: fetch, assemble, apply; fill gaps from the archive; notice what silently went missing."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events import checkpoint
from shared.events.applier import Applier, ConsumerHaltedError
from shared.events.assembly import Assembler, Gap
from shared.events.checkpoint import CheckpointMovedError
from shared.events.failures import is_transient
from shared.events.foreign import note
from shared.events.ports import Delivery, EventArchive, EventSource, Handler, Heads
from shared.events.refusals import AheadOfHeadError, FeedUnreachableError, ForeignEpochError, PrunedError
from shared.kernel.clock import Clock
from shared.observability.logging import get_logger, place_of

BATCH = 10_000
FETCH_WAIT_SECONDS = 1.0
HEADS_SECONDS = 5.0
MAX_PAUSE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.1


class State(StrEnum):
    """What a consumer is doing; `HALTED` ends only with a restart, after somebody has looked."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    HALTED = "HALTED"


class Consumer:
    """Gives the commands of one source their effect exactly once.

    `engine` is of the worker role, `name` the `source` of the events (`/cases`), `source` the transport, `archive`
    the feed of the same producer. Any number may run at once: the compare-and-set of the checkpoint decides.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        name: str,
        source: EventSource,
        archive: EventArchive,
        handler: Handler,
        clock: Clock,
        batch: int = BATCH,
        heads_seconds: float = HEADS_SECONDS,
    ) -> None:
        self._engine = engine
        self._name = name
        self._source = source
        self._archive = archive
        self._handler = handler
        self._clock = clock
        self._batch = batch
        self._heads_seconds = heads_seconds
        self._assembler: Assembler | None = None
        self._applier: Applier | None = None
        self._epoch = ""
        self._seen: tuple[Heads, dict[int, int]] | None = None
        self._heads_due = 0.0
        self.state = State.STARTING
        self.reason: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; what is in hand is finished. Failures that pass are waited out.

        Where going on would be wrong it halts: it logs why, shows it in `state` and `reason`, and does nothing more.
        """
        pause = _FIRST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                await self._session(stop)
            except CheckpointMovedError:
                get_logger().warning("checkpoint moved by another consumer", loop=self._name)
            except (ConsumerHaltedError, ForeignEpochError, PrunedError, AheadOfHeadError) as error:
                self._show(State.HALTED, str(error))
                get_logger().critical("consumer halted", loop=self._name, reason=str(error))
                await stop.wait()
            except Exception as error:
                if not is_transient(error):
                    raise
                pause = _FIRST_PAUSE_SECONDS if self.state is State.RUNNING else min(pause * 2, MAX_PAUSE_SECONDS)
                self._show(State.WAITING, type(error).__name__)
                get_logger().warning("consumer waits", loop=self._name, seconds=pause, **place_of(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)

    async def _session(self, stop: asyncio.Event) -> None:
        assembler = await self._load()
        stopping = asyncio.create_task(stop.wait())
        fetching: asyncio.Task[Sequence[Delivery]] | None = None
        try:
            await self._open(assembler)
            fetching = asyncio.create_task(self._fetch())
            while not stop.is_set():
                await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not fetching.done():
                    return
                deliveries = fetching.result()
                fetching = asyncio.create_task(self._fetch())
                await self._process(assembler, deliveries)
                self._show(State.RUNNING, None)
                if await self._pull_what_is_missing(assembler):
                    await _cancelled(fetching)
                    await self._open(assembler)
                    fetching = asyncio.create_task(self._fetch())
        finally:
            await _cancelled(stopping)
            if fetching is not None:
                await _cancelled(fetching)
            await self._source.close()

    async def _open(self, assembler: Assembler) -> None:
        try:
            await self._source.open(self._epoch, assembler.positions())
        except Exception as error:
            if is_transient(error):
                await self._pull_what_is_missing(assembler)
            raise

    async def _fetch(self) -> Sequence[Delivery]:
        return await self._source.fetch(limit=self._batch, wait_seconds=FETCH_WAIT_SECONDS)

    async def _load(self) -> Assembler:
        async with self._engine.begin() as connection:
            places = await checkpoint.load(connection, self._name)
        if not places:
            heads = await self._archive.heads()
            async with self._engine.begin() as connection:
                await checkpoint.begin(connection, self._name, heads, self._clock.now())
                places = await checkpoint.load(connection, self._name)
        self._epoch = places[0].epoch
        positions = {place.part: (place.seq, place.last_event_id) for place in places}
        self._assembler = Assembler(self._name, self._epoch, positions)
        self._applier = Applier(
            self._engine,
            self._handler,
            self._clock,
            source=self._name,
            epoch=self._epoch,
            positions=self._assembler.positions(),
            duplicates=self._assembler.duplicates,
        )
        return self._assembler

    async def _process(self, assembler: Assembler, deliveries: Sequence[Delivery]) -> None:
        work: list[Delivery] = list(deliveries)
        while work:
            gaps = assembler.add(work)
            work = []
            await self._settle(assembler)
            for gap in gaps:
                work.extend(await self._repair(assembler, gap))
        await self._settle(assembler)

    async def _settle(self, assembler: Assembler) -> None:
        assert self._applier is not None, "set with the assembler"
        if assembler.other_epoch:
            heads = await self._archive.heads()
            if heads.epoch != self._epoch:
                raise ForeignEpochError(heads.epoch)
            assembler.other_epoch = False
        foreign = assembler.take_foreign()
        if foreign:
            get_logger().error("foreign records", loop=self._name, count=len(foreign), reason=foreign[0].reason)
            async with self._engine.begin() as connection:
                await note(connection, self._name, foreign, self._clock.now())
        await self._applier.apply(assembler.take_ready())

    async def _repair(self, assembler: Assembler, gap: Gap) -> Sequence[Delivery]:
        """Take what is missing from the archive; returns the records behind the gap, to be looked at again."""
        if not await self._fill(assembler, gap.part, gap.until):
            assembler.give_up(gap)
            return gap.kept[1:]
        return gap.kept

    async def _fill(self, assembler: Assembler, part: int, until: int) -> bool:
        assert self._applier is not None, "set with the assembler"
        get_logger().warning(
            "gap", loop=self._name, part=part, seq=assembler.position(part), count=until - assembler.position(part)
        )
        counted = False
        while (after := assembler.position(part)) < until:
            page = await self._archive.read(self._epoch, part, after, min(self._batch, until - after))
            if not page:
                return False
            if not counted:
                self._applier.gaps[part] += 1
                counted = True
            assembler.fill(part, page)
            await self._settle(assembler)
        return True

    async def _pull_what_is_missing(self, assembler: Assembler) -> bool:
        """Every few seconds: is a part behind a head that was there last time, and has not moved since? Fill it."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._heads_due:
            return False
        self._heads_due = loop.time() + self._heads_seconds
        try:
            heads = await self._archive.heads()
        except FeedUnreachableError:
            return False
        if heads.epoch != self._epoch:
            raise ForeignEpochError(heads.epoch)
        assert self._applier is not None, "set with the assembler"
        await self._notice_rewind(self._applier.committed)
        positions = assembler.positions()
        seen, self._seen = self._seen, (heads, positions)
        for head in heads.parts:
            if self._applier.committed.get(head.part, 0) > head.head:
                raise AheadOfHeadError(head.head)
        if seen is None or seen[0].epoch != heads.epoch:
            return False
        late = [
            head
            for head in seen[0].parts
            if head.part in positions
            and positions[head.part] < head.head
            and positions[head.part] == seen[1][head.part]
        ]
        for head in late:
            await self._fill(assembler, head.part, min(head.head, positions[head.part] + self._batch))
        return bool(late)

    async def _notice_rewind(self, committed: Mapping[int, int]) -> None:
        """Somebody may have put the checkpoint back, to build everything anew; without new events nothing tells."""
        async with self._engine.connect() as connection:
            places = await checkpoint.load(connection, self._name)
        if any(place.seq < committed[place.part] for place in places):
            raise CheckpointMovedError(f"the checkpoint of {self._name} was put back")

    def _show(self, state: State, reason: str | None) -> None:
        self.state, self.reason = state, reason


async def _cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
