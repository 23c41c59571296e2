"""The web process of `metrics`: `uvicorn --factory services.metrics.main:app_from_environment`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI

from services.metrics.deps import Services, install
from services.metrics.endpoints import all_routers
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
from shared.http.jwks import JwksCache, KeySource
from shared.kernel.clock import Clock
from shared.observability.clock import SystemClock
from shared.observability.logging import configure_logging

VERSION = "0.1.0"
BUDGETS_SOURCE = "/budgets"
_DESCRIPTION = (
    "Key figures of Teilhabe am Arbeitsleben: sums of signed movements, as known today or on an earlier day."
    " Every number can be repeated and explained. Figures are those of the Träger in the token, never of two."
)


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    keys: KeySource | None = None,
    producers: Mapping[str, httpx.AsyncClient] | None = None,
) -> FastAPI:
    """The application; it opens nothing before its lifespan begins.

    Without `keys` it fetches those of the issuer. `producers` are clients of the services whose events are counted,
    by the `source` of the events; without them it makes its own from the settings.
    """
    clock = clock or SystemClock()
    keys = keys or JwksCache(settings.jwks_url, clock=clock, allow_http=not settings.is_production)
    producers = _producers(settings, clock) if producers is None else producers
    engine = create_engine(settings.database_url.get_secret_value(), application_name="metrics")

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
        routers=all_routers(),
        engine=engine,
        clock=clock,
        verifier=TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=keys, clock=clock),
        production=settings.is_production,
        lifespan=lifespan,
    )
    arrivals = Arrivals(engine, {source: FeedClient(client) for source, client in producers.items()})
    install(app, Services(Figures(Snapshots(engine), arrivals, clock), arrivals))
    return app


def app_from_environment() -> FastAPI:
    """The application as the environment describes it, logging to stdout."""
    configure_logging("metrics")
    return create_app(Settings())


def _producers(settings: Settings, clock: Clock) -> dict[str, httpx.AsyncClient]:
    return {
        source: httpx.AsyncClient(
            base_url=url,
            auth=ClientCredentials(
                token_url=settings.token_url,
                client_id=settings.client_id,
                client_secret=settings.client_secret.get_secret_value(),
                scope=FEED_SCOPE,
                clock=clock,
            ),
            trust_env=False,
        )
        for source, url in ((cases_v1.SOURCE, settings.cases_url), (BUDGETS_SOURCE, settings.budgets_url))
    }
