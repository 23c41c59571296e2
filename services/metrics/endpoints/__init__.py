"""Routes of `metrics`, by resource."""

from fastapi import APIRouter

from services.metrics.endpoints import comparison_groups, freshness, kpis, listings


def all_routers() -> tuple[APIRouter, ...]:
    """Every router, in the order of the document."""
    return kpis.router, listings.router, comparison_groups.router, freshness.router
