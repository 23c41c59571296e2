"""Random histories of cases: facts told in time, late or ahead, amended, cancelled, corrected together. All legal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from tests.recount import model, reference, requests, rules
from tests.recount.book import Book, RefusedError
from tests.recount.model import Add, Amend, Cancel, Change, Command, Fact, History, Movement, Provider, Registration

_LIKELY: Mapping[str | None, Mapping[str, int]] = {
    None: {
        "ZUGANG_EV": 4,
        "ZUGANG_BBB": 3,
        "ZUGANG_ARBEITSBEREICH": 4,
        "WERKSTATTALTERNATIVE": 5,
        "AUFNAHME_ZUVERDIENST": 2,
        "RUECKKEHR": 6,
    },
    model.EV: {
        "EINTRITT_BBB": 5,
        "UEBERGANG": 2,
        "ZUGANG_ARBEITSBEREICH": 1,
        "ANBIETERWECHSEL": 1,
        "MERKMALSAENDERUNG": 1,
        "ABGANG": 1,
    },
    model.BBB: {
        "ZUGANG_ARBEITSBEREICH": 5,
        "UEBERGANG": 2,
        "ANBIETERWECHSEL": 1,
        "MERKMALSAENDERUNG": 1,
        "ABGANG": 1,
    },
    model.ARBEITSBEREICH: {
        "UEBERGANG": 6,
        "PLATZWECHSEL": 4,
        "ANBIETERWECHSEL": 2,
        "MERKMALSAENDERUNG": 2,
        "AUFNAHME_ZUVERDIENST": 1,
        "ABGANG": 1,
    },
    model.BUDGET_FUER_ARBEIT: {
        "RUECKKEHR": 5,
        "FOERDERENDE": 2,
        "MERKMALSAENDERUNG": 1,
        "ABGANG": 2,
        "ZUGANG_BBB": 1,
    },
    model.BUDGET_FUER_AUSBILDUNG: {"RUECKKEHR": 3, "FOLGEFOERDERUNG": 2, "FOERDERENDE": 1, "ABGANG": 1},
    model.WERKSTATTALTERNATIVE: {
        "ZUGANG_EV": 3,
        "ZUGANG_BBB": 2,
        "FOERDERENDE": 2,
        "MERKMALSAENDERUNG": 1,
        "ABGANG": 2,
    },
    model.ALLGEMEINER_ARBEITSMARKT: {"RUECKKEHR": 4, "FOLGEFOERDERUNG": 2, "ZUGANG_EV": 3, "ABGANG": 2},
    model.ZUVERDIENST: {
        "ZUGANG_EV": 2,
        "WERKSTATTALTERNATIVE": 3,
        "ZUGANG_ARBEITSBEREICH": 3,
        "MERKMALSAENDERUNG": 1,
        "ABGANG": 1,
    },
}
KINDS = tuple(requests.MAY_CARRY)


class Historian:
    """Writes histories of one Träger from one source of randomness."""

    def __init__(self, random: Random, traeger: str, providers: Mapping[str, Provider], today: date) -> None:
        self._random = random
        self._traeger = traeger
        self._providers = providers
        self._today = today

    def history(self, ref: str, size: int) -> History:
        """A history of about `size` facts that ends today at the latest; at least one command."""
        while True:
            registration = self.registration()
            commands = self._commands(ref, registration, size)
            if commands:
                return History(ref, registration, tuple(commands))

    def registration(self) -> Registration:
        pick = self._random.choice
        residence = self._random.choices(
            [pick(reference.MEMBERS[self._traeger]), pick(sorted(reference.ALL_AGS)), reference.OUTSIDE], [6, 2, 1]
        )[0]
        disability = self._random.choices(model.DISABILITIES, [5, 2, 3])[0]
        return Registration(pick(self._few_members()), residence, disability, self._random.random() < 0.5)

    def _few_members(self) -> Sequence[str]:
        """The Mitgliedskörperschaften most things happen in, so that figures are seldom zero."""
        return reference.MEMBERS[self._traeger][:4] + reference.MEMBERS[self._traeger][-2:]

    def _commands(self, ref: str, registration: Registration, size: int) -> list[Command]:
        book, movements = Book(registration), list[Movement]()
        commands: list[Command] = []
        day = self._today - timedelta(days=self._random.randint(200, 3500))
        for _ in range(size * 6):
            if book.told >= size and self._random.random() < 0.5:
                break
            day = day if commands and self._random.random() < 0.1 else day + self._pause()
            command = Command(min(day, self._today), self.proposal(ref, book, movements, day))
            try:
                changed, after = book.apply(command, self._providers, self._traeger)
            except (RefusedError, rules.UndecidedError):
                continue
            if changed.facts == book.facts:
                continue
            book, movements = changed, after
            commands.append(command)
            if day >= self._today:
                break
        return commands

    def _pause(self) -> timedelta:
        low, high = self._random.choice(((1, 10), (10, 120), (100, 420)))
        return timedelta(days=self._random.randint(low, high))

    def proposal(self, ref: str, book: Book, movements: Sequence[Movement], recorded_on: date) -> tuple[Change, ...]:
        """Changes that might be told on a day; whether they are legal is for the rules to say."""
        recorded_on = min(recorded_on, self._today)
        act = self._random.choices(("add", "add_two", "amend", "cancel", "combined"), [60, 12, 16, 7, 9])[0]
        living = sorted(book.facts)
        if not living or act == "add":
            return (self._added(ref, book, movements, recorded_on, 1),)
        if act == "add_two":
            return self._added_together(ref, book, movements, recorded_on)
        if act == "amend":
            return (self._amended(book, recorded_on),)
        if act == "cancel":
            return (Cancel(self._random.choice(living)),)
        return self._combined(ref, book, movements, recorded_on)

    def spoilt(self, changes: tuple[Change, ...], today: date) -> tuple[Change, ...]:
        """The same changes with one that no timeline could hold."""
        first, *rest = changes
        if isinstance(first, Cancel):
            return (Amend(first.ref, {"effective_on": today + timedelta(days=367)}), *rest)
        if isinstance(first, Amend):
            return (first, first, *rest)
        faults: tuple[dict[str, object], ...] = (
            {"effective_on": date(1969, 12, 31)},
            {"effective_on": today + timedelta(days=367)},
            {"decided_on": today + timedelta(days=1)},
            {"initiator": "PERSON", "instrument": "OHNE_BUDGET"},
            {"to_phase": model.BBB, "place": "INTERN"},
            {"payer_mk": reference.OUTSIDE},
        )
        fault = self._random.choice(faults)
        return (Add(replace(first.fact, **fault)), *rest)  # type: ignore[arg-type] # attributes by name

    def _combined(self, ref: str, book: Book, movements: Sequence[Movement], recorded_on: date) -> tuple[Change, ...]:
        """Cancel and tell anew, or shift several facts by the same number of days."""
        living = rules.in_order(book.facts.values())
        if self._random.random() < 0.5:
            gone = self._random.choice(living)
            instead = self._added(ref, book, movements, recorded_on, 1).fact
            if self._random.random() < 0.7:
                instead = replace(gone, ref=instead.ref, effective_on=self._shifted(gone.effective_on))
            return Cancel(gone.ref), Add(instead)
        shift = timedelta(days=self._random.randint(-60, 60))
        some = living[self._random.randrange(len(living)) :]
        return tuple(Amend(fact.ref, {"effective_on": fact.effective_on + shift}) for fact in some)

    def _shifted(self, day: date) -> date:
        return day + timedelta(days=self._random.choice((-90, -31, -7, -1, 1, 7, 31, 90)))

    def _added_together(
        self, ref: str, book: Book, movements: Sequence[Movement], recorded_on: date
    ) -> tuple[Change, ...]:
        first = self._added(ref, book, movements, recorded_on, 1)
        try:
            then, after = book.apply(Command(recorded_on, (first,)), self._providers, self._traeger)
        except (RefusedError, rules.UndecidedError):
            return (first,)
        return first, self._added(ref, then, after, recorded_on, 1)

    def _added(self, ref: str, book: Book, movements: Sequence[Movement], recorded_on: date, number: int) -> Add:
        """A fact that mostly goes on from the last movement, sometimes is put between earlier ones."""
        place = len(movements)
        if movements and self._random.random() < 0.12:
            place = self._random.randrange(len(movements))
        before = movements[place - 1] if place else None
        phase = before.target.phase if before is not None and before.target is not None else None
        if self._random.random() < 0.02:
            kind = self._random.choice(KINDS)
        else:
            likely = _LIKELY[phase]
            kind = self._random.choices(list(likely), list(likely.values()))[0]
        day = self._day_after(before, recorded_on)
        return Add(self.fact(f"{ref}-{book.told + number}", kind, day, recorded_on, before))

    def _day_after(self, before: Movement | None, recorded_on: date) -> date:
        latest = recorded_on + requests.HORIZON
        if before is None:
            day = recorded_on + timedelta(days=self._random.randint(-400, 60))
        else:
            gaps = ((0, 0), (1, 3), (10, 120), (100, 500))
            low, high = self._random.choices(gaps, [8, 6, 40, 46])[0]
            day = before.effective_on + timedelta(days=self._random.randint(low, high))
        if before is not None and day > recorded_on and self._random.random() < 0.5:
            day = recorded_on - timedelta(days=self._random.randint(0, 30))
        if self._random.random() < 0.3:
            day = day.replace(day=1)
        return min(day, latest)

    def fact(self, ref: str, kind: str, effective_on: date, recorded_on: date, before: Movement | None) -> Fact:
        """A fact of a kind with attributes that suit it, most of the time."""
        may, must = requests.MAY_CARRY[kind], requests.MUST_CARRY.get(kind, frozenset())
        fact = Fact(ref, kind, effective_on, decided_on=self._decided(effective_on, recorded_on, kind))
        for name in sorted(may):
            likely = 1.0 if name in must else {"provider": 0.6, "zugangsweg": 0.5, "reason": 0.0}.get(name, 0.15)
            if self._random.random() < likely:
                fact = replace(fact, **{name: self._value(name, kind, effective_on)})  # type: ignore[arg-type] # by name
        source = None if before is None else before.target
        if kind == "ZUGANG_ARBEITSBEREICH" and (source is None or source.phase != model.BBB):
            reason = self._random.choice(sorted(requests.REASONS[kind]))
            fact = replace(fact, reason=reason, provider=self._provider(effective_on))
        if source is not None and kind != "MERKMALSAENDERUNG":
            fact = replace(fact, payer_mk=None, residence_mk=None, disability=None, kombi=None)
        if kind == "MERKMALSAENDERUNG":
            name = self._random.choice(sorted(requests.ATTRIBUTES))
            fact = replace(fact, **{name: self._value(name, kind, effective_on)})  # type: ignore[arg-type] # by name
        if fact.to_phase == model.BBB:
            fact = replace(fact, place=None)
        return fact

    def _decided(self, effective_on: date, recorded_on: date, kind: str) -> date | None:
        needed = kind in ("UEBERGANG", "WERKSTATTALTERNATIVE", "FOLGEFOERDERUNG")
        if not needed and self._random.random() < 0.5:
            return None
        return min(recorded_on, effective_on + timedelta(days=self._random.randint(-150, 90)))

    def _provider(self, day: date) -> str:
        valid = [ref for ref, provider in self._providers.items() if provider.valid_on(day)]
        return self._random.choice(valid if valid and self._random.random() < 0.95 else list(self._providers))

    def _value(self, name: str, kind: str, day: date) -> object:
        if name == "provider":
            return self._provider(day)
        if name == "reason":
            if kind == "ABGANG":
                return self._random.choices(sorted(requests.REASONS[kind]), [3, 3, 1, 2, 2, 2, 2])[0]
            return self._random.choice(sorted(requests.REASONS[kind]))
        if name == "payer_mk":
            return self._random.choice(self._few_members())
        if name == "residence_mk":
            return self._random.choice([*self._few_members(), reference.OUTSIDE, *reference.MEMBERS["LVR"][:2]])
        if name == "kombi":
            return self._random.random() < 0.5
        if name == "instrument":
            return self._random.choices(sorted(requests.VALUES[name]), [6, 1, 2])[0]
        return self._random.choice(sorted(requests.VALUES[name]))

    def _amended(self, book: Book, recorded_on: date) -> Amend:
        fact = book.facts[self._random.choice(sorted(book.facts))]
        options = sorted(requests.MAY_CARRY[fact.kind] | {"effective_on", "decided_on"})
        weights = [6 if name in ("effective_on", "decided_on", "provider", "place") else 2 for name in options]
        name = self._random.choices(options, weights)[0]
        if name == "effective_on":
            return Amend(fact.ref, {name: min(self._shifted(fact.effective_on), recorded_on + requests.HORIZON)})
        if name == "decided_on":
            return Amend(fact.ref, {name: min(recorded_on, self._shifted(fact.decided_on or fact.effective_on))})
        optional = name not in requests.MUST_CARRY.get(fact.kind, ())
        if optional and getattr(fact, name) is not None and self._random.random() < 0.3:
            return Amend(fact.ref, {name: None})
        return Amend(fact.ref, {name: self._value(name, fact.kind, fact.effective_on)})
