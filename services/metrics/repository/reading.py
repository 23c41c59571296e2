"""Sums for key figures: one statement, one snapshot, the cube as far as it reaches and the movements for the rest."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.domain.sums import GroupBy, SumRequest, SumRow, Term
from services.metrics.repository.codes import DISABILITY, ags_name, name_of
from services.metrics.repository.folding import Curve, SlotSum, curves, parted_curves
from services.metrics.repository.question import Question, Strand, by_block, codes_of, question_of
from services.metrics.repository.statement import RAW, Statement

TOTAL = "TOTAL"
WITHOUT_PROVIDER = "OHNE_ANBIETER"
GROUP = "GROUP"
BASE = "BASE"


async def sums(connection: AsyncConnection, request: SumRequest) -> list[SumRow]:
    """Every sum of the request that is not zero. The transaction is bound to the Träger of the request."""
    question = question_of(request)
    if question is None:
        return []
    statement = Statement(question)
    rows = (await connection.execute(text(statement.text()), statement.values)).all()
    found = _by_strand(question, rows)
    return [
        row
        for place, term in enumerate(request.terms)
        for row in _term_rows(question, place, term, found.get(question.strand_of(term), ()))
    ]


def _by_strand(question: Question, rows: Iterable[Any]) -> Mapping[Strand, list[SlotSum]]:
    strands_of: dict[int, list[Strand]] = defaultdict(list)
    for place, strand in enumerate(question.strands):
        strands_of[RAW + place].append(strand)
    for block, alike in enumerate(by_block(question.strands)):
        for code, strand in codes_of(block, alike):
            strands_of[code].append(strand)
    found: dict[Strand, list[SlotSum]] = defaultdict(list)
    for code, *values in rows:
        for strand in strands_of[code]:
            found[strand].append(SlotSum(*values))
    return found


def _term_rows(question: Question, place: int, term: Term, found: Sequence[SlotSum]) -> Iterator[SumRow]:
    request, axis = question.request, question.axis
    for group, curve in _curves(question, term, found).items():
        name = group_name(request.group_by, group)
        for index, span in enumerate(request.spans):
            value = curve.value(axis, term.aggregate, span)
            if value:
                yield SumRow(index, place, name, value)


def _curves(question: Question, term: Term, found: Sequence[SlotSum]) -> Mapping[Any, Curve]:
    axis, membership = question.axis, question.membership
    if question.request.group_by is not GroupBy.COMPARISON_GROUP:
        return curves(axis, found)
    if term.cohort is None:
        return parted_curves(axis, found, lambda gathered, slot: part_name(membership.in_slot(axis, slot, gathered)))
    cohort_axis = question.cohort_axes[term.cohort]
    parted = [
        replace(entry, group=part_name(membership.in_slot(cohort_axis, entry.cohort_slot, entry.group)))
        for entry in found
    ]
    return curves(axis, parted)


def part_name(in_group: bool) -> str:
    """How the parts of a comparison are called."""
    return GROUP if in_group else BASE


def group_name(group_by: GroupBy, group: Any) -> str:
    """The name of a group of the statement."""
    if group_by is GroupBy.MITGLIEDSKOERPERSCHAFT:
        return ags_name(group)
    if group_by is GroupBy.PROVIDER:
        return WITHOUT_PROVIDER if group is None else str(group)
    if group_by is GroupBy.DISABILITY:
        return name_of(DISABILITY, group)
    return TOTAL if group_by is GroupBy.TOTAL else str(group)
