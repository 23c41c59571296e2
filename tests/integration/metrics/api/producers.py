"""Producers of events reduced to their log: the real feed over a real database, and ones that do not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from shared.http.app import build_app
from shared.http.feed import feed_router, serving_feed
from shared.kernel.clock import FixedClock
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.support import make_command, stamp_all, write
from tests.support.databases import TestDatabase
from tests.support.tokens import TokenMint


@dataclass(frozen=True, slots=True)
class Producer:
    """A log that tests write to, and the client by which metrics asks it."""

    client: httpx.AsyncClient
    app: AsyncEngine
    worker: AsyncEngine

    async def commit(self, commands: int, events: int = 1, traeger: Traeger = Traeger.LWL) -> None:
        """Commit commands, each about another case; they are not numbered yet."""
        await write(self.app, *(make_command(new_id(), 1, events, traeger=traeger) for _ in range(commands)))

    async def stamp(self) -> None:
        """Number everything that is committed."""
        await stamp_all(self.worker)


@asynccontextmanager
async def serving_log(database: TestDatabase, mint: TokenMint, clock: FixedClock) -> AsyncIterator[Producer]:
    """A producer over a scratch database."""
    engine = create_engine(database.app_url, application_name="producer")
    worker = create_engine(database.worker_url, application_name="stamper")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving_feed(app, engine):
            yield

    app = build_app(
        service="cases",
        title="producer",
        version="1.0.0",
        description="For tests.",
        routers=[feed_router()],
        engine=engine,
        clock=clock,
        verifier=mint.verifier(clock),
        lifespan=lifespan,
    )
    headers = mint.bearer("feed:read", tenant="*")
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://log.test", headers=headers)
    async with app.router.lifespan_context(app):
        yield Producer(client, engine, worker)
    await worker.dispose()


@asynccontextmanager
async def silent_producer() -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who takes the question and says nothing."""

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError, ConnectionError):
            await asyncio.sleep(60)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    server.close()


@asynccontextmanager
async def absent_producer() -> AsyncIterator[httpx.AsyncClient]:
    """A port at which nobody listens."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
