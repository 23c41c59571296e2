"""The routes of the event feed, the same for every producer: heads, and a long poll per part.

@asynccontextmanager
async def lifespan(app):
    async with serving_feed(app, engine):
        yield
app.include_router(feed_router())
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.envelope import BATCH_MEDIA_TYPE
from shared.contracts.parts import PARTS, traeger_of
from shared.contracts.position import FeedCursor
from shared.events.feed import MAX_LIMIT, MAX_WAIT_SECONDS, Feed
from shared.events.feed_client import PENDING_HEADER
from shared.events.head_watch import HeadWatch
from shared.events.refusals import UnknownPartError
from shared.http.auth import FEED_SCOPE, Principal, requires
from shared.http.guards import patient
from shared.http.problems import problems
from shared.http.routing import new_router

NEXT_HEADER = "Feed-Next"
HEAD_HEADER = "Feed-Head"
EPOCH_HEADER = "Feed-Epoch"
DEFAULT_LIMIT = 1_000

_ANSWER_SECONDS = 15.0

FeedReader = Annotated[Principal, requires(FEED_SCOPE, any_traeger=True)]
"""Who may read: a client of one Träger its own parts, a service client for all Träger every part."""


class PartHeadOut(BaseModel):
    """First and last number that a part holds; `head` is `first - 1` while it is empty."""

    part: int = Field(ge=0, lt=PARTS, json_schema_extra={"format": "int32"})
    first: int = Field(ge=1, lt=10**18, json_schema_extra={"format": "int64"})
    head: int = Field(ge=0, lt=10**18, json_schema_extra={"format": "int64"})


class FeedOut(BaseModel):
    """The state of the log: its epoch, the parts the caller may read, committed events not yet numbered."""

    epoch: str = Field(pattern="^[A-Za-z0-9_-]{1,64}$", max_length=64)
    parts: list[PartHeadOut] = Field(max_length=PARTS)
    pending: int = Field(ge=0, lt=10**18, json_schema_extra={"format": "int64"})


@asynccontextmanager
async def serving_feed(app: FastAPI, engine: AsyncEngine) -> AsyncIterator[HeadWatch]:
    """Watch the log while an application serves; `engine` is of the app role. For its lifespan."""
    async with HeadWatch(engine) as watch:
        app.state.head_watch = watch
        app.state.feed = Feed(engine, watch)
        yield watch


def head_watch(app: FastAPI) -> HeadWatch:
    """The watch of an application inside `serving_feed`."""
    watch: HeadWatch = app.state.head_watch
    return watch


async def _feed(request: Request) -> Feed:
    feed: Feed = request.app.state.feed
    return feed


async def _readable_part(
    part: Annotated[int, Path(ge=0, lt=PARTS, description="Number of the part: 0-5 LVR, 6-11 LWL", examples=[6])],
    caller: FeedReader,
) -> int:
    if caller.traeger is not None and traeger_of(part) is not caller.traeger:
        raise UnknownPartError
    return part


def feed_router() -> APIRouter:
    """`GET /v1/feed` and `GET /v1/feed/{part}`."""
    router = new_router(tags=["feed"])
    router.add_api_route(
        "/feed", _read_heads, operation_id="read_feed", response_model=FeedOut, summary="Where the event log ends"
    )
    router.add_api_route(
        "/feed/{part}",
        _read_part,
        operation_id="read_feed_part",
        summary="Events of one part, in order",
        description="At most `limit` events behind `after`; with `wait` the answer is held back until there is one."
        " Go on with `Feed-Next`. A batch that is full for its `limit` never changes. The events are the bytes"
        " that Kafka carries; `docs/asyncapi.json` describes them.",
        response_class=Response,
        responses={200: _BATCH_RESPONSE, **problems(400, 404, 409, 410)},
        dependencies=[patient(MAX_WAIT_SECONDS + _ANSWER_SECONDS)],
    )
    return router


async def _read_heads(caller: FeedReader, feed: Annotated[Feed, Depends(_feed)], response: Response) -> FeedOut:
    heads = await feed.heads(caller.traeger)
    response.headers[PENDING_HEADER] = ", ".join(f"{name}={count}" for name, count in heads.pending_of.items())
    parts = [PartHeadOut(part=head.part, first=head.first, head=head.head) for head in heads.parts]
    return FeedOut(epoch=heads.epoch, parts=parts, pending=heads.pending)


async def _read_part(
    request: Request,
    part: Annotated[int, Depends(_readable_part)],
    feed: Annotated[Feed, Depends(_feed)],
    after: Annotated[
        str | None,
        Query(
            max_length=100, description="`{epoch}.{seq}`: everything up to seq is read. Default: from the beginning"
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most events to get")] = DEFAULT_LIMIT,
    wait: Annotated[int, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for the first event")] = 0,
) -> Response:
    batch = await feed.read(
        part,
        None if after is None else FeedCursor.parse(after),
        limit=limit,
        wait_seconds=wait,
        gone=request.is_disconnected,
    )
    headers = {
        NEXT_HEADER: str(batch.next),
        HEAD_HEADER: str(batch.head.seq),
        EPOCH_HEADER: batch.head.epoch,
    }
    return Response(batch.body, headers=headers, media_type=BATCH_MEDIA_TYPE)


_BATCH_RESPONSE: dict[str, Any] = {
    "description": "CloudEvents in batched mode, in the order of their numbers",
    "content": {
        BATCH_MEDIA_TYPE: {
            "schema": {
                "type": "array",
                "maxItems": MAX_LIMIT,
                "items": {"type": "object", "additionalProperties": True},
            }
        }
    },
    "headers": {
        NEXT_HEADER: {"description": "Give it as `after` to go on", "schema": {"type": "string", "maxLength": 100}},
        HEAD_HEADER: {"description": "Last number of the part", "schema": {"type": "integer", "format": "int64"}},
        EPOCH_HEADER: {"description": "Epoch of the log", "schema": {"type": "string", "maxLength": 64}},
    },
}
