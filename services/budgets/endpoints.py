"""Routes of grants."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.budgets.deps import ExistingGrant, GrantId, Grants, Reader
from services.budgets.domain.model import Instrument, State
from services.budgets.schemas import GrantOut
from shared.http.etag import etag
from shared.http.paging import Page, Paging
from shared.http.parameters import Id
from shared.http.problems import problems
from shared.http.routing import new_router

router = new_router(tags=["grants"])


@router.get("/grants", summary="Grants of the own Träger, oldest first", responses=problems(400))
async def list_grants(
    caller: Reader,
    grants: Grants,
    page: Paging,
    case_id: Annotated[Id | None, Query(description="Of this case")] = None,
    state: Annotated[State | None, Query(description="In this state")] = None,
    instrument: Annotated[Instrument | None, Query(description="Of this instrument")] = None,
) -> Page[GrantOut]:
    """A proposal appears by itself after a movement that opens one, and follows its corrections."""
    scope = page.bound_to("grants", order=(UUID,), case_id=case_id, state=state, instrument=instrument)
    found = await grants.find_all(
        case_id=case_id,
        state=state,
        instrument=instrument,
        after=scope.after[0] if scope.after else None,
        limit=scope.limit + 1,
    )
    shown, cursor = scope.cut(found, position=lambda row: (row.grant.id,))
    return Page(items=[GrantOut.of(row) for row in shown], next_cursor=cursor)


@router.get("/grants/{grant_id}", summary="One grant with its history")
async def read_grant(grant_id: GrantId, grant: ExistingGrant, caller: Reader, response: Response) -> GrantOut:
    """The ETag is the version of the grant."""
    response.headers["ETag"] = etag(grant.grant.version)
    return GrantOut.of(grant)
