"""Reference data: the 53 Mitgliedskörperschaften, and which movements are possible from where."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.cases.deps import Reader
from services.cases.schemas.reference import (
    AllowedMovementsOut,
    MitgliedskoerperschaftenOut,
    MitgliedskoerperschaftOut,
    PhaseOrNone,
)
from shared.http.routing import new_router
from shared.kernel.mitgliedskoerperschaften import MITGLIEDSKOERPERSCHAFTEN

_LASTING = "private, max-age=3600"


def router() -> APIRouter:
    """The routes of reference data."""
    routes = new_router(tags=["reference data"])
    routes.get(
        "/mitgliedskoerperschaften",
        operation_id="list_mitgliedskoerperschaften",
        summary="The 53 Mitgliedskörperschaften of both Landschaftsverbände",
    )(_mitgliedskoerperschaften)
    routes.get(
        "/allowed-movements",
        operation_id="list_allowed_movements",
        summary="The rule table: which movement leads where, under which conditions, on what legal basis",
    )(_allowed_movements)
    return routes


async def _mitgliedskoerperschaften(_: Reader, response: Response) -> MitgliedskoerperschaftenOut:
    response.headers["Cache-Control"] = _LASTING
    return MitgliedskoerperschaftenOut(
        items=[MitgliedskoerperschaftOut.of(entry) for entry in MITGLIEDSKOERPERSCHAFTEN]
    )


async def _allowed_movements(
    _: Reader,
    response: Response,
    phase: Annotated[
        PhaseOrNone | None, Query(description="Only rows that start from it; NONE: in no cell. Default: all rows")
    ] = None,
) -> AllowedMovementsOut:
    response.headers["Cache-Control"] = _LASTING
    return AllowedMovementsOut.starting_from(phase)
