"""Why a value is what it is: the signed movements behind each row, with the weight of each in both numbers."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.domain.figures import Inquiry, Side
from services.metrics.domain.groups import DISABILITIES
from services.metrics.domain.questions import MAX_ROWS
from services.metrics.repository.explaining import Effect, movements_behind
from services.metrics.service.answers import Answer, Row, Sheet, too_many_rows

__all__ = ["Behind", "Effect", "Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Behind:
    """One signed movement and what it adds to the numerator or denominator (of a mean: in person-days)."""

    side: Side
    effect: Effect


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer, and per row what its numbers consist of. The weights of a side add up to its number."""

    answer: Answer
    behind: Mapping[tuple[int, str], Sequence[Behind]]

    def of(self, row: Row) -> Sequence[Behind]:
        """The movements behind a row, the oldest first."""
        return self.behind.get((row.place, row.group), ())


async def explain(connection: AsyncConnection, sheet: Sheet) -> Explanation:
    """The movements behind a sheet, read in its snapshot. Raises `TooManyRowsError`."""
    behind: dict[tuple[int, str], list[Behind]] = defaultdict(list)
    count = 0
    for inquiry in sheet.inquiries:
        async for effect in _effects(connection, inquiry):
            groups = DISABILITIES if inquiry.whole else (sheet.roster.group_of_sum(effect.group),)
            for place, side in inquiry.uses.get((effect.span, effect.term), ()):
                for group in groups:
                    behind[place, group].append(Behind(side, effect))
                    count += 1
            if count > MAX_ROWS:
                raise too_many_rows()
    for movements in behind.values():
        movements.sort(key=_order)
    return Explanation(sheet.answer(), behind)


async def _effects(connection: AsyncConnection, inquiry: Inquiry) -> AsyncIterator[Effect]:
    found = await movements_behind(connection, inquiry.request, limit=MAX_ROWS)
    while True:
        for effect in found.effects:
            yield effect
        if found.next is None:
            return
        found = await movements_behind(connection, inquiry.request, limit=MAX_ROWS, after=found.next)


def _order(behind: Behind) -> tuple[object, ...]:
    effect = behind.effect
    return behind.side is Side.DENOMINATOR, effect.effective_on, effect.recorded_at, effect.sign, str(effect.fact_id)
