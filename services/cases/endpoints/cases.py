"""Cases: register, list, read, timeline."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.cases.deps import CaseId, Cases, Clerk, ExistingCase, Reader, WantedCases
from services.cases.schemas.cases import CaseOut, NewCase
from services.cases.schemas.movements import TimelineOut
from shared.http.etag import etag
from shared.http.exchange import CurrentExchange
from shared.http.guards import IdempotencyKey
from shared.http.paging import Page, Paging
from shared.http.parameters import Day
from shared.http.problems import problems
from shared.http.routing import new_router


def router() -> APIRouter:
    """The routes of cases."""
    routes = new_router(tags=["cases"])
    routes.post(
        "/cases",
        operation_id="register_case",
        summary="Register a case",
        status_code=201,
        responses=problems(409),
    )(_register)
    routes.get(
        "/cases",
        operation_id="list_cases",
        summary="The cases of the own Träger, each with the cell of today",
        description="In order of registration. Filters on phase, provider and payer mean the cell of today.",
        responses=problems(400),
    )(_list)
    routes.get("/cases/{case_id}", operation_id="read_case", summary="One case with the cell of today")(_read)
    routes.get(
        "/cases/{case_id}/timeline",
        operation_id="read_timeline",
        summary="The movements of a case and its cells, as known now or on a day",
        description="With `known_on` exactly what was recorded by the end of that day (Berlin): version 0 and empty"
        " lists before the registration.",
    )(_timeline)
    return routes


async def _register(
    body: NewCase, _: Clerk, __: IdempotencyKey, cases: Cases, exchange: CurrentExchange, response: Response
) -> CaseOut:
    view = await cases.register(external_ref=body.external_ref, registration=body.registration())
    exchange.wrote(view.case_id, view.version)
    response.headers["Location"] = f"/v1/cases/{view.case_id}"
    response.headers["ETag"] = etag(view.version)
    return CaseOut.of(view)


async def _list(_: Reader, page: Paging, wanted: WantedCases, cases: Cases) -> Page[CaseOut]:
    scope = page.bound_to(
        "cases",
        order=(UUID,),
        external_ref=wanted.external_ref,
        phase=wanted.phase,
        provider_id=wanted.provider_id,
        payer_mk=wanted.payer_mk,
        changed_from=wanted.changed_from,
    )
    after = scope.after[0] if scope.after else None
    rows = await cases.page(wanted=wanted, after=after, limit=scope.limit + 1)
    shown, cursor = scope.cut(rows, position=lambda view: (view.case_id,))
    return Page(items=[CaseOut.of(view) for view in shown], next_cursor=cursor)


async def _read(
    _: Reader, case_id: CaseId, file: ExistingCase, cases: Cases, exchange: CurrentExchange, response: Response
) -> CaseOut:
    exchange.changes_unwritten = True  # the cell of today
    response.headers["ETag"] = etag(file.version)
    return CaseOut.of(cases.view(file=file))


async def _timeline(
    _: Reader,
    case_id: CaseId,
    file: ExistingCase,
    cases: Cases,
    response: Response,
    known_on: Annotated[Day | None, Query(description="Day of knowledge, today at the latest")] = None,
) -> TimelineOut:
    view = await cases.timeline(file=file, known_on=known_on)
    if known_on is None:
        response.headers["ETag"] = etag(view.version)
    return TimelineOut.of(view)
