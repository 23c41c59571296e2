"""Requests drawn at random, so that every parameter meets every other one."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

from services.metrics.domain.measures import Moves, Stays
from services.metrics.domain.sums import (
    Aggregate,
    Attribution,
    DateBasis,
    Filters,
    GroupBy,
    Member,
    Span,
    SumRequest,
    Term,
)
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.metrics.store.histories import DISABILITIES, JOBS, PLACES, World
from tests.integration.metrics.store.reference import KINDS, MOVES, PHASES, STAYS

DAY = timedelta(days=1)


def month_end(day: date) -> date:
    """The last day of a month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


class Asker:
    """Draws requests about a world."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        self.first, self.last = world.first - DAY * 100, world.last + DAY * 200

    def request(self) -> SumRequest:
        """One request."""
        random = self.random
        traeger = random.choice(list(Traeger))
        attribution = random.choice(list(Attribution))
        grouped = [group for group in GroupBy if attribution is Attribution.PROVIDER or group in _ANY_ATTRIBUTION]
        group_by = random.choice(grouped)
        return SumRequest(
            traeger=traeger,
            terms=[self.term() for _ in range(random.randint(1, 4))],
            spans=self.spans(),
            attribution=attribution,
            date_basis=random.choice(list(DateBasis)),
            known_on=random.choice([None, self.day(), month_end(self.day()), self.last]),
            group_by=group_by,
            filters=self.filters(traeger, attribution),
            members=self.members(traeger) if group_by is GroupBy.COMPARISON_GROUP else (),
        )

    def day(self) -> date:
        """Any day."""
        return self.first + DAY * self.random.randint(0, (self.last - self.first).days)

    def spans(self) -> Sequence[Span]:
        """Windows as key figures have them (from the first of a month, mostly to the end of one), and odd ones."""
        spans = []
        for _ in range(self.random.choice([1, 1, 1, 2, 5])):
            first, last = sorted((self.day(), self.day()))
            if self.random.random() < 0.8:
                first = first.replace(day=1)
            if self.random.random() < 0.3:
                first = first.replace(month=1, day=1)
            if self.random.random() < 0.6:
                last = month_end(last)
            if self.random.random() < 0.1:
                first = last + DAY * self.random.randint(1, 40)
            spans.append(Span(first, last))
        return spans

    def term(self) -> Term:
        """A named condition, now and then one that no measure covers."""
        random = self.random
        aggregate = random.choice(list(Aggregate))
        if aggregate in (Aggregate.STOCK, Aggregate.PERSON_DAYS):
            return Term(random.choice(list(STAYS)) if random.random() < 0.8 else self.stays(), aggregate)
        if aggregate is Aggregate.DURATION:
            return Term(random.choice(["F:UEBERGANG_AUS_AB", "F:UEBERGANG_BFA_AUS_AB"]), aggregate)
        if random.random() < 0.15:
            [cohort] = self.spans()[:1]
            return Term("F:RUECKKEHR_NACH_UEBERGANG_AUS_AB", aggregate, cohort if cohort.days else None)
        return Term(random.choice(list(MOVES)) if random.random() < 0.8 else self.moves(), aggregate)

    def stays(self) -> Stays:
        """Phases, and in ARBEITSBEREICH perhaps places or kombi."""
        if self.random.random() < 0.5:
            return Stays(frozenset(self.random.sample(PHASES.split(), 2)))
        places = self.random.choice([None, frozenset(self.random.sample(PLACES, 2))])
        return Stays(frozenset(["ARBEITSBEREICH"]), places, self.random.choice([None, True, False]))

    def moves(self) -> Moves:
        """Kinds, and perhaps an instrument and a beginning."""
        phases = self.random.choice([None, frozenset(self.random.sample(PHASES.split(), 3))])
        places = self.random.choice([None, None, frozenset(self.random.sample(PLACES, 1))])
        if self.random.random() < 0.5:
            instruments = frozenset(self.random.sample(list(JOBS), 1))
            return Moves(frozenset(["UEBERGANG"]), instruments, phases, places)
        return Moves(frozenset(self.random.sample(KINDS.split(), 3)), None, phases, places)

    def filters(self, traeger: Traeger, attribution: Attribution) -> Filters:
        """Mostly none, else one or several."""
        random = self.random
        house = random.choice(self.world.houses[traeger])
        by_provider = attribution is Attribution.PROVIDER
        return Filters(
            provider_id=house.id if by_provider and random.random() < 0.1 else None,
            provider_kind="WFBM" if by_provider and random.random() < 0.15 else None,
            mitgliedskoerperschaft=random.choice([house.mk, "05515", "05111", "05512"])
            if random.random() < 0.2
            else None,
            disability=random.choice(DISABILITIES) if random.random() < 0.2 else None,
        )

    def members(self, traeger: Traeger) -> Sequence[Member]:
        """Some providers and some Mitgliedskörperschaften, for always or for some months."""
        houses = self.random.sample(self.world.houses[traeger], 2)
        named = [(house.id, None) for house in (*houses, houses[0])] + [(None, houses[1].mk), (None, "05512")]
        named += [(None, "05111"), (self.world.new_id(), None)]
        return [
            Member(
                provider,
                mk,
                self.random.choice([None, first.replace(day=1)]),
                self.random.choice([None, month_end(last)]),
            )
            for provider, mk in named
            for first, last in [sorted((self.day(), self.day()))]
        ]


_ANY_ATTRIBUTION = (GroupBy.TOTAL, GroupBy.MITGLIEDSKOERPERSCHAFT, GroupBy.DISABILITY)
