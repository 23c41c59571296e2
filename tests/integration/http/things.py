"""The routes of the small application: things with a version, and ways to fail."""

import asyncio
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.http.auth import Principal, requires
from shared.http.bodies import BodyStream, RequestModel
from shared.http.etag import check_version, etag
from shared.http.exchange import CurrentExchange, Exchange
from shared.http.guards import (
    IdempotencyKey,
    IfMatch,
    IfMatchUnlessCreating,
    Transaction,
    existing,
    known,
    patient,
    streamed,
)
from shared.http.paging import Page, Paging
from shared.http.parameters import Day
from shared.http.problems import problems
from shared.http.routing import new_router
from shared.kernel.errors import ConflictError, NotFoundError, StaleError
from shared.observability.identifiers import new_id

MAX_UPLOAD = 2_000_000

Reader = Annotated[Principal, requires("cases:read")]
Clerk = Annotated[Principal, requires("cases:write")]
Anyone = Annotated[Principal, requires("feed:read", any_traeger=True)]


class NewThing(RequestModel):
    """What a thing is made of; `then` says how the request ends."""

    name: str = Field(min_length=1, max_length=50)
    day: date | None = None
    count: int = Field(default=0, ge=0, le=100)
    then: Literal["work", "refuse", "crash", "fail-at-commit", "bad-answer", "wait"] = "work"


class ThingOut(BaseModel):
    """A thing."""

    id: UUID
    name: str
    version: int


class UploadOut(BaseModel):
    """What came in."""

    bytes: int


router = new_router(tags=["things"])


async def find_thing(exchange: Exchange) -> ThingOut:
    row = (
        await exchange.connection.execute(
            text("SELECT id, name, version FROM thing WHERE id = :id FOR UPDATE"),
            {"id": exchange.path_id("thing_id")},
        )
    ).one_or_none()
    if row is None:
        raise NotFoundError("No thing has this id.")
    return ThingOut(id=row.id, name=row.name, version=row.version)


ExistingThing = Annotated[ThingOut, existing(find_thing)]


async def insert(connection: AsyncConnection, caller: Principal, body: NewThing) -> ThingOut:
    thing = ThingOut(id=new_id(), name=body.name, version=1)
    await connection.execute(
        text("INSERT INTO thing (tenant, id, name, version, sound) VALUES (:tenant, :id, :name, 1, :sound)"),
        {
            "tenant": caller.own_traeger.value,
            "id": thing.id,
            "name": body.name,
            "sound": body.then != "fail-at-commit",
        },
    )
    return thing


@router.post("/things", status_code=201, responses=problems(409))
async def make_thing(
    body: NewThing,
    key: IdempotencyKey,
    connection: Transaction,
    exchange: CurrentExchange,
    caller: Clerk,
    response: Response,
) -> ThingOut:
    thing = await insert(connection, caller, body)
    if body.then == "refuse":
        raise ConflictError("The thing is not wanted.")
    if body.then == "crash":
        raise RuntimeError(f"secret text about {body.name}")
    if body.then == "wait":
        await asyncio.sleep(0.3)
    if body.then == "bad-answer":
        unfit: dict[str, Any] = {"id": "no id", "name": thing.name, "version": None}
        return ThingOut.model_construct(**unfit)
    exchange.wrote(thing.id, 1)
    response.headers["ETag"] = etag(1)
    response.headers["Location"] = f"/v1/things/{thing.id}"
    return thing


@router.get("/things")
async def list_things(
    connection: Transaction, caller: Reader, page: Paging, name: str | None = None, since: Day | None = None
) -> Page[ThingOut]:
    scope = page.bound_to("things", order=(UUID,), name=name, since=since)
    rows = (
        await connection.execute(
            text(
                "SELECT id, name, version FROM thing WHERE (CAST(:name AS text) IS NULL OR name = :name)"
                " AND (CAST(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :limit"
            ),
            {"name": name, "after": scope.after and scope.after[0], "limit": scope.limit + 1},
        )
    ).all()
    shown, cursor = scope.cut(rows, position=lambda row: (row.id,))
    return Page(items=[ThingOut(id=r.id, name=r.name, version=r.version) for r in shown], next_cursor=cursor)


@router.get("/things/{thing_id}")
async def read_thing(thing: ExistingThing, caller: Reader, response: Response, on: Day | None = None) -> ThingOut:
    response.headers["ETag"] = etag(thing.version)
    return thing


@router.patch("/things/{thing_id}")
async def rename_thing(
    body: NewThing, thing: ExistingThing, version: IfMatch, connection: Transaction, caller: Clerk, response: Response
) -> ThingOut:
    check_version(thing.version, version)
    await connection.execute(
        text("UPDATE thing SET name = :name, version = version + 1 WHERE id = :id"),
        {"name": body.name, "id": thing.id},
    )
    response.headers["ETag"] = etag(thing.version + 1)
    return ThingOut(id=thing.id, name=body.name, version=thing.version + 1)


@router.post("/things/{thing_id}/acts", responses=problems(409))
async def act(
    key: IdempotencyKey,
    body: NewThing,
    version: IfMatch,
    connection: Transaction,
    thing: ExistingThing,
    caller: Clerk,
    response: Response,
) -> ThingOut:
    check_version(thing.version, version)
    if body.then == "refuse":
        raise ConflictError("Not in this state.", extensions={"allowed": ["WAIT"]})
    await connection.execute(text("UPDATE thing SET version = version + 1 WHERE id = :id"), {"id": thing.id})
    response.headers["ETag"] = etag(thing.version + 1)
    return ThingOut(id=thing.id, name=thing.name, version=thing.version + 1)


async def find_if_there(exchange: Exchange) -> ThingOut | None:
    try:
        return await find_thing(exchange)
    except NotFoundError:
        return None


@router.put("/places/{thing_id}", responses=problems(409))
async def put_thing(
    body: NewThing,
    thing: Annotated[ThingOut | None, existing(find_if_there)],
    version: IfMatchUnlessCreating,
    connection: Transaction,
    exchange: CurrentExchange,
    caller: Clerk,
) -> Response:
    if thing is None:
        if version is not None:
            raise StaleError("There is no such version.")
        await connection.execute(
            text("INSERT INTO thing (tenant, id, name, version) VALUES (:tenant, :id, :name, 1)"),
            {"tenant": caller.own_traeger.value, "id": exchange.path_id("thing_id"), "name": body.name},
        )
        return Response(status_code=409 if body.then == "refuse" else 201)
    assert version is not None, "the route asks for it where there is something"
    check_version(thing.version, version)
    return Response(status_code=200)


COLOURS = {"red", "green"}


async def find_colour(exchange: Exchange) -> str:
    colour = exchange.path_text("colour")
    if colour not in COLOURS:
        raise NotFoundError("No such colour.")
    return colour


@router.get("/colours/{colour}")
async def read_colour(
    colour: Annotated[str, known(find_colour)], caller: Reader, on: Day | None = None
) -> dict[str, str]:
    return {"colour": colour}


Lines = Annotated[BodyStream, streamed("application/x-ndjson", max_bytes=MAX_UPLOAD)]


@router.post("/uploads", status_code=202)
async def upload(body: Lines, key: IdempotencyKey, connection: Transaction, caller: Clerk) -> UploadOut:
    async for chunk in body:
        await insert(connection, caller, NewThing(name=f"chunk of {len(chunk)}"))
    return UploadOut(bytes=body.size)


@router.get("/anybody")
async def anybody(caller: Anyone) -> dict[str, str | None]:
    return {"traeger": caller.traeger}


@router.get("/slow", dependencies=[patient(16)])
async def slow(caller: Reader, connection: Transaction) -> dict[str, int]:
    await connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
    await connection.execute(text("SELECT pg_sleep(5)"))
    return {}


async def _nothing() -> None:
    return None


@router.get("/broken-sql")
async def broken_sql(
    caller: Reader, connection: Transaction, nothing: Annotated[None, Depends(_nothing)]
) -> dict[str, int]:
    await connection.execute(text("SELECT * FROM secret_table_name"))
    return {}
