"""A consumer that dies at any point, or never learns whether its commit arrived, still counts once."""

import asyncio
import random
import signal
import sys

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.consuming import assert_exactly_once, counters, make_consumer, running, until_consumed
from tests.integration.events.server import MINT, client_of, serving
from tests.integration.events.support import Tally, engine_for, make_command, stamp_all, write
from tests.support.databases import TestDatabase

TOKEN = MINT.token("feed:read", tenant="*")


@pytest.mark.parametrize("point", ["handler", "effect", "checkpoint", "commit"])
async def test_killed_at_every_point(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine, point: str
) -> None:
    chance = random.Random(point)
    commands = [
        make_command(new_id(), 1, chance.randint(1, 4), traeger=chance.choice(list(Traeger))) for _ in range(120)
    ]
    await write(app, *commands)
    await stamp_all(worker)
    async with serving(database) as server:
        for count in (1, 2, 3):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.events.consumer_process",
                database.worker_url, server.url, TOKEN, point, str(count),
            )  # fmt: skip
            assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL, "the kill took effect"
            await assert_exactly_once(worker)
        async with client_of(server) as archive, running(make_consumer(worker, archive, Tally())):
            await until_consumed(worker)
    await assert_exactly_once(worker)
    assert (await counters(worker))["applied"] == sum(len(command.events) for command in commands)


class Proxy:
    """Between client and PostgreSQL; cuts the connection when a COMMIT passes, before or after it is delivered."""

    def __init__(self, port: int, *, cuts: int, deliver: bool) -> None:
        self._target = port
        self.cuts = cuts
        self._deliver = deliver
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target)
        cut = asyncio.Event()
        for source, sink, watched in ((reader, upstream, True), (upstream_reader, writer, False)):
            task = asyncio.create_task(self._pump(source, sink, cut, watched=watched))
            self._tasks.add(task)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, cut: asyncio.Event, *, watched: bool
    ) -> None:
        counted = False
        while data := await source.read(65536):
            counted = counted or (watched and b"UPDATE checkpoint" in data)
            if watched and counted and self.cuts and data[:1] == b"Q" and b"COMMIT" in data:
                self.cuts -= 1
                cut.set()
                if self._deliver:
                    sink.write(data)
                    await sink.drain()
                    await asyncio.sleep(0.1)  # the server commits; its answer is thrown away by the other pump
                break
            if cut.is_set():
                break
            sink.write(data)
            await sink.drain()
        sink.close()


@pytest.mark.parametrize("deliver", [True, False])
async def test_the_connection_breaks_during_commit(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine, deliver: bool
) -> None:
    commands = [make_command(new_id(), 1, 2) for _ in range(60)]
    await write(app, *commands)
    await stamp_all(worker)
    port = int(worker.url.port or 0)
    proxy = Proxy(port, cuts=3, deliver=deliver)
    through = database.worker_url.replace(f":{port}/", f":{await proxy.start()}/")
    async with (
        serving(database) as server,
        client_of(server) as archive,
        engine_for(through) as engine,
        running(make_consumer(engine, archive, Tally(), batch=20)),
    ):
        await until_consumed(worker)
    await proxy.stop()
    assert proxy.cuts == 0, "every cut took effect"
    await assert_exactly_once(worker)
    assert (await counters(worker))["applied"] == 120
