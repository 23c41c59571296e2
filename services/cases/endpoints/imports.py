"""Imports: take a whole book, tell how far it has come."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from services.cases.deps import Clerk, ExistingImport, ImportId, Imports, Reader, UploadPlaces
from services.cases.schemas.imports import ImportOut, ImportProblemOut
from shared.http.bodies import BodyStream
from shared.http.guards import IdempotencyKey, streamed
from shared.http.paging import Page, Paging
from shared.http.problems import problems
from shared.http.routing import new_router

NDJSON = "application/x-ndjson"

_EXAMPLE = (
    '{"provider":{"external_ref":"wfbm-0002","name":"Werkstatt am Hafen","kind":"WFBM",'
    '"mitgliedskoerperschaft":"05515","valid_from":"1990-01-01","valid_to":null}}\n'
    '{"external_ref":"fall-2024-0002","payer_mk":"05515","residence_mk":"05515","disability":"SEELISCH",'
    '"kombi":false,"movements":[{"kind":"ZUGANG_EV","effective_on":"2024-02-01","provider_ref":"wfbm-0002",'
    '"external_ref":"1"}]}\n'
)
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            NDJSON: {
                "schema": {
                    "description": "One JSON object per line: a provider, or a case with its movements or commands",
                },
                "example": _EXAMPLE,
            }
        },
    }
}


def _limit(request: Request) -> int:
    limit: int = request.app.state.import_max_bytes
    return limit


def router() -> APIRouter:
    """The routes of imports."""
    routes = new_router(tags=["imports"])
    routes.post(
        "/imports",
        operation_id="start_import",
        summary="Take over a book of cases, line by line",
        description="The answer comes once the whole body is stored; the lines are then worked off in their order,"
        " each whole or not at all. The same book again changes nothing. Lines that amend or cancel need the scope"
        " cases:correct too, lines with `commands` cases:migrate.",
        status_code=202,
        openapi_extra=_BODY,
        responses=problems(409),
    )(_start)
    routes.get("/imports/{import_id}", operation_id="read_import", summary="How far an import has come")(_read)
    routes.get(
        "/imports/{import_id}/problems",
        operation_id="list_import_problems",
        summary="Why lines were refused",
        responses=problems(400),
    )(_problems)
    return routes


async def _start(
    caller: Clerk,
    _: IdempotencyKey,
    body: Annotated[BodyStream, streamed(NDJSON, max_bytes=_limit)],
    imports: Imports,
    request: Request,
    response: Response,
    dry_run: Annotated[bool, Query(description="Only say which lines would be refused")] = False,
) -> ImportOut:
    places: UploadPlaces = request.app.state.upload_places
    with places.one():
        job = await imports.receive(body=body, scopes=caller.scopes, dry_run=dry_run)
    response.headers["Location"] = f"/v1/imports/{job.import_id}"
    return ImportOut.of(job, [])


async def _read(_: Reader, import_id: ImportId, job: ExistingImport, imports: Imports) -> ImportOut:
    return ImportOut.of(job, await imports.problems(import_id=job.import_id))


async def _problems(
    _: Reader, import_id: ImportId, job: ExistingImport, page: Paging, imports: Imports
) -> Page[ImportProblemOut]:
    scope = page.bound_to("import-problems", order=(int,), import_id=job.import_id)
    after = scope.after[0] if scope.after else 0
    rows = await imports.problems(import_id=job.import_id, after=after, limit=scope.limit + 1)
    shown, cursor = scope.cut(rows, position=lambda problem: (problem.line,))
    return Page(items=[ImportProblemOut.of(problem) for problem in shown], next_cursor=cursor)
