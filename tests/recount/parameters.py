"""Questions to ask: all pairs of parameter values of `/v1/kpis/{id}/values`, made concrete for one world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from tests.recount import model, pairs, periods, query, reference, requests
from tests.recount.definitions import COHORT, FIGURES
from tests.recount.periods import Period
from tests.recount.worlds import Books, World

ABSENT = "absent"
LEVELS: Mapping[str, Sequence[str]] = {
    "figure": tuple(FIGURES),
    "group_by": (ABSENT, *query.GROUPINGS),
    "time": (ABSENT, "month", "quarter", "year", "months", "quarters", "years"),
    "when": ("completed", "running", "early", "future"),
    "window": (ABSENT, *periods.WINDOWS),
    "since": (ABSENT, "month", "quarter", "year"),
    "attribution": (ABSENT, *query.ATTRIBUTIONS),
    "date_basis": (ABSENT, *query.DATE_BASES),
    "known_on": (ABSENT, "today", "recent", "old", "recorded"),
    "provider_id": (ABSENT, "inside", "outside"),
    "provider_kind": (ABSENT, *query.PROVIDER_KINDS),
    "mitgliedskoerperschaft": (ABSENT, "own", "other", "outside"),
    "disability": (ABSENT, *model.DISABILITIES),
    "group_version": (ABSENT, "1", "2"),
    "cohort": (ABSENT, "month", "quarter", "year"),
}
PHASES = (
    model.EV,
    model.BBB,
    model.ARBEITSBEREICH,
    model.BUDGET_FUER_ARBEIT,
    model.BUDGET_FUER_AUSBILDUNG,
    model.WERKSTATTALTERNATIVE,
    model.ALLGEMEINER_ARBEITSMARKT,
    model.ZUVERDIENST,
)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
SETS_PER_WORLD = 330


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """A question to one Träger; `provider` is the reference of the provider asked for."""

    traeger: str
    kpi: str
    params: Mapping[str, str]
    provider: str | None

    def query(self, ids: Mapping[str, str]) -> dict[str, str]:
        """The query parameters, with the id the provider has at the outside."""
        named = {} if self.provider is None else {"provider_id": ids[self.provider]}
        return dict(self.params) | named


def possible(choice: Mapping[str, str]) -> bool:
    """Whether values go together; names not chosen yet exclude nothing."""
    figure, group_by, disability = choice.get("figure"), choice.get("group_by"), choice.get("disability")
    if choice.get("attribution") in ("PAYER", "RESIDENCE") and (
        group_by in ("PROVIDER", "COMPARISON_GROUP")
        or choice.get("provider_id", ABSENT) != ABSENT
        or choice.get("provider_kind", ABSENT) != ABSENT
        or choice.get("group_version", ABSENT) != ABSENT
    ):
        return False
    if choice.get("group_version", ABSENT) != ABSENT and group_by not in (None, "COMPARISON_GROUP"):
        return False
    if figure is not None and "cohort" in choice and (figure == COHORT) != (choice["cohort"] != ABSENT):
        return False
    if figure is not None and FIGURES[figure].share and disability == ABSENT and group_by not in (None, "DISABILITY"):
        return False
    if choice.get("time") == ABSENT and choice.get("when", "completed") != "completed":
        return False
    return not (_starts_too_late(choice))


def _starts_too_late(choice: Mapping[str, str]) -> bool:
    """A cumulation before 2020 that does not say since when."""
    if choice.get("when") != "early" or choice.get("since") != ABSENT:
        return False
    window, figure = choice.get("window"), choice.get("figure")
    if window is None or figure is None or FIGURES[figure].stocks_only or figure == COHORT:
        return False
    return window == "CUMULATIVE" or (window == ABSENT and FIGURES[figure].window == "CUMULATIVE")


def abstract_sets(seed: int = 20, number: int = SETS_PER_WORLD) -> list[pairs.Choice]:
    """Combinations that cover all pairs, filled up with random ones of the figures asked least; at least `number`."""
    random = Random(seed)
    found = pairs.cover(LEVELS, possible, random)
    asked = dict.fromkeys(FIGURES, 0)
    for choice in found:
        asked[choice["figure"]] += 1
    while len(found) < number:
        figure = min(asked, key=lambda name: asked[name])
        asked[figure] += 1
        found.append(pairs.random_choice(LEVELS, possible, random, {"figure": figure}))
    return found


def parameter_sets(world: World, choices: Sequence[pairs.Choice]) -> list[ParameterSet]:
    """The combinations made concrete for a world; most questions go to the Träger with more histories."""
    random = Random(world.seed * 7919 + 1)
    by_size = sorted(world.books.values(), key=lambda books: len(books.histories), reverse=True)
    makers = [_Maker(random, books, world.today) for books in by_size]
    return [random.choices(makers, [9, 1])[0].made(choice) for choice in choices]


class _Maker:
    """Makes combinations concrete for the books of one Träger."""

    def __init__(self, random: Random, books: Books, today: date) -> None:
        self._random = random
        self._books = books
        self._today = today
        self._known = {
            "today": [today],
            "recent": [today - timedelta(days=random.randint(1, 250)) for _ in range(3)],
            "old": [today - timedelta(days=random.randint(300, 2400)) for _ in range(4)],
            "recorded": random.sample(books.recorded_days, k=min(3, len(books.recorded_days))),
        }

    def made(self, choice: pairs.Choice) -> ParameterSet:
        params: dict[str, str] = {}
        for name in ("group_by", "window", "attribution", "date_basis", "provider_kind", "disability"):
            if choice[name] != ABSENT:
                params[name] = choice[name]
        if choice["known_on"] != ABSENT:
            params["known_on"] = self._random.choice(self._known[choice["known_on"]]).isoformat()
        if choice["group_by"] == "COMPARISON_GROUP":
            params["comparison_group"] = self._books.group
            if choice["group_version"] != ABSENT:
                params["group_version"] = choice["group_version"]
        params |= self._time(choice)
        if choice["mitgliedskoerperschaft"] != ABSENT:
            params["mitgliedskoerperschaft"] = self._mk(choice["mitgliedskoerperschaft"])
        return ParameterSet(self._books.traeger, choice["figure"], params, self._provider(choice["provider_id"]))

    def listing(self, which: str) -> ParameterSet:
        """A random question for `/v1/stocks` or `/v1/flows`."""
        pick = self._random.choice
        while not possible(
            choice := {name: pick((values[0], values[0], *values)) for name, values in LEVELS.items()}
        ):
            pass
        params = self.made(choice).params
        provider = self._provider(choice["provider_id"])
        grouping = ("group_by", "attribution", "provider_kind", "disability", "known_on", "mitgliedskoerperschaft")
        kept = {name: params[name] for name in (*grouping, "comparison_group", "group_version") if name in params}
        if which == "stocks":
            return ParameterSet(self._books.traeger, which, kept | self._cells(), provider)
        timed = ("period", "period_from", "period_to", "window", "since", "date_basis")
        kept |= {name: params[name] for name in timed if name in params}
        return ParameterSet(self._books.traeger, which, kept | self._moves(), provider)

    def _cells(self) -> dict[str, str]:
        phases = self._random.sample(PHASES, k=self._random.choice((1, 1, 2, 4)))
        found = {"on": (self._today - timedelta(days=self._random.randint(-60, 1500))).isoformat()}
        if self._random.random() < 0.5:
            phases = [model.ARBEITSBEREICH, *phases[1:]]
            for name, values in (("place", model.PLACES), ("kombi", ("true", "false"))):
                if self._random.random() < 0.4:
                    found[name] = self._random.choice(values)
        return found | {"phase": " ".join(dict.fromkeys(phases))}

    def _moves(self) -> dict[str, str]:
        kinds = self._random.sample(list(requests.MAY_CARRY), k=self._random.choice((1, 2, 5)))
        found = {"kind": " ".join(kinds)}
        if self._random.random() < 0.5:
            found = {"kind": "UEBERGANG"}
            wanted = {"instrument": sorted(requests.VALUES["instrument"]), "from_place": model.PLACES}
            for name, values in wanted.items():
                if self._random.random() < 0.4:
                    found[name] = self._random.choice(values)
        if self._random.random() < 0.3:
            found["from_phase"] = self._random.choice(PHASES)
        return found

    def _time(self, choice: pairs.Choice) -> dict[str, str]:
        params: dict[str, str] = {}
        first = periods.last_completed_quarter(self._today)
        if choice["time"] != ABSENT:
            months = _MONTHS[choice["time"].removesuffix("s")]
            last = self._period(choice["when"], months)
            first = last
            if choice["time"].endswith("s"):
                first = Period(last.start - months * self._random.randint(0, 3), months)
                if choice["when"] == "running" and self._random.random() < 0.5:
                    last = last.following()
                params |= {"period_from": first.text, "period_to": last.text}
            else:
                params["period"] = last.text
        end = first.start + first.months
        if choice["since"] != ABSENT:
            params["since"] = self._before(end, _MONTHS[choice["since"]]).text
        if choice["cohort"] != ABSENT:
            months = _MONTHS[choice["cohort"]]
            until = self._ended(end, months)
            since = Period(until.start - months * self._random.randint(0, 48 // months), months)
            params |= {"cohort_from": since.text, "cohort_to": until.text}
        return params

    def _period(self, when: str, months: int) -> Period:
        present = periods.month_number(self._today) // months * months
        if when == "running":
            return Period(present, months)
        if when == "future":
            return Period(present + months * self._random.randint(1, 2), months)
        year_2020 = 2020 * 12
        if when == "early":
            return Period((year_2020 - self._random.randint(1, 40)) // months * months, months)
        earliest = max(year_2020, present - 60)
        return Period(self._random.randint(earliest // months, (present - 1) // months) * months, months)

    def _before(self, end: int, months: int) -> Period:
        """A period that begins before the month `end`."""
        return Period((end - 1 - self._random.randint(0, 40)) // months * months, months)

    def _ended(self, end: int, months: int) -> Period:
        """A period that ends with or before the month before `end`."""
        start = (end - self._random.randint(0, 12)) // months * months - months
        return Period(start, months)

    def _mk(self, which: str) -> str:
        if which == "outside":
            return reference.OUTSIDE
        inside = which == "own"
        traeger = self._books.traeger if inside else next(t for t in reference.TRAEGER if t != self._books.traeger)
        mks = sorted({p.mk for p in self._books.providers.values() if (p.mk in reference.MEMBERS[traeger])})
        return self._random.choice(mks or reference.MEMBERS[traeger])

    def _provider(self, which: str) -> str | None:
        if which == ABSENT:
            return None
        own = set(reference.MEMBERS[self._books.traeger])
        fitting = [p.ref for p in self._books.providers.values() if (p.mk in own) == (which == "inside")]
        return self._random.choice(sorted(fitting)[:3])


def listing_sets(world: World, number: int = 30) -> list[ParameterSet]:
    """Random questions for plain stocks and flows; `phase` and `kind` are lists, separated by blanks."""
    random = Random(world.seed * 104729 + 3)
    found = []
    for index in range(number):
        books = random.choices(list(world.books.values()), [len(b.histories) for b in world.books.values()])[0]
        found.append(_Maker(random, books, world.today).listing("stocks" if index % 2 else "flows"))
    return found
