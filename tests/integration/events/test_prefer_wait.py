"""`Event-Position` and `Prefer: wait`: a writer learns where its events went, after the commit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.parts import part_of
from shared.contracts.position import Position
from shared.db.engine import create_engine
from shared.db.idempotency import CommandPlace, create_idempotency_table_v1
from shared.events.outbox import append
from shared.events.stamper import Stamper
from shared.http.app import build_app
from shared.http.auth import Principal, requires
from shared.http.exchange import CurrentExchange
from shared.http.feed import serving_feed
from shared.http.guards import IdempotencyKey
from shared.http.prefer_wait import PreferWait, preferred_wait
from shared.http.routing import new_router
from shared.kernel.clock import FixedClock
from shared.kernel.errors import ConflictError
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.server import MINT
from tests.integration.events.support import execute, make_command, rows, stamp_all
from tests.support.databases import TestDatabase
from tests.support.tokens import NOW

router = new_router(tags=["test"])


class Written(BaseModel):
    """Which command was written."""

    key: UUID


@router.post("/commands/{kind}", status_code=201)
async def write_command(
    kind: str,
    caller: Annotated[Principal, requires("feed:read", any_traeger=True)],
    exchange: CurrentExchange,
    key: IdempotencyKey,
) -> Written:
    """A command with two events, with none, or a refusal."""
    command = make_command(new_id(), 1, 0 if kind == "silent" else 2)
    await append(exchange.connection, command)
    if kind == "refused":
        raise ConflictError("refused")
    if command.events:
        exchange.command = CommandPlace(command.key, command.key_version)
    return Written(key=command.key)


@pytest.fixture
async def client(database: TestDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a small writing service."""
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        connection.execute("SET ROLE cases_owner")
        create_idempotency_table_v1(connection, "cases")  # type: ignore[arg-type]  # it has execute(), too
    engine = create_engine(database.app_url, application_name="prefer-test")
    clock = FixedClock(NOW)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving_feed(app, engine):
            yield

    service = build_app(
        service="cases",
        title="test",
        version="1.0.0",
        description="For tests.",
        routers=[router],
        engine=engine,
        clock=clock,
        verifier=MINT.verifier(clock),
        lifespan=lifespan,
        middleware=[(PreferWait, {})],
    )
    headers = MINT.bearer("feed:read", tenant="LWL")
    async with (
        service.router.lifespan_context(service),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=service), base_url="http://test", headers=headers
        ) as http,
    ):
        yield http


async def post(
    client: httpx.AsyncClient, kind: str = "loud", *, key: str = "1", prefer: str | None = None
) -> httpx.Response:
    """One write."""
    headers = {"Idempotency-Key": key, **({"Prefer": prefer} if prefer else {})}
    return await client.post(f"/v1/commands/{kind}", headers=headers)


async def test_it_waits_for_the_last_event_of_the_command(client: httpx.AsyncClient, worker: AsyncEngine) -> None:
    stop = asyncio.Event()
    stamping = asyncio.create_task(Stamper(worker).run(stop))
    answer = await post(client, prefer="wait=5")
    stop.set()
    await stamping
    assert answer.status_code == 201
    position = Position.parse(answer.headers["Event-Position"])
    assert (position.part, position.seq) == (part_of(Traeger.LWL, UUID(answer.json()["key"])), 2)
    assert [(position.epoch,)] == await rows(worker, "SELECT epoch FROM feed_meta WHERE current")


async def test_the_work_is_committed_before_it_waits(client: httpx.AsyncClient, worker: AsyncEngine) -> None:
    waiting = asyncio.create_task(post(client, prefer="wait=5"))
    async with asyncio.timeout(5):
        while await stamp_all(worker) == 0:  # noqa: ASYNC110 - the write is under way in a request
            await asyncio.sleep(0.01)
    assert "Event-Position" in (await waiting).headers


async def test_it_gives_up_without_the_header_when_the_time_is_over(client: httpx.AsyncClient) -> None:
    begun = asyncio.get_running_loop().time()
    answer = await post(client, prefer="wait=1")
    assert 0.9 < asyncio.get_running_loop().time() - begun < 4
    assert (answer.status_code, "Event-Position" in answer.headers) == (201, False)


async def test_a_replay_looks_the_position_up_afresh(client: httpx.AsyncClient, worker: AsyncEngine) -> None:
    first = await post(client)
    again = await post(client)
    assert "Event-Position" not in first.headers
    assert "Event-Position" not in again.headers
    await stamp_all(worker)
    for prefer in (None, "wait=1"):
        replay = await post(client, prefer=prefer)
        assert replay.headers["Idempotency-Replayed"] == "true"
        assert replay.headers["Event-Position"].endswith(".2")
        assert replay.json() == first.json()


@pytest.mark.parametrize(("kind", "status"), [("silent", 201), ("refused", 409)])
async def test_without_events_there_is_no_wait_and_no_header(
    client: httpx.AsyncClient, kind: str, status: int
) -> None:
    begun = asyncio.get_running_loop().time()
    answer = await post(client, kind, prefer="wait=10")
    assert asyncio.get_running_loop().time() - begun < 3
    assert (answer.status_code, "Event-Position" in answer.headers) == (status, False)


async def test_a_failing_look_up_does_not_turn_done_work_into_an_error(
    client: httpx.AsyncClient, database: TestDatabase, worker: AsyncEngine
) -> None:
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        connection.execute("REVOKE SELECT ON event_log FROM cases_app")
    assert (await post(client, prefer="wait=1")).status_code == 201
    await execute(worker, "SELECT 1")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0), ("", 0), ("wait=1", 1), ("wait=0", 0), ("respond-async, wait=3", 3), ("wait=3; foo", 3),
        ('wait="2"', 2),
        ("WAIT = 4", 4), ("wait=9999", 10), ("wait=-1", 0), ("wait=1.5", 0), ("wait=x", 0), ("nowait=3", 0),
        ("wait", 0),
        ("wait=99999", 0), ("return=minimal", 0), ("wait=٣", 0),
    ],
)  # fmt: skip
def test_preferences(header: str | None, seconds: int) -> None:
    assert preferred_wait(header) == seconds
