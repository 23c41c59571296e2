"""The movements behind sums: what each of them adds to which span, term and group. The weights add up to the sums."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.domain.sums import Aggregate, GroupBy, Span, SumRequest, Term
from services.metrics.repository.codes import KIND, name_of
from services.metrics.repository.expansion import Coded, contributions
from services.metrics.repository.question import Question, question_of
from services.metrics.repository.reading import group_name, part_name
from services.metrics.repository.statement import Statement, day_column

_DAY = timedelta(days=1)

Place = tuple[int, int, int]
"""Source, part and number of a movement: where an explanation goes on."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one signed movement adds to one sum: movements, people, person-days or days, by the term's aggregate."""

    span: int
    term: int
    group: str
    weight: int
    case_id: UUID
    fact_id: UUID
    kind: str
    sign: int
    effective_on: date
    decided_on: date | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of some movements, and where to go on (None: that was all)."""

    effects: Sequence[Effect]
    next: Place | None


async def movements_behind(
    connection: AsyncConnection, request: SumRequest, *, limit: int, after: Place = (0, 0, 0)
) -> Effects:
    """The effects of the movements behind `after`, of about `limit` effects before those of no weight are left out.

    They come by source, part and number, whole movements only. The transaction is bound to the Träger.
    """
    question = question_of(request)
    if question is None:
        return Effects((), None)
    statement = Statement(question)
    sql = _sql(statement, after, limit)
    rows = (await connection.execute(text(sql), statement.values)).all()
    effects = [effect for _, same in groupby(rows, attrgetter(*_PLACE)) for effect in _of_movement(question, same)]
    last = rows[-1] if len(rows) >= limit else None
    return Effects(effects, None if last is None else (last.source, last.part, last.seq))


_PLACE = ("source", "part", "seq")
_SHOWN = (*_PLACE, "case_id", "fact_id", "kind", "sign", "effective_on", "basis_on", "decided_on", "recorded_at")


def _sql(statement: Statement, after: Place, limit: int) -> str:
    question = statement.question
    attribution = (question.request.attribution,)
    carried = (*_SHOWN, "uebergang_on")
    group, join = statement.group()
    filters = "".join(f" AND {condition}" for condition in statement.filters())
    begin = ", ".join(
        statement.bind(f"after_{name}", value, kind)
        for name, value, kind in zip(_PLACE, after, ("smallint", "smallint", "bigint"), strict=True)
    )
    blocks = [
        f"""(WITH moved AS NOT MATERIALIZED (
            SELECT m.* FROM movement m
            WHERE (m.source, m.part, m.seq) > ({begin}) AND {statement.known(strand)})
        {contributions("moved", [Coded(place, strand.base, strand.condition)], attribution, carried)})"""  # noqa: S608
        for place, strand in enumerate(question.strands)
    ]
    return f"""
        SELECT effect.*, {group} AS "group" FROM ({" UNION ALL ".join(blocks)}) AS effect {join}
        WHERE true{filters}
        ORDER BY effect.source, effect.part, effect.seq
        FETCH FIRST {statement.bind("limit", limit, "bigint")} ROWS WITH TIES"""  # noqa: S608 - values are bound


def _of_movement(question: Question, rows: Iterable[Any]) -> Iterator[Effect]:
    """The effects of one movement. What it takes from a sum and adds to the same one again is none."""
    weights: Counter[tuple[int, int, str]] = Counter()
    effects = list(rows)
    for row in effects:
        strand = question.strands[row.code]
        for place, term in enumerate(question.request.terms):
            if question.strand_of(term) == strand:
                day = getattr(row, day_column(strand))
                for index, span in enumerate(question.request.spans):
                    for group, weight in _weights(question, term, span, row, day):
                        weights[index, place, group] += weight
    moved = effects[0]
    for (index, place, group), weight in sorted(weights.items()):
        if weight:
            yield Effect(
                index, place, group, weight, moved.case_id, moved.fact_id, name_of(KIND, moved.kind), moved.sign,
                moved.effective_on, moved.decided_on, moved.recorded_at,
            )  # fmt: skip


def _weights(question: Question, term: Term, span: Span, row: Any, day: date) -> Iterator[tuple[str, int]]:
    if term.aggregate is Aggregate.STOCK:
        if day <= span.last:
            yield _group(question, term, row, span.last), row.net
    elif term.aggregate is Aggregate.PERSON_DAYS:
        bounds = [bound for bound in question.axis.bounds if max(day, span.first) < bound <= span.last]
        steps = [max(day, span.first), *bounds, span.last + _DAY]
        for first, end in pairwise(steps):
            if first < end:
                yield _group(question, term, row, first), row.net * (end - first).days
    elif span.first <= day <= span.last:
        yield _group(question, term, row, row.uebergang_on if term.cohort is not None else day), row.net


def _group(question: Question, term: Term, row: Any, day: date) -> str:
    if question.request.group_by is not GroupBy.COMPARISON_GROUP:
        return group_name(question.request.group_by, row.group)
    axis = question.axis if term.cohort is None else question.cohort_axes[term.cohort]
    return part_name(question.membership.in_slot(axis, axis.slot(day), row.group))
