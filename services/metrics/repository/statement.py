"""The one statement behind a question: rows of the cube and effects of movements, each movement exactly once.

A movement is read from the cube if its part's mark has passed it and neither its month nor (where it matters) its
recorded month or the month of its Übergang is broken; in every other case it is read itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.metrics.domain.measures import Base
from services.metrics.domain.sums import GroupBy, Span
from services.metrics.repository.axis import Axis, cube_ranges, first_of_month
from services.metrics.repository.codes import (
    AGS,
    ATTRIBUTION,
    BOTH_BASES,
    DECIDED_ONLY,
    DISABILITY,
    EFFECTIVE_ONLY,
    PROVIDER_KIND,
    TRAEGER,
)
from services.metrics.repository.expansion import Coded, contributions
from services.metrics.repository.question import BLOCK, Question, Strand, by_block
from shared.contracts.parts import parts_of

RAW = 10_000
"""Codes of movements: this plus the place of the strand."""

_RANGES = ("level", "first", "until", "recorded_first", "recorded_until", "slot")


@dataclass(slots=True)
class Statement:
    """The text of a statement and its bound values, while it is written."""

    question: Question
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, name: str, value: object, kind: str) -> str:
        """Bind a value; the same name always means the same value."""
        self.values[name] = value
        return f"CAST(:{name} AS {kind})"

    def text(self) -> str:
        """The whole statement: code, group, slot, cohort_slot, net, moment."""
        group, join = self.group()
        filters = "".join(f" AND {condition}" for condition in self.filters())
        effects = "\nUNION ALL\n".join([*self._cube_blocks(), *self._raw_blocks()])
        return f"""
            SELECT effect.code, {group} AS "group", effect.slot, effect.cohort_slot,
                sum(effect.net) AS net, sum(effect.moment) AS moment
            FROM ({effects}) AS effect (code, key, disability, slot, cohort_slot, net, moment) {join}
            WHERE true{filters}
            GROUP BY 1, 2, 3, 4
            HAVING sum(effect.net) <> 0 OR sum(effect.moment) <> 0"""  # noqa: S608 - codes of our own, the rest is bound

    def group(self) -> tuple[str, str]:
        """How a row of `effect` gets its group, and the join that needs."""
        request = self.question.request
        known = "LEFT JOIN provider ON provider.no = effect.key"
        if request.group_by is GroupBy.MITGLIEDSKOERPERSCHAFT:
            return "coalesce(provider.mitgliedskoerperschaft, effect.key)", known
        if request.group_by is GroupBy.PROVIDER:
            return "provider.provider_id", known
        if request.group_by is GroupBy.DISABILITY:
            return "effect.disability", ""
        if request.group_by is GroupBy.TOTAL:
            return "0", ""
        membership = self.question.membership
        providers, mks = membership.providers, membership.mks
        members = f"""
            LEFT JOIN (
                SELECT provider.no, listed.gathered
                FROM unnest({self.bind("member_providers", list(providers), "uuid[]")},
                    {self.bind("member_provider_sets", list(providers.values()), "integer[]")})
                    AS listed (provider_id, gathered)
                JOIN provider ON provider.provider_id = listed.provider_id AND provider.tenant = {self._tenant()}
                UNION ALL
                SELECT * FROM unnest({self.bind("member_mks", list(mks), "integer[]")},
                    {self.bind("member_mk_sets", list(mks.values()), "integer[]")})
            ) AS member (key, gathered) ON member.key = effect.key"""  # noqa: S608 - values are bound
        return "coalesce(member.gathered, 0)", members

    def filters(self) -> Iterator[str]:
        """The conditions that the filters put on a row of `effect`."""
        filters = self.question.request.filters
        providers = f"SELECT no FROM provider WHERE tenant = {self._tenant()}"  # noqa: S608 - the tenant is bound
        if filters.provider_id is not None:
            provider = self.bind("provider", filters.provider_id, "uuid")
            yield f"effect.key IN ({providers} AND provider_id = {provider})"
        if filters.provider_kind is not None:
            kind = self.bind("kind", PROVIDER_KIND[filters.provider_kind], "smallint")
            yield f"effect.key IN ({providers} AND kind = {kind})"
        if filters.mitgliedskoerperschaft is not None:
            mk = self.bind("mk", AGS[filters.mitgliedskoerperschaft], "integer")
            yield f"(effect.key = {mk} OR effect.key IN ({providers} AND mitgliedskoerperschaft = {mk}))"
        if filters.disability is not None:
            yield f"effect.disability = {self.bind('disability', DISABILITY[filters.disability], 'smallint')}"

    def _tenant(self) -> str:
        return self.bind("tenant", self.question.request.traeger.value, "text")

    def _cube_blocks(self) -> Iterator[str]:
        for place, strands in enumerate(by_block(self.question.strands)):
            numbers = sorted({number for strand in strands for number in strand.measures})
            if numbers:
                yield self._cube_block(place, strands[0], numbers)

    def _cube_block(self, place: int, like: Strand, numbers: Sequence[int]) -> str:
        ranges = cube_ranges(
            self.question.axis,
            from_slot=like.from_slot,
            recorded_end=self.question.knowledge.whole_months,
            with_years=like.base is Base.STOCK,
        )
        columns = ", ".join(
            self.bind(f"{name}_{place}", [getattr(entry, name) for entry in ranges], "integer[]") for name in _RANGES
        )
        cohort_slot, cohort = ("0", "") if like.cohort is None else self._cube_cohort(place, like.cohort)
        traeger = TRAEGER[self.question.request.traeger]
        one_basis = DECIDED_ONLY if like.decided else EFFECTIVE_ONLY
        # The fence (OFFSET 0) keeps to the one good plan: each range is found by the key of the cube.
        return f"""
            SELECT cube.measure + {place * BLOCK}, cube.key, cube.disability, part.slot, {cohort_slot},
                cube.net, cube.moment
            FROM unnest({columns}) AS part ({", ".join(_RANGES)})
            CROSS JOIN LATERAL (
                SELECT * FROM cube
                WHERE traeger = {traeger} AND measure IN ({", ".join(map(str, numbers))})
                    AND attribution = {ATTRIBUTION[self.question.request.attribution]} AND level = part.level
                    AND month >= part.first AND month < part.until
                    AND recorded_month >= part.recorded_first AND recorded_month < part.recorded_until
                    AND basis IN ({BOTH_BASES}, {one_basis})
                OFFSET 0
            ) AS cube
            {cohort}"""  # noqa: S608 - codes of our own, the rest is bound

    def _cube_cohort(self, place: int, cohort: Span) -> tuple[str, str]:
        whole = [entry for entry in self.question.cohort_axes[cohort].whole() if entry[0]]
        columns = ", ".join(
            self.bind(f"cohort_{name}_{place}", [entry[index] for entry in whole], "smallint[]")
            for index, name in enumerate(("slot", "first", "until"))
        )
        join = f"""JOIN unnest({columns}) AS cohort (slot, first, until)
                ON cube.cohort_month >= cohort.first AND cube.cohort_month < cohort.until"""
        return "cohort.slot", join

    def _raw_blocks(self) -> Iterator[str]:
        places = {strand: place for place, strand in enumerate(self.question.strands)}
        for place, strands in enumerate(by_block(self.question.strands)):
            covered = [strand for strand in strands if strand.measures]
            others = [strand for strand in strands if not strand.measures]
            for alike, source in ((covered, self._rest), (others, self._all)):
                if alike:
                    coded = [Coded(RAW + places[strand], strand.base, strand.condition) for strand in alike]
                    yield self._raw_block(place, alike[0], coded, source(place, alike[0]))

    def _raw_block(self, place: int, like: Strand, coded: Sequence[Coded], source: str) -> str:
        day = day_column(like)
        bounds = self.bind("bounds", list(self.question.axis.bounds), "date[]")
        cohort_slot = "0"
        if like.cohort is not None:
            cohort = self.bind(f"cohort_{place}", list(self.question.cohort_axes[like.cohort].bounds), "date[]")
            cohort_slot = f"width_bucket(uebergang_on, {cohort})"
        effects = contributions("moved", coded, (self.question.request.attribution,), (day, "uebergang_on"))
        return f"""
            (WITH moved AS NOT MATERIALIZED ({source}), effect AS NOT MATERIALIZED ({effects})
            SELECT code, key, disability, width_bucket({day}, {bounds}), {cohort_slot}, net, moment
            FROM effect)"""  # noqa: S608 - codes of our own, the rest is bound

    def known(self, like: Strand) -> str:
        """The movements that count at all: own Träger, known, dated within the slots, of the cohort."""
        day, bounds, until = day_column(like), self.question.axis.bounds, self.question.knowledge.until
        conditions = [f"m.tenant = {self._tenant()}", f"m.{day} < {self.bind('last_bound', bounds[-1], 'date')}"]
        if like.from_slot:
            conditions.append(f"m.{day} >= {self.bind('first_bound', bounds[0], 'date')}")
        if until is not None:
            conditions.append(f"m.recorded_on <= {self.bind('known_until', until, 'date')}")
        if like.cohort is not None:
            cohort = self.question.cohort_axes[like.cohort].bounds
            first, end = f"cohort_first_{cohort[0]:%Y%m%d}", f"cohort_end_{cohort[-1]:%Y%m%d}"
            conditions.append(f"m.uebergang_on >= {self.bind(first, cohort[0], 'date')}")
            conditions.append(f"m.uebergang_on < {self.bind(end, cohort[-1], 'date')}")
        return " AND ".join(conditions)

    def _all(self, _place: int, like: Strand) -> str:
        return f"SELECT m.* FROM movement m WHERE {self.known(like)}"  # noqa: S608 - values are bound

    def _rest(self, place: int, like: Strand) -> str:
        if like.cohort is not None:
            return self._rest_of_cohort(place, like, like.cohort)
        day, known = day_column(like), self.known(like)
        # The fence (OFFSET 0) keeps to the one good plan: the tail is found by its numbers, whatever its dates are.
        parts = self.bind("parts", list(parts_of(self.question.request.traeger)), "smallint[]")
        branches = [
            f"""SELECT m.* FROM (SELECT * FROM cube_mark WHERE part = ANY({parts}) OFFSET 0) AS mark
                CROSS JOIN LATERAL (
                    SELECT * FROM movement
                    WHERE source = mark.source AND part = mark.part AND seq > mark.seq OFFSET 0
                ) AS m
                WHERE {known}"""  # noqa: S608 - values are bound
        ]
        passed = "JOIN cube_mark mark ON mark.source = m.source AND mark.part = m.part AND m.seq <= mark.seq"
        broken = self._broken("broken", self.question.axis)
        if broken is not None:
            branches.append(
                f"""SELECT m.* FROM {broken} JOIN movement m ON m.{day} >= broken.first AND m.{day} < broken.until
                {passed} WHERE {known}"""  # noqa: S608 - values are bound
            )
        recorded = self._recorded_broken()
        if recorded is not None:
            outside = f" AND NOT EXISTS (SELECT FROM {broken} WHERE {_within(day)})" if broken is not None else ""
            branches.append(
                f"SELECT m.* FROM movement m {passed} WHERE {known} AND {recorded}{outside}"  # noqa: S608 - bound
            )
        return "\nUNION ALL\n".join(branches)

    def _rest_of_cohort(self, place: int, like: Strand, cohort: Span) -> str:
        """A cohort has few Rückkehren and an index that finds them: one look at each of them is enough."""
        reasons = ["m.seq > mark.seq"]
        broken = self._broken("broken", self.question.axis)
        if broken is not None:
            reasons.append(f"EXISTS (SELECT FROM {broken} WHERE {_within(day_column(like))})")
        broken_cohort = self._broken(f"broken_cohort_{place}", self.question.cohort_axes[cohort])
        if broken_cohort is not None:
            reasons.append(f"EXISTS (SELECT FROM {broken_cohort} WHERE {_within('uebergang_on')})")
        recorded = self._recorded_broken()
        if recorded is not None:
            reasons.append(recorded)
        return f"""SELECT m.* FROM movement m
            JOIN cube_mark mark ON mark.source = m.source AND mark.part = m.part
            WHERE {self.known(like)} AND ({" OR ".join(reasons)})"""  # noqa: S608 - values are bound

    def _broken(self, name: str, axis: Axis) -> str | None:
        months = axis.broken()
        if not months:
            return None
        first = self.bind(f"{name}_first", [first_of_month(month) for month in months], "date[]")
        until = self.bind(f"{name}_until", [first_of_month(month + 1) for month in months], "date[]")
        return f"unnest({first}, {until}) AS broken (first, until)"

    def _recorded_broken(self) -> str | None:
        begin: date | None = self.question.knowledge.broken_from
        return None if begin is None else f"m.recorded_on >= {self.bind('known_month', begin, 'date')}"


def _within(day: str) -> str:
    return f"m.{day} >= broken.first AND m.{day} < broken.until"


def day_column(strand: Strand) -> str:
    """The column with the day on which a movement counts for a strand."""
    return "basis_on" if strand.decided else "effective_on"
