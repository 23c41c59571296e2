"""How current the figures are."""

from services.metrics.deps import ArrivalsOf, FreshnessReader, reader_of
from services.metrics.schemas.freshness import FreshnessOut
from shared.http.routing import new_router

router = new_router(tags=["freshness"])


@router.get(
    "/freshness",
    summary="How far the figures are behind what has been recorded",
    description="The producers are asked at this moment, for 300 ms at most. `metrics:internal` may read it too.",
)
async def read_freshness(caller: FreshnessReader, arrivals: ArrivalsOf) -> FreshnessOut:
    return FreshnessOut.of(await arrivals.freshness(reader=reader_of(caller)))
