"""The web process of `budgets`: `uvicorn --factory services.budgets.main:app_from_environment`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.budgets.endpoints import router
from services.budgets.settings import Settings
from shared.db.engine import create_engine
from shared.http.app import build_app
from shared.http.auth import TokenVerifier
from shared.http.feed import feed_router, serving_feed
from shared.http.jwks import JwksCache, KeySource
from shared.kernel.clock import Clock
from shared.observability.clock import SystemClock
from shared.observability.logging import configure_logging

VERSION = "0.1.0"
_DESCRIPTION = (
    "What the Landschaftsverbände pay for work outside of workshops. So far: grants, which are proposed by movements"
    " of `cases` and follow their corrections. Amounts, approval and payment come later."
)


def create_app(settings: Settings, *, clock: Clock | None = None, keys: KeySource | None = None) -> FastAPI:
    """The application; it opens nothing before its lifespan begins. Without `keys` it fetches those of the issuer."""
    clock = clock or SystemClock()
    keys = keys or JwksCache(settings.jwks_url, clock=clock, allow_http=not settings.is_production)
    engine = create_engine(settings.database_url.get_secret_value(), application_name="budgets")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving_feed(app, engine):
            yield

    return build_app(
        service="budgets",
        title="Teilhabe: budgets",
        version=VERSION,
        description=_DESCRIPTION,
        routers=[router, feed_router()],
        engine=engine,
        clock=clock,
        verifier=TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=keys, clock=clock),
        production=settings.is_production,
        lifespan=lifespan,
    )


def app_from_environment() -> FastAPI:
    """The application as the environment describes it, logging to stdout."""
    configure_logging("budgets")
    return create_app(Settings())
