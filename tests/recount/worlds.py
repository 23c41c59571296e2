"""Worlds: both Träger with their providers, histories and comparison groups, from one seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from random import Random

from tests.recount import periods, reference, rules
from tests.recount.book import Book, Class, RefusedError
from tests.recount.histories import Historian
from tests.recount.model import Change, Command, History, Movement, Provider


@dataclass(frozen=True, slots=True)
class Member:
    """A provider or a Mitgliedskörperschaft that belongs to a comparison group in whole months; None = open."""

    provider: str | None
    mk: str | None
    valid_from: date | None
    valid_to: date | None

    def valid_in(self, month: int) -> bool:
        first = periods.month_first(month)
        return (self.valid_from is None or self.valid_from <= first) and (
            self.valid_to is None or first <= self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Illegal:
    """A command that must be refused with this class, told today to the history as it stands."""

    case: str
    changes: tuple[Change, ...]
    answer: Class
    breaks_at: str | None


@dataclass(frozen=True)
class Books:
    """Everything one Träger knows."""

    traeger: str
    providers: Mapping[str, Provider]
    histories: tuple[History, ...]
    group: str
    group_versions: tuple[tuple[Member, ...], ...]
    illegal: tuple[Illegal, ...]

    @cached_property
    def recorded_days(self) -> list[date]:
        """Every day on which anything became known."""
        return sorted({command.recorded_on for history in self.histories for command in history.commands})


@dataclass(frozen=True)
class World:
    """Both Träger on one day."""

    seed: int
    today: date
    books: Mapping[str, Books]

    @property
    def size(self) -> int:
        return sum(len(books.histories) for books in self.books.values())


def random_world(seed: int, today: date, histories: int = 50) -> World:
    """A world of about `histories` legal histories, four in five of them of one Träger (which one changes)."""
    random = Random(seed)
    major = random.choice(reference.TRAEGER)
    books = {}
    for traeger in reference.TRAEGER:
        number = histories * 4 // 5 if traeger == major else histories - histories * 4 // 5
        books[traeger] = _books(random, traeger, today, number)
    return World(seed, today, books)


def _books(random: Random, traeger: str, today: date, number: int) -> Books:
    providers = {provider.ref: provider for provider in _providers(random, traeger, today)}
    historian = Historian(random, traeger, providers, today)
    histories = tuple(historian.history(f"{traeger}-{n}", random.randint(1, 12)) for n in range(number))
    versions = tuple(_members(random, traeger, providers, today) for _ in range(2))
    illegal = tuple(_illegal(historian, histories, providers, traeger, today))
    return Books(traeger, providers, histories, "modell", versions, illegal)


def _providers(random: Random, traeger: str, today: date) -> list[Provider]:
    """Seven to nine providers: some came late, some closed, one lies outside, one in the other Träger's country."""
    other = "LVR" if traeger == "LWL" else "LWL"
    members = reference.MEMBERS[traeger]
    mks = [*members[:3], members[0], members[-1], reference.OUTSIDE, reference.MEMBERS[other][0]]
    mks += random.choices(members, k=random.randint(0, 2))
    found = []
    for number, mk in enumerate(mks):
        start, end = date(1975, 1, 1), None
        if random.random() < 0.3:
            start = today - timedelta(days=random.randint(600, 3000))
        if number not in (0, 1) and random.random() < 0.25:
            end = max(start, today - timedelta(days=random.randint(-300, 1500)))
        kind = "ANDERER_LEISTUNGSANBIETER" if number in (1, 3) or random.random() < 0.2 else "WFBM"
        found.append(Provider(f"{traeger}-W{number}", f"Werk {number} {traeger}", kind, mk, start, end))
    return found


def _members(random: Random, traeger: str, providers: Mapping[str, Provider], today: date) -> tuple[Member, ...]:
    refs = random.sample(sorted(providers), k=random.randint(2, 4))
    found = [Member(ref, None, *_months(random, today)) for ref in refs]
    found += [Member(None, mk, *_months(random, today)) for mk in random.sample(reference.MEMBERS[traeger][:4], k=2)]
    return tuple(found)


def _months(random: Random, today: date) -> tuple[date | None, date | None]:
    """Open, or from the first day of a month, or to the last of one, or both."""
    present = periods.month_number(today)
    start = present - random.randint(20, 80)
    first = periods.month_first(start) if random.random() < 0.5 else None
    end = start + random.randint(1, 40)
    last = periods.month_first(end) - timedelta(days=1) if random.random() < 0.4 else None
    return first, last


def final_state(history: History, providers: Mapping[str, Provider], traeger: str) -> tuple[Book, list[Movement]]:
    """The book and the movements after all commands of a history."""
    book, movements = Book(history.registration), list[Movement]()
    for command in history.commands:
        book, movements = book.apply(command, providers, traeger)
    return book, movements


def retold(books: Books, today: date) -> tuple[History, ...]:
    """The histories as calls can tell them now: all recorded today, without the commands that this makes illegal."""
    found = []
    for history in books.histories:
        book, commands = Book(history.registration), list[Command]()
        for command in history.commands:
            late = Command(today, command.changes)
            try:
                changed, _ = book.apply(late, books.providers, books.traeger)
            except (RefusedError, rules.UndecidedError):
                continue
            if changed.facts != book.facts:
                book = changed
                commands.append(late)
        found.append(History(history.ref, history.registration, tuple(commands)))
    return tuple(found)


def _illegal(
    historian: Historian,
    histories: tuple[History, ...],
    providers: Mapping[str, Provider],
    traeger: str,
    today: date,
) -> list[Illegal]:
    """About two refused commands per history: proposals, sound or spoilt, that the rules do not take."""
    found = []
    for number, history in enumerate((*histories, *histories)):
        book, movements = final_state(history, providers, traeger)
        for attempt in range(12):
            changes = historian.proposal(f"{history.ref}-x{attempt}", book, movements, today)
            if number >= len(histories):
                changes = historian.spoilt(changes, today)
            try:
                book.apply(Command(today, changes), providers, traeger)
            except RefusedError as refused:
                found.append(Illegal(history.ref, changes, refused.answer, refused.breaks_at))
                break
            except rules.UndecidedError:
                continue
    return found
