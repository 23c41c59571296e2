"""Words for stories about one case: movements, commands, and what they leave behind."""

from collections.abc import Callable, Iterable
from datetime import date
from itertools import count
from uuid import UUID

from services.budgets.domain.model import Act, Grant, HistoryEntry, Movement
from services.budgets.domain.proposals import EMPTY, CaseFile, Command, Signed, follow
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.unit.budgets.histories import cell

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
LAST_OF_APRIL = date(2026, 4, 30)
CASE = UUID(int=1)
A, B, C = UUID(int=10), UUID(int=11), UUID(int=12)


def ids() -> Callable[[], UUID]:
    numbers = count(1000)
    return lambda: UUID(int=next(numbers))


def moved(
    fact: UUID,
    kind: str,
    day: date,
    before: str | None,
    after: str | None,
    instrument: str | None = None,
    since: date = MARCH,
) -> Movement:
    return Movement(
        fact_id=fact,
        kind=kind,
        instrument=instrument,
        effective_on=day,
        decided_on=None,
        before=cell(before) if before else None,
        before_since=since if before else None,
        after=cell(after) if after else None,
    )


def uebergang(
    day: date, fact: UUID = A, instrument: str = "BUDGET_FUER_ARBEIT", before: str = "ARBEITSBEREICH"
) -> Movement:
    after = "ALLGEMEINER_ARBEITSMARKT" if instrument == "OHNE_BUDGET" else instrument
    return moved(fact, "UEBERGANG", day, before, after, instrument)


def rueckkehr(day: date, fact: UUID = B, since: date = MARCH) -> Movement:
    return moved(fact, "RUECKKEHR", day, "BUDGET_FUER_ARBEIT", "ARBEITSBEREICH", since=since)


def command(version: int, *signed: tuple[int, Movement], traeger: Traeger = Traeger.LWL) -> Command:
    events = tuple(Signed(index, sign, movement) for index, (sign, movement) in enumerate(signed, start=1))
    return Command(traeger, CASE, version, events)


def after(*commands: Command, new_id: Callable[[], UUID] | None = None) -> tuple[CaseFile, list[HistoryEntry]]:
    file, draw = EMPTY, new_id or ids()
    history: list[HistoryEntry] = []
    for each in commands:
        file, entries = follow(file, each, new_id=draw)
        history += entries
    return file, history


def only(file: CaseFile) -> Grant:
    (grant,) = file.grants.values()
    return grant


def acts(history: Iterable[HistoryEntry]) -> list[tuple[int, Act]]:
    return [(entry.version, entry.act) for entry in history]
