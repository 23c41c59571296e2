"""What the platform asks: does the process live, can it serve, what are its figures. No token, no data."""

import asyncio
from collections.abc import Iterator

from alembic.script import ScriptDirectory
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool
from starlette.responses import JSONResponse, Response

from shared.db.migrations import config_for

PROBE_SECONDS = 1.0
_GIVE_UP_SECONDS = 10.0
_REVISION = text("SELECT version_num FROM alembic_version")


class Readiness:
    """Whether the database answers within a second and has the tables this code was written for.

    A database that stands still answers nothing, not even a cancellation. So the question runs as a task of its
    own over a connection of its own, and there is never more than one.
    """

    def __init__(self, engine: AsyncEngine, service: str) -> None:
        self._engine = engine
        self._service = service
        self._head: str | None = None
        self._probe: asyncio.Task[str | None] | None = None
        self._begun_at = 0.0

    async def database_ready(self) -> bool:
        """The answer of this moment."""
        loop = asyncio.get_running_loop()
        if self._probe is not None and loop.time() > self._begun_at + _GIVE_UP_SECONDS:
            self._probe.cancel()
            self._probe = None
        if self._probe is None:
            self._begun_at = loop.time()
            self._probe = loop.create_task(self._revision())
        probe = self._probe
        done, _ = await asyncio.wait({probe}, timeout=PROBE_SECONDS)
        if not done:
            return False
        if self._probe is probe:
            self._probe = None
        return not probe.cancelled() and probe.result() == self._expected()

    async def close(self) -> None:
        """Stop asking and give the connection back."""
        if self._probe is not None:
            self._probe.cancel()
        await self._engine.dispose()

    async def _revision(self) -> str | None:
        try:
            async with self._engine.connect() as connection:
                revision: str | None = (await connection.execute(_REVISION)).scalar_one_or_none()
                return revision
        except (SQLAlchemyError, OSError, TimeoutError):
            return None

    def _expected(self) -> str:
        if self._head is None:
            head = ScriptDirectory.from_config(config_for(self._service, "")).get_current_head()
            assert head is not None, "a service has at least one migration"
            self._head = head
        return self._head


class PoolCollector(Collector):
    """How many connections of the pool are in use."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        pool = self._engine.pool
        used = pool.checkedout() if isinstance(pool, QueuePool) else 0
        yield GaugeMetricFamily("db_pool_connections_in_use", "Connections of the pool in use", value=used)


def health_router(readiness: Readiness, registry: CollectorRegistry) -> APIRouter:
    """`/livez`, `/readyz` and `/metrics`, outside `/v1` and outside the document."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> Response:
        return JSONResponse({"status": "alive"})

    @router.get("/readyz")
    async def readyz() -> Response:
        ready = await readiness.database_ready()
        content = {"status": "ready" if ready else "not ready", "checks": {"database": ready}}
        return JSONResponse(content, 200 if ready else 503, None if ready else {"Retry-After": "1"})

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
