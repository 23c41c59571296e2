"""What the applications of all services have in common.

def create_app(settings: Settings, *, clock: Clock = SystemClock()) -> FastAPI:
    engine = create_engine(settings.database_url, application_name="cases")
    keys = JwksCache(settings.jwks_url, clock=clock)
    verifier = TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=keys, clock=clock)
    return build_app(
        service="cases", title="cases", version="0.1.0", description="…", routers=[cases.router, imports.router],
        engine=engine, clock=clock, verifier=verifier, production=settings.environment == "production",
    )
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from shared.http.auth import TokenVerifier
from shared.http.context import RequestContext, RequestFigures
from shared.http.exchange import AppState
from shared.http.health import PoolCollector, Readiness, health_router
from shared.http.openapi import install_document
from shared.http.problems import install_problem_handlers
from shared.kernel.clock import Clock

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_DOCS = "/docs"
_DOCS_ASSETS = "/static-offline-docs"
_NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}


def build_app(
    *,
    service: str,
    title: str,
    version: str,
    description: str,
    routers: Sequence[APIRouter],
    engine: AsyncEngine,
    clock: Clock,
    verifier: TokenVerifier,
    production: bool = False,
    lifespan: Lifespan | None = None,
    middleware: Sequence[tuple[type, dict[str, Any]]] = (),
) -> FastAPI:
    """An application with problems, documentation, health and figures around the routers of a service.

    It opens nothing before its lifespan begins. The engine and the verifier are closed at its end. `middleware` is
    pure ASGI (`class`, keyword arguments), the first the outermost, all inside of number, headers and log.
    """
    registry = CollectorRegistry()
    probe = create_engine(
        engine.url.render_as_string(hide_password=False), application_name=f"{service}-readiness", pool_size=1
    )
    readiness = Readiness(probe, service)

    @asynccontextmanager
    async def whole_life(app: FastAPI) -> AsyncIterator[None]:
        try:
            if lifespan is None:
                yield
            else:
                async with lifespan(app):
                    yield
        finally:
            await readiness.close()
            await verifier.close()
            await engine.dispose()

    app = FastAPIOffline(
        docs_url=_DOCS,
        redoc_url=None,
        static_url=_DOCS_ASSETS,
        title=title,
        version=version,
        description=description,
        lifespan=whole_life,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        generate_unique_id_function=_operation_id,
        swagger_ui_oauth2_redirect_url=f"{_DOCS}/oauth2-redirect",
    )
    app.state.kit = AppState(engine, clock, verifier)
    app.state.registry = registry
    for extra, options in reversed(middleware):
        app.add_middleware(extra, **options)
    figures = RequestFigures(registry)
    app.add_middleware(RequestContext, figures=figures, hsts=production, docs_paths=(_DOCS, _DOCS_ASSETS))
    install_problem_handlers(app)
    install_document(app)
    for collector in (PoolCollector(engine),):
        registry.register(collector)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    app.include_router(health_router(readiness, registry))
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
