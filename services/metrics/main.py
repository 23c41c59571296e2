"""The web process of `metrics`: `uvicorn --factory services.metrics.main:app_from_environment`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.deps import Services, install
from services.metrics.endpoints import comparison_groups, freshness, kpis, listings
from services.metrics.service.arrivals import Arrivals
from services.metrics.service.figures import Figures
from services.metrics.service.snapshots import Snapshots
from services.metrics.settings import Settings
from shared.contracts import cases_v1
from shared.db.engine import create_engine
from shared.events.feed_client import FeedClient
from shared.http.app import build_app
from shared.http.auth import FEED_SCOPE, TokenVerifier
from shared.http.client_credentials import ClientCredentials
from shared.http.jwks import JwksCache
from shared.kernel.clock import Clock
from shared.observability.clock import SystemClock
from shared.observability.logging import configure_logging

VERSION = "0.1.0"
BUDGETS_SOURCE = "/budgets"

_DESCRIPTION = (
    "Key figures of Teilhabe am Arbeitsleben: sums of signed movements, as known today or on an earlier day."
    " Every number can be repeated and explained. Figures are those of the Träger in the token, never of two."
)
_ROUTERS = (kpis.router, listings.router, comparison_groups.router, freshness.router)


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The application. Nothing is opened before its lifespan begins."""
    clock = clock or SystemClock()
    keys = JwksCache(settings.jwks_url, clock=clock, allow_http=not settings.is_production)
    producers = {
        source: httpx.AsyncClient(base_url=url, auth=_credentials(settings, clock), trust_env=False)
        for source, url in ((cases_v1.SOURCE, settings.cases_url), (BUDGETS_SOURCE, settings.budgets_url))
    }
    return assemble(
        engine=create_engine(settings.database_url.get_secret_value(), application_name="metrics"),
        clock=clock,
        verifier=TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=keys, clock=clock),
        producers=producers,
        production=settings.is_production,
    )


def app_from_environment() -> FastAPI:
    """The application as the environment describes it, logging to stdout."""
    configure_logging("metrics")
    return create_app(Settings())


def assemble(
    *,
    engine: AsyncEngine,
    clock: Clock,
    verifier: TokenVerifier,
    producers: Mapping[str, httpx.AsyncClient],
    production: bool = False,
) -> FastAPI:
    """The application over its parts. `producers` are clients of the services whose events are counted, by source."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for client in producers.values():
                stack.push_async_callback(client.aclose)
            yield

    app = build_app(
        service="metrics",
        title="Teilhabe: metrics",
        version=VERSION,
        description=_DESCRIPTION,
        routers=_ROUTERS,
        engine=engine,
        clock=clock,
        verifier=verifier,
        production=production,
        lifespan=lifespan,
    )
    arrivals = Arrivals(engine, {source: FeedClient(client) for source, client in producers.items()})
    install(app, Services(Figures(Snapshots(engine), arrivals, clock), arrivals))
    return app


def _credentials(settings: Settings, clock: Clock) -> ClientCredentials:
    return ClientCredentials(
        token_url=settings.token_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scope=FEED_SCOPE,
        clock=clock,
    )
