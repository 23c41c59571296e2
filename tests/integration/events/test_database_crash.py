"""PostgreSQL is killed under writers, stamper, feed and consumer: what was acknowledged is there, once."""

import asyncio
import os
import random
import signal

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from shared.events.consumer import State
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.consuming import assert_exactly_once, make_consumer, running, until_consumed
from tests.integration.events.server import client_of, serving
from tests.integration.events.support import Tally, make_command, read_log, rows, scratch_database, until, write
from tests.integration.events.test_stamper import assert_dense_and_ordered, stamping
from tests.support.databases import running_cluster


async def test_everything_survives_a_crash(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_cluster(tmp_path_factory.mktemp("crash")) as cluster, scratch_database(cluster) as database:
        with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
            durable = sql.SQL("ALTER DATABASE {} SET synchronous_commit = on")
            connection.execute(durable.format(sql.Identifier(database.name)))
        app = create_engine(database.app_url, application_name="crash-app")
        worker = create_engine(database.worker_url, application_name="crash-worker")
        acknowledged: list[str] = []
        unknown: list[str] = []
        stop = asyncio.Event()
        async with serving(database) as server, client_of(server) as archive, stamping(worker):
            consumer = make_consumer(worker, archive, Tally(), heads_seconds=1)
            async with running(consumer):
                producing = [
                    asyncio.create_task(_produce(stop, app, random.Random(seed), acknowledged, unknown))
                    for seed in range(4)
                ]
                for crash in (1, 2):
                    await until(lambda n=crash: _wrote(acknowledged, 100 * n))  # type: ignore[misc]
                    os.kill(cluster.server.postmaster_pid(), signal.SIGKILL)
                    await until(lambda n=crash: _wrote(unknown, n))  # type: ignore[misc]
                    await asyncio.to_thread(cluster.server.stop)
                    await asyncio.to_thread(cluster.server.start)
                await until(lambda: _wrote(acknowledged, 300))
                stop.set()
                await asyncio.gather(*producing)
                await until(lambda: _empty(worker))
                await until_consumed(worker)
                assert consumer.state is State.RUNNING
        log = await read_log(worker)
        assert_dense_and_ordered(log)
        keys = {str(row.key) for row in log}
        assert keys >= set(acknowledged), "what was acknowledged is there"
        assert keys <= {*acknowledged, *unknown}
        await assert_exactly_once(worker)
        assert await rows(worker, "SELECT count(*) FROM effect") == [(len(log),)]
        await app.dispose()
        await worker.dispose()


async def _produce(
    stop: asyncio.Event, app: AsyncEngine, chance: random.Random, acknowledged: list[str], unknown: list[str]
) -> None:
    while not stop.is_set():
        command = make_command(new_id(), 1, chance.randint(1, 3), traeger=chance.choice(list(Traeger)))
        try:
            await write(app, command)
            acknowledged.append(str(command.key))
        except DBAPIError:
            unknown.append(str(command.key))
            await asyncio.sleep(0.1)


async def _wrote(keys: list[str], least: int) -> bool:
    return len(keys) >= least


async def _empty(engine: AsyncEngine) -> bool:
    return await rows(engine, "SELECT count(*) FROM outbox_in") == [(0,)]
