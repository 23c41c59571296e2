"""The catalogue of key figures and their values."""

from typing import Annotated

from fastapi import Path, Query

from services.metrics.deps import CatalogueReader, Controller, FiguresOf, reader_of, services_of
from services.metrics.domain.definitions import Definition
from services.metrics.schemas.explanations import ExplanationOut
from services.metrics.schemas.figures import KpiOut, KpisOut, ValuesOut
from services.metrics.schemas.parameters import ValuesQuery
from shared.http.exchange import Exchange
from shared.http.guards import known
from shared.http.problems import problems
from shared.http.routing import new_router

router = new_router(tags=["key figures"])


async def _named_figure(exchange: Exchange) -> Definition:
    return services_of(exchange).figures.definition(exchange.path_text("kpi_id"))


KpiId = Annotated[str, Path(max_length=64, description="Id of a key figure", examples=["foerderquote_1"])]
NamedFigure = Annotated[Definition, known(_named_figure)]


@router.get("/kpis", summary="All key figures with their definitions")
async def list_kpis(caller: CatalogueReader, figures: FiguresOf) -> KpisOut:
    return KpisOut.model_construct(items=[KpiOut.of(definition) for definition in figures.definitions()])


@router.get("/kpis/{kpi_id}", summary="The definition of a key figure")
async def read_kpi(kpi_id: KpiId, caller: CatalogueReader, definition: NamedFigure) -> KpiOut:
    return KpiOut.of(definition)


@router.get(
    "/kpis/{kpi_id}/values",
    summary="The values of a key figure, by period and group",
    description="Everything is cut at the horizon: the end of the period, today, or the day of `known_on`, whichever"
    " comes first. Never paged; more than 10,000 rows are refused.",
    responses=problems(409),
)
async def read_values(
    kpi_id: KpiId,
    caller: Controller,
    definition: NamedFigure,
    figures: FiguresOf,
    query: Annotated[ValuesQuery, Query()],
) -> ValuesOut:
    answer = await figures.values(
        reader=reader_of(caller),
        definition=definition,
        grouping=query.grouping(),
        periods=query.periods(),
        windows=query.windows(),
        position=query.min_position,
    )
    return ValuesOut.of(definition, answer)


@router.get(
    "/kpis/{kpi_id}/explanation",
    summary="The signed movements behind a key figure, with their weights",
    description="The rows of the values, each with the movements that its numerator and denominator consist of; the"
    " weights add up to the numbers. At most 10,000 movements: confine it by filters to explain more.",
    responses=problems(409),
)
async def explain_values(
    kpi_id: KpiId,
    caller: Controller,
    definition: NamedFigure,
    figures: FiguresOf,
    query: Annotated[ValuesQuery, Query()],
) -> ExplanationOut:
    explanation = await figures.explanation(
        reader=reader_of(caller),
        definition=definition,
        grouping=query.grouping(),
        periods=query.periods(),
        windows=query.windows(),
        position=query.min_position,
    )
    return ExplanationOut.of(definition, explanation)
