"""Plain stocks and flows."""

from typing import Annotated

from fastapi import Query

from services.metrics.deps import Controller, FiguresOf, reader_of
from services.metrics.schemas.figures import FlowsOut, StocksOut
from services.metrics.schemas.parameters import FlowsQuery, StocksQuery
from shared.http.problems import problems
from shared.http.routing import new_router

router = new_router(tags=["stocks and flows"])

_READS = problems(404, 409)
"""Both answer 404 and 409 to a `min_position` of another Träger or of another log."""


@router.get("/stocks", summary="How many people there are on a day, by group", responses=_READS)
async def read_stocks(caller: Controller, figures: FiguresOf, query: Annotated[StocksQuery, Query()]) -> StocksOut:
    answer = await figures.stocks(
        reader=reader_of(caller), grouping=query.grouping(), choice=query.choice(), position=query.min_position
    )
    return StocksOut.of(answer)


@router.get("/flows", summary="How many movements there are in a period, by group", responses=_READS)
async def read_flows(caller: Controller, figures: FiguresOf, query: Annotated[FlowsQuery, Query()]) -> FlowsOut:
    answer = await figures.flows(
        reader=reader_of(caller),
        grouping=query.grouping(),
        choice=query.choice(),
        periods=query.periods(),
        windows=query.windows(),
        position=query.min_position,
    )
    return FlowsOut.of(answer)
