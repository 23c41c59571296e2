"""Movements: record, amend, cancel, and several changes at once."""

from fastapi import APIRouter, Response

from services.cases.deps import CaseId, Clerk, Corrector, FactId, OpenCase, OpenCaseOfFact
from services.cases.domain.commands import Amend, Cancel
from services.cases.schemas.movements import (
    Cancellation,
    Correction,
    MovementOut,
    MovementPatch,
    NewMovement,
    TimelineOut,
)
from services.cases.service.cases import Changed
from shared.http.etag import etag
from shared.http.guards import IdempotencyKey, IfMatch
from shared.http.problems import problems
from shared.http.routing import new_router


def router() -> APIRouter:
    """The routes of movements."""
    routes = new_router(tags=["movements"])
    routes.post(
        "/cases/{case_id}/movements",
        operation_id="record_movement",
        summary="Record a movement",
        status_code=201,
        responses=problems(409),
    )(_record)
    routes.patch(
        "/cases/{case_id}/movements/{fact_id}",
        operation_id="amend_movement",
        summary="Amend a recorded movement",
        description="A merge patch: null removes an optional attribute, what is absent stays. If nothing changes,"
        " nothing is written and the ETag stays.",
        responses=problems(409),
    )(_amend)
    routes.post(
        "/cases/{case_id}/movements/{fact_id}/cancellation",
        operation_id="cancel_movement",
        summary="Cancel a recorded movement for good",
        responses=problems(409),
    )(_cancel)
    routes.post(
        "/cases/{case_id}/corrections",
        operation_id="correct_case",
        summary="Add, amend and cancel movements in one command",
        description="All or nothing: only the resulting timeline must be legal.",
        responses=problems(409),
    )(_correct)
    return routes


async def _record(
    body: NewMovement,
    _: Clerk,
    case_id: CaseId,
    desk: OpenCase,
    __: IdempotencyKey,
    ___: IfMatch,
    response: Response,
) -> MovementOut:
    change = body.change()
    fact_id = change.fact.fact_id
    changed = await desk.change(act="ADD", changes=[change])
    response.headers["ETag"] = etag(changed.version)
    response.headers["Location"] = f"/v1/cases/{case_id}/movements/{fact_id}"
    return MovementOut.of(next(entry for entry in changed.decision.movements if entry.fact_id == fact_id))


async def _amend(
    body: MovementPatch,
    _: Corrector,
    case_id: CaseId,
    fact_id: FactId,
    desk: OpenCaseOfFact,
    ___: IfMatch,
    response: Response,
) -> TimelineOut:
    change = Amend(fact_id, body.patch())
    changed = await desk.change(act="AMEND", changes=[change], reason=body.reason_for_correction)
    return _shown(changed, response)


async def _cancel(
    body: Cancellation,
    _: Corrector,
    case_id: CaseId,
    fact_id: FactId,
    desk: OpenCaseOfFact,
    __: IdempotencyKey,
    ___: IfMatch,
    response: Response,
) -> TimelineOut:
    changed = await desk.change(act="CANCEL", changes=[Cancel(fact_id)], reason=body.reason)
    return _shown(changed, response)


async def _correct(
    body: Correction,
    _: Corrector,
    case_id: CaseId,
    desk: OpenCase,
    __: IdempotencyKey,
    ___: IfMatch,
    response: Response,
) -> TimelineOut:
    changed = await desk.change(act="CORRECT", changes=body.commands(), reason=body.reason)
    return _shown(changed, response)


def _shown(changed: Changed, response: Response) -> TimelineOut:
    response.headers["ETag"] = etag(changed.version)
    return TimelineOut.of(changed.timeline())
