"""Comparison groups: sets of providers that are compared with everything else of the Träger."""

from typing import Annotated

from fastapi import Path, Query, Response

from services.metrics.deps import Controller, reader_of
from services.metrics.domain.comparison import ID_LENGTH, ID_PATTERN
from services.metrics.schemas.comparison_groups import ComparisonGroupIn, ComparisonGroupOut
from services.metrics.schemas.types import Maybe, VersionNumber
from services.metrics.service.comparison_groups import ComparisonGroup, current_group, find_group, put_group
from shared.http.etag import ANY_VERSION, etag
from shared.http.exchange import CurrentExchange, Exchange
from shared.http.guards import IfMatchUnlessCreating, Transaction, existing
from shared.http.routing import new_router

router = new_router(tags=["comparison groups"])

GroupId = Annotated[
    str,
    Path(max_length=ID_LENGTH, pattern=ID_PATTERN, description="Id of a comparison group", examples=["nta-modell"]),
]


async def _current(exchange: Exchange) -> ComparisonGroup | None:
    return await current_group(exchange.connection, exchange.path_text("group_id"))


async def _found(exchange: Exchange) -> ComparisonGroup:
    return await find_group(exchange.connection, exchange.path_text("group_id"))


@router.get("/comparison-groups/{group_id}", summary="A comparison group, in its current or an earlier version")
async def read_comparison_group(
    group_id: GroupId,
    caller: Controller,
    current: Annotated[ComparisonGroup, existing(_found)],
    transaction: Transaction,
    response: Response,
    group_version: Annotated[Maybe[VersionNumber], Query(description="Default: the current one")] = None,
) -> ComparisonGroupOut:
    group = current if group_version is None else await find_group(transaction, current.id, group_version)
    response.headers["ETag"] = etag(group.version)
    return ComparisonGroupOut.of(group)


@router.put(
    "/comparison-groups/{group_id}",
    summary="Create a comparison group, or append a version to it",
    responses={201: {"model": ComparisonGroupOut, "description": "Created in version 1"}},
)
async def put_comparison_group(
    group_id: GroupId,
    body: ComparisonGroupIn,
    caller: Controller,
    current: Annotated[ComparisonGroup | None, existing(_current)],
    version: IfMatchUnlessCreating,
    exchange: CurrentExchange,
    transaction: Transaction,
    response: Response,
) -> ComparisonGroupOut:
    group = await put_group(
        transaction,
        reader=reader_of(caller),
        clock=exchange.state.clock,
        group_id=group_id,
        current=current,
        expected=current.version if current is not None and version == ANY_VERSION else version,
        title=body.title,
        members=body.domain_members(),
    )
    response.status_code = 200 if current is not None else 201
    response.headers["ETag"] = etag(group.version)
    return ComparisonGroupOut.of(group)
