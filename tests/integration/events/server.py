"""The feed of a scratch database behind a real HTTP server, and clients for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from deploy.local.ports import free_port
from shared.db.engine import create_engine
from shared.events.feed_client import FeedClient
from shared.http.app import build_app
from shared.http.feed import feed_router, serving_feed
from shared.kernel.clock import FixedClock
from tests.support.databases import TestDatabase
from tests.support.tokens import NOW, TokenMint

MINT = TokenMint()
EVERYTHING = MINT.bearer("feed:read", tenant="*", client="metrics")


def feed_app(database: TestDatabase) -> FastAPI:
    """An application that has nothing but the feed."""
    engine = create_engine(database.app_url, application_name="feed-test")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving_feed(app, engine):
            yield

    clock = FixedClock(NOW)
    return build_app(
        service="cases",
        title="feed",
        version="1.0.0",
        description="For tests.",
        routers=[feed_router()],
        engine=engine,
        clock=clock,
        verifier=MINT.verifier(clock),
        lifespan=lifespan,
    )


@asynccontextmanager
async def feed_client(app: FastAPI, headers: dict[str, str] = EVERYTHING) -> AsyncIterator[httpx.AsyncClient]:
    """A client inside the lifespan of the application, without a socket between."""
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://feed.test", headers=headers) as client,
    ):
        yield client


class Server:
    """A server that can be stopped and started again on the same port."""

    def __init__(self, database: TestDatabase) -> None:
        self._database = database
        self.app = feed_app(database)
        self.port = free_port()
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve; returns when it does."""
        self.app = feed_app(self._database)
        config = uvicorn.Config(self.app, port=self.port, log_config=None, timeout_graceful_shutdown=1, lifespan="on")
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server._serve())
        while not self._server.started:  # noqa: ASYNC110 - the server has a flag only
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop serving; open answers end."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._server = None


@asynccontextmanager
async def serving(database: TestDatabase) -> AsyncIterator[Server]:
    """A running server."""
    server = Server(database)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def client_of(server: Server, **options: Any) -> AsyncIterator[FeedClient]:
    """A feed client with a token for everything."""
    async with httpx.AsyncClient(base_url=server.url, headers=EVERYTHING, **options) as http:
        yield FeedClient(http)
