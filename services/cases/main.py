"""The web process of `cases`: `uvicorn --factory services.cases.main:app_from_environment`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.cases.deps import UploadPlaces
from services.cases.endpoints import all_routers
from services.cases.settings import Settings
from shared.db.engine import create_engine
from shared.http.app import build_app
from shared.http.auth import TokenVerifier
from shared.http.feed import serving_feed
from shared.http.jwks import JwksCache, KeySource
from shared.http.prefer_wait import PreferWait
from shared.kernel.clock import Clock
from shared.observability.clock import SystemClock
from shared.observability.logging import configure_logging

VERSION = "0.1.0"
_DESCRIPTION = (
    "The path of a person through Teilhabe am Arbeitsleben: providers, cases, movements and their corrections."
    " Every fact has two dates, the day from which it holds and the instant at which it was recorded."
)


def create_app(settings: Settings, *, clock: Clock | None = None, keys: KeySource | None = None) -> FastAPI:
    """The application; it opens nothing before its lifespan begins. Without `keys` it fetches those of the issuer."""
    clock = clock or SystemClock()
    keys = keys or JwksCache(settings.jwks_url, clock=clock, allow_http=not settings.is_production)
    engine = create_engine(settings.database_url.get_secret_value(), application_name="cases")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving_feed(app, engine):
            yield

    app = build_app(
        service="cases",
        title="Teilhabe: cases",
        version=VERSION,
        description=_DESCRIPTION,
        routers=all_routers(),
        engine=engine,
        clock=clock,
        verifier=TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=keys, clock=clock),
        production=settings.is_production,
        lifespan=lifespan,
        middleware=[(PreferWait, {})],
    )
    app.state.import_max_bytes = settings.import_max_bytes
    app.state.upload_places = UploadPlaces()
    return app


def app_from_environment() -> FastAPI:
    """The application as the environment describes it, logging to stdout."""
    configure_logging("cases")
    return create_app(Settings())
