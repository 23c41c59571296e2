"""The routes of `cases`, by resource."""

from fastapi import APIRouter

from services.cases.endpoints import cases, imports, movements, providers, reference
from shared.http.feed import feed_router


def all_routers() -> list[APIRouter]:
    """Every router of the service, in the order of the document."""
    return [
        reference.router(),
        providers.router(),
        cases.router(),
        movements.router(),
        imports.router(),
        feed_router(),
    ]
