"""The routes of `cases`, by resource."""

from fastapi import APIRouter

from services.cases.endpoints import cases, imports, movements, providers, reference
from shared.http.feed import feed_router


def all_routers() -> list[APIRouter]:
    """Every router of the service. They are tried in this order, so the one that is asked most comes first."""
    return [
        movements.router(),
        cases.router(),
        providers.router(),
        reference.router(),
        imports.router(),
        feed_router(),
    ]
