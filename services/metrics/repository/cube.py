"""The cube as SQL: which rows movements add to it, by months and by years."""

from services.metrics.domain.measures import MEASURES, Base, Moves
from services.metrics.domain.sums import Attribution
from services.metrics.repository.codes import BOTH_BASES, DECIDED_ONLY, EFFECTIVE_ONLY, MONTHS, NO_COHORT, YEARS
from services.metrics.repository.expansion import coded, contributions

CUBE_KEY = "tenant, measure, attribution, grain, month, recorded_month, key, disability, basis, cohort_month"

_STAYS = [measure for measure in MEASURES if measure.base is Base.STOCK]
_MOVES = [measure for measure in MEASURES if measure.base is not Base.STOCK]
_COHORT_CODES = ", ".join(
    str(measure.number)
    for measure in _MOVES
    if isinstance(measure.condition, Moves) and measure.condition.uebergang_phases is not None
)
_MONTHS = ("tenant", "effective_month", "decided_month", "recorded_month", "uebergang_month")


def _month(column: str) -> str:
    return f"(date_part('year', {column}) * 12 + date_part('month', {column}) - 1)::smallint"


def cube_rows(source: str) -> str:
    """The SELECT of the rows (`CUBE_KEY`, net, moment) that the movements of `source` add to the cube.

    Stays count on `effective_on`, and whole years stand beside the months: a stock needs all the past. Movements have
    a row for each date basis where their two dates fall in different months.
    """
    return f"""
        WITH movements AS MATERIALIZED (
            SELECT moved.*, {_month("effective_on")} AS effective_month, {_month("basis_on")} AS decided_month,
                {_month("recorded_on")} AS recorded_month, {_month("uebergang_on")} AS uebergang_month
            FROM {source} AS moved
        ),
        stays AS MATERIALIZED (
            SELECT tenant, code, attribution, effective_month AS month, recorded_month, key, disability,
                sum(net) AS net, sum(moment) AS moment
            FROM ({contributions("movements", coded(_STAYS), tuple(Attribution), _MONTHS)}) AS effect
            GROUP BY 1, 2, 3, 4, 5, 6, 7
        )
        SELECT tenant, code AS measure, attribution, {MONTHS}::smallint AS grain, month, recorded_month, key,
            disability, {BOTH_BASES}::smallint AS basis, {NO_COHORT}::smallint AS cohort_month, net, moment
        FROM stays WHERE net <> 0 OR moment <> 0
        UNION ALL
        SELECT tenant, code, attribution, {YEARS}::smallint, (month / 12 * 12)::smallint,
            (recorded_month / 12 * 12)::smallint, key, disability, {BOTH_BASES}::smallint, {NO_COHORT}::smallint,
            sum(net)::integer, sum(moment)::integer
        FROM stays
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
        HAVING sum(net) <> 0 OR sum(moment) <> 0
        UNION ALL
        SELECT tenant, code, attribution, {MONTHS}::smallint, by.month, recorded_month, key, disability, by.basis,
            CASE WHEN code IN ({_COHORT_CODES}) THEN uebergang_month ELSE {NO_COHORT} END, sum(net), 0
        FROM ({contributions("movements", coded(_MOVES), tuple(Attribution), _MONTHS)}) AS effect
        CROSS JOIN LATERAL (VALUES
            ({BOTH_BASES}::smallint, effective_month, effective_month = decided_month),
            ({EFFECTIVE_ONLY}::smallint, effective_month, effective_month <> decided_month),
            ({DECIDED_ONLY}::smallint, decided_month, effective_month <> decided_month)) AS by (basis, month, applies)
        WHERE by.applies
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
        HAVING sum(net) <> 0"""  # noqa: S608 - codes of our own, no input
