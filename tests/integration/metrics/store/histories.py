"""Random case histories: facts, corrections, and the signed movements that `cases` would send of them.

Written for these tests alone, so that the sums are judged by something that shares no code with them. Not every path
is legal for `cases`; all are consistent, which is what counting needs.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec

from shared.contracts.cases_v1 import Cell, Movement
from shared.contracts.parts import part_of
from shared.kernel.mitgliedskoerperschaften import Traeger, of_traeger

DAY = timedelta(days=1)
WITH_PROVIDER = ("EV", "BBB", "ARBEITSBEREICH")
PLACES = ("INTERN", "AAP_EINZEL", "AAP_GRUPPE")
DISABILITIES = ("GEISTIG", "KOERPERLICH", "SEELISCH")
JOBS = {
    "BUDGET_FUER_ARBEIT": "BUDGET_FUER_ARBEIT",
    "BUDGET_FUER_AUSBILDUNG": "BUDGET_FUER_AUSBILDUNG",
    "OHNE_BUDGET": "ALLGEMEINER_ARBEITSMARKT",
}
# What may come next in a phase, and with which weight.
Weights = Mapping[str | None, Mapping[str, int]]

NEXT: Weights = {
    None: {"ZUGANG_EV": 3, "ZUGANG_BBB": 2, "WERKSTATTALTERNATIVE": 1, "ZUGANG_ARBEITSBEREICH": 1},
    "EV": {"EINTRITT_BBB": 8, "UEBERGANG": 1, "ABGANG": 1, "ANBIETERWECHSEL": 1, "MERKMALSAENDERUNG": 1},
    "BBB": {"ZUGANG_ARBEITSBEREICH": 8, "UEBERGANG": 1, "ABGANG": 1, "ANBIETERWECHSEL": 1, "MERKMALSAENDERUNG": 1},
    "ARBEITSBEREICH": {
        "PLATZWECHSEL": 3,
        "ANBIETERWECHSEL": 1,
        "MERKMALSAENDERUNG": 2,
        "UEBERGANG": 2,
        "AUFNAHME_ZUVERDIENST": 1,
        "ABGANG": 1,
    },
    "BUDGET_FUER_ARBEIT": {"FOERDERENDE": 1, "RUECKKEHR": 1, "ABGANG": 1, "MERKMALSAENDERUNG": 1},
    "BUDGET_FUER_AUSBILDUNG": {"FOERDERENDE": 1, "FOLGEFOERDERUNG": 1, "RUECKKEHR": 1, "ABGANG": 1},
    "WERKSTATTALTERNATIVE": {"FOERDERENDE": 1, "ZUGANG_EV": 1, "ZUGANG_BBB": 1, "ABGANG": 1, "MERKMALSAENDERUNG": 1},
    "ALLGEMEINER_ARBEITSMARKT": {"FOLGEFOERDERUNG": 1, "RUECKKEHR": 1, "ABGANG": 1},
    "ZUVERDIENST": {"ABGANG": 1, "ZUGANG_EV": 1, "ZUGANG_BBB": 1},
}


@dataclass(frozen=True, slots=True)
class House:
    """A provider and its AGS."""

    id: UUID
    mk: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact with everything it may set; what its kind has no use for is ignored."""

    id: UUID
    kind: str
    effective_on: date
    decided_on: date | None
    instrument: str | None
    house: House
    place: str
    payer_mk: str
    residence_mk: str
    disability: str
    kombi: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """A signed movement of a Träger with the instant of its command and its part."""

    tenant: Traeger
    part: int
    time: datetime
    movement: Movement


@dataclass(slots=True)
class World:
    """Draws everything at random from one seed, within these years and houses.

    By default things go wild: many Übergänge and corrections, decisions on everything, long after or before.
    """

    seed: int
    first: date
    last: date
    houses_per_traeger: int = 5
    mks_per_traeger: int = 6
    weights: Weights = field(default_factory=lambda: NEXT)
    decided: Collection[str] | None = None
    corrections: float = 0.5
    late_days: int = 90
    pause_days: int = 250
    random: Random = field(init=False)
    houses: dict[Traeger, list[House]] = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.houses = {
            traeger: [
                House(self.new_id(), self.random.choice([*(entry.ags for entry in of_traeger(traeger)), "99999"]))
                for _ in range(self.houses_per_traeger)
            ]
            for traeger in Traeger
        }

    def new_id(self) -> UUID:
        """A random id."""
        return UUID(int=self.random.getrandbits(128), version=4)

    def now(self) -> datetime:
        """An instant after everything."""
        return datetime(self.last.year + 5, 1, 1, tzinfo=UTC)

    def day(self, first: date, last: date) -> date:
        """A random day between two days, both included."""
        return first + DAY * self.random.randint(0, max(0, (last - first).days))

    def decision(self, kind: str, day: date) -> date | None:
        """When a fact was decided, if it was."""
        if self.decided is not None:
            return day - DAY * self.random.randint(0, 60) if kind in self.decided else None
        return day - DAY * self.random.randint(-50, 120) if self.random.random() < 0.6 else None

    def cases(self, count: int) -> Iterator[Recorded]:
        """The signed movements of so many cases, command by command."""
        for _ in range(count):
            yield from Case(self, self.random.choice(list(Traeger))).run()


class Case:
    """One case: a path of facts, recorded and corrected by commands."""

    def __init__(self, world: World, traeger: Traeger) -> None:
        self.world, self.random, self.traeger = world, world.random, traeger
        self.id = world.new_id()
        self.part = part_of(traeger, self.id)
        self.mks = [entry.ags for entry in of_traeger(traeger)][: world.mks_per_traeger]
        self.facts: list[Fact] = []
        self.sent: dict[UUID, Movement] = {}
        self.version = 1
        self.time = datetime.min.replace(tzinfo=UTC)

    def run(self) -> Iterator[Recorded]:
        """Commands that grow the path, and between them commands that correct it."""
        day = self.world.day(self.world.first, self.world.last)
        while day <= self.world.last and len(self.facts) < 12:
            again = True
            added: list[Fact] = []
            while again:
                added.append(self.draw(day, [*self.facts, *added]))
                again = self.random.random() < 0.15
            recorded = day + DAY * int(self.random.expovariate(1 / self.world.late_days) - 10)
            yield from self.command([*self.facts, *added], recorded)
            while self.random.random() < self.world.corrections:
                yield from self.command(self.corrected(), self.time.date() + DAY * self.random.randint(0, 300))
            if self.random.random() < 0.1:
                return
            day += DAY * int(self.random.expovariate(1 / self.world.pause_days))

    def draw(self, day: date, before: Sequence[Fact]) -> Fact:
        """A fact that may follow, with attributes of which its kind takes what it needs."""
        cell = states(before)[-1].to if before else None
        choices = self.world.weights[cell.phase if cell else None]
        [kind] = self.random.choices(list(choices), list(choices.values()))
        if kind == "RUECKKEHR" and not any(fact.kind == "UEBERGANG" for fact in before):
            kind = "ABGANG"
        decided = self.world.decision(kind, day)
        return Fact(
            id=self.world.new_id(),
            kind=kind,
            effective_on=day,
            decided_on=decided,
            instrument=self.random.choice(list(JOBS)) if kind == "UEBERGANG" else None,
            house=self.random.choice(self.world.houses[self.traeger]),
            place=self.random.choice(PLACES),
            payer_mk=self.random.choice(self.mks),
            residence_mk=self.random.choice([*self.mks, "99999", "05111", "05515"]),
            disability=self.random.choice(DISABILITIES),
            kombi=self.random.random() < 0.5,
        )

    def corrected(self) -> list[Fact]:
        """The facts after one correction: a date, attributes, the end cancelled, or an order that stays possible."""
        facts = list(self.facts)
        if not facts or self.random.random() < 0.2:
            return facts[:-1]
        index = self.random.randrange(len(facts))
        lower = facts[index - 1].effective_on if index else self.world.first - DAY * 400
        upper = facts[index + 1].effective_on if index + 1 < len(facts) else facts[index].effective_on + DAY * 90
        fresh = self.draw(facts[index].effective_on, facts[:index])
        facts[index] = replace(
            facts[index],
            effective_on=self.world.day(lower, upper),
            decided_on=fresh.decided_on,
            instrument=self.random.choice(list(JOBS)) if facts[index].instrument else None,
            **{name: getattr(fresh, name) for name in self.random.sample(list(_ATTRIBUTES), 2)},
        )
        return facts

    def command(self, facts: list[Fact], day: date) -> Iterator[Recorded]:
        """One command that leaves these facts: what is no longer true is taken back, what is new is added."""
        moment = datetime(day.year, day.month, day.day, self.random.choice([0, 12, 21, 22, 23]), 30, tzinfo=UTC)
        self.time = max(self.time, moment)
        self.facts = facts
        now = {step.fact.id: self.movement(step) for step in states(facts)}
        kept = {old.fact_id for old in self.sent.values() if same(old, now.get(old.fact_id))}
        events = [(-1, old) for old in reversed(self.sent.values()) if old.fact_id not in kept]
        events += [(1, moved) for moved in now.values() if moved.fact_id not in kept]
        self.sent = {fact_id: self.sent[fact_id] if fact_id in kept else moved for fact_id, moved in now.items()}
        if not events:
            return
        self.version += 1
        for index, (sign, moved) in enumerate(events, 1):
            place = {"case_version": self.version, "index": index, "of": len(events), "sign": sign}
            signed = msgspec.structs.replace(moved, **place)
            yield Recorded(self.traeger, self.part, self.time, signed)

    def movement(self, step: "Step") -> Movement:
        """The movement of a step, unsigned yet."""
        fact = step.fact
        return Movement(
            case_id=self.id, case_version=0, index=0, of=0, sign=1, fact_id=fact.id, kind=fact.kind,
            effective_on=fact.effective_on, decided_on=fact.decided_on, instrument=fact.instrument, reason=None,
            zugangsweg=None, initiator=None, from_=step.from_, to=step.to, from_since=step.from_since,
            alternative_on=step.alternative_on, uebergang_on=step.uebergang_on, uebergang_from=step.uebergang_from,
            recorded_at=self.time,
        )  # fmt: skip


_ATTRIBUTES = ("house", "place", "payer_mk", "residence_mk", "disability", "kombi")


def same(old: Movement, moved: Movement | None) -> bool:
    """Whether nothing has changed but when and by which command it was said."""
    unlike = ("case_version", "index", "of", "sign", "recorded_at")
    names = [name for name in Movement.__struct_fields__ if name not in unlike]
    return moved is not None and all(getattr(old, name) == getattr(moved, name) for name in names)


@dataclass(slots=True)
class Step:
    """What one fact did."""

    fact: Fact
    from_: Cell | None
    to: Cell | None
    from_since: date | None
    alternative_on: date | None = None
    uebergang_on: date | None = None
    uebergang_from: Cell | None = None


def states(facts: Sequence[Fact]) -> list[Step]:
    """Facts in their order, folded into cells."""
    steps: list[Step] = []
    cell: Cell | None = None
    since: date | None = None
    alternative: date | None = None
    uebergang: tuple[date, Cell] | None = None
    for fact in facts:
        step = Step(fact, cell, _target(fact, cell), since)
        if fact.kind in ("ZUGANG_EV", "ZUGANG_BBB"):
            step.alternative_on, alternative = alternative, None
        if fact.kind == "WERKSTATTALTERNATIVE":
            alternative = fact.effective_on
        if fact.kind == "RUECKKEHR" and uebergang is not None:
            step.uebergang_on, step.uebergang_from = uebergang
        if fact.kind == "UEBERGANG" and cell is not None:
            uebergang = (fact.effective_on, cell)
        if step.to is None:
            since = None
        elif cell is None or cell.phase != step.to.phase:
            since = fact.effective_on
        cell = step.to
        steps.append(step)
    return steps


def _target(fact: Fact, cell: Cell | None) -> Cell | None:
    kind = fact.kind
    if kind == "ABGANG":
        return None
    phase = {
        "ZUGANG_EV": "EV",
        "ZUGANG_BBB": "BBB",
        "EINTRITT_BBB": "BBB",
        "ZUGANG_ARBEITSBEREICH": "ARBEITSBEREICH",
        "RUECKKEHR": "ARBEITSBEREICH",
        "WERKSTATTALTERNATIVE": "WERKSTATTALTERNATIVE",
        "FOERDERENDE": "ALLGEMEINER_ARBEITSMARKT",
        "FOLGEFOERDERUNG": "BUDGET_FUER_ARBEIT",
        "AUFNAHME_ZUVERDIENST": "ZUVERDIENST",
        "UEBERGANG": JOBS[fact.instrument or "OHNE_BUDGET"],
    }.get(kind, cell.phase if cell else "EV")
    house, place = (fact.house.id, fact.house.mk), fact.place
    if cell is not None and cell.phase == phase and cell.provider_id is not None and kind != "ANBIETERWECHSEL":
        house = (cell.provider_id, cell.provider_mk or "")
    if cell is not None and cell.phase == phase and kind == "MERKMALSAENDERUNG":
        place = cell.place or ""
    fresh = cell is None or kind == "MERKMALSAENDERUNG"
    return Cell(
        phase=phase,
        provider_id=house[0] if phase in WITH_PROVIDER else None,
        provider_mk=house[1] if phase in WITH_PROVIDER else None,
        place=place if phase == "ARBEITSBEREICH" else None,
        payer_mk=fact.payer_mk if cell is None or fresh else cell.payer_mk,
        residence_mk=fact.residence_mk if cell is None or fresh else cell.residence_mk,
        disability=fact.disability if cell is None or fresh else cell.disability,
        kombi=fact.kombi if cell is None or fresh else cell.kombi,
    )
