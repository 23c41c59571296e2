"""Connections. One transaction is one unit of work, bound to a Träger by row-level security."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.kernel.mitgliedskoerperschaften import Traeger

_BIND = text("SELECT set_config('app.tenant_id', :tenant, true), set_config('app.subject', :subject, true)")


def create_engine(url: str, *, application_name: str, pool_size: int = 10) -> AsyncEngine:
    """An engine for `postgresql+psycopg://` URLs with bounded waits everywhere. It opens nothing yet."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "application_name": application_name,
            "connect_timeout": 5,
            "options": "-c timezone=UTC -c statement_timeout=15s -c lock_timeout=5s"
            " -c idle_in_transaction_session_timeout=30s",
        },
    )


@asynccontextmanager
async def tenant_transaction(engine: AsyncEngine, traeger: Traeger, subject: str) -> AsyncIterator[AsyncConnection]:
    """One transaction of the `app` role that sees and writes the rows of one Träger only."""
    async with engine.begin() as connection:
        await bind_tenant(connection, traeger, subject)
        yield connection


async def bind_tenant(connection: AsyncConnection, traeger: Traeger, subject: str) -> None:
    """Bind the running transaction to a Träger and a subject; both end with the transaction."""
    await connection.execute(_BIND, {"tenant": traeger.value, "subject": subject})
