"""Readiness tells the truth while PostgreSQL stands still, is stopped, or has other tables than expected."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import pytest
from joserfc.jwk import KeySet

from services.budgets.main import create_app
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock
from tests.integration.budgets.conftest import eventually, settings_for
from tests.support.databases import Cluster, TestDatabase, running_cluster
from tests.support.processes import descendants_of
from tests.support.tokens import NOW, TokenMint


@pytest.fixture
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that this test may stop."""
    with running_cluster(tmp_path_factory.mktemp(f"own-{secrets.token_hex(2)}")) as running:
        yield running


@pytest.fixture
def own_database(own_cluster: Cluster) -> TestDatabase:
    """A database of budgets in it."""
    return own_cluster.create("budgets")


async def test_readiness_follows_the_database(
    own_cluster: Cluster, own_database: TestDatabase, mint: TokenMint
) -> None:
    app = create_app(settings_for(own_database, mint), clock=FixedClock(NOW), keys=FixedKeys(KeySet([mint.key])))
    headers = mint.bearer("budgets:read")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://budgets.test", timeout=60
        ) as client,
    ):

        async def ready() -> bool:
            answer = await client.get("/readyz")
            assert answer.json()["checks"] == {"database": answer.status_code == 200}
            assert answer.status_code in (200, 503)
            return answer.status_code == 200

        assert await ready()
        assert (await client.get("/v1/grants", headers=headers)).status_code == 200

        stopped = processes_of(own_database)
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.create_task(client.get("/v1/grants", headers=headers))
        begin = time.monotonic()
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert time.monotonic() - begin < 3, "the answer does not wait for a database that stands still"
        assert (await client.get("/livez")).status_code == 200
        answer = await waiting
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert 10 < time.monotonic() - begin < 20, "15 seconds, not the time that a cancellation takes"
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        await eventually(ready)

        own_cluster.server.stop()
        answer = await client.get("/v1/grants", headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["type"].endswith("/unavailable")
        assert not await ready()
        own_cluster.server.start()
        await eventually(ready)
        assert (await client.get("/v1/grants", headers=headers)).status_code == 200

        with psycopg.connect(own_database.superuser_conninfo, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '0000'")
            assert not await ready()
            connection.execute("UPDATE alembic_version SET version_num = '0001'")
        assert await ready()


def processes_of(database: TestDatabase) -> list[int]:
    """The postmaster and all its children."""
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        status = Path(f"/proc/{row[0]}/stat")
        postmaster = int(status.read_text().rsplit(")", 1)[1].split()[1])
    return descendants_of(postmaster)
