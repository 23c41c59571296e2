"""The domain of `cases` decides as the recount does: cells, movements, signs and order, refusals."""

from collections import Counter
from datetime import date
from operator import attrgetter
from typing import Any

import pytest

from services.cases.domain.movement import Movement as CaseMovement
from shared.kernel.errors import Category, DomainError
from tests.recount.book import Book, Class
from tests.recount.model import Add, Cell, Command, Movement
from tests.recount.signed import differences
from tests.recount.worlds import Books, random_world
from tests.worlds.telling import Ids, TellingCase, telling_cases

TODAY = date(2023, 8, 15)
ANSWERS = {Category.INVALID: Class.INVALID, Category.CONFLICT: Class.CONFLICT}


@pytest.mark.parametrize("seed", range(20))
def test_every_command_gives_the_same_signed_movements(seed: int) -> None:
    ids = Ids(seed)
    for books in random_world(seed, TODAY).books.values():
        for history, case in telling_cases(books, ids):
            book, before = Book(history.registration), list[Movement]()
            for command in history.commands:
                book, after = book.apply(command, books.providers, books.traeger)
                told = case.tell(command)
                assert told is not None
                expected = [(s.sign, shown(s.movement, case, ids)) for s in differences(before, after)]
                assert [(s.sign, decided(s.movement)) for s in told.decision.signed] == expected
                assert [decided(m) for m in told.decision.movements] == [shown(m, case, ids) for m in after]
                before = after


@pytest.mark.parametrize("seed", range(20))
def test_what_the_recount_refuses_is_refused_in_the_same_class_at_the_same_fact(seed: int) -> None:
    ids = Ids(seed)
    seen: Counter[Class] = Counter()
    for books in random_world(seed, TODAY).books.values():
        cases = told_cases(books, ids)
        for illegal in books.illegal:
            case = cases[illegal.case]
            with pytest.raises(DomainError) as caught:
                case.decide(Command(TODAY, illegal.changes))
            assert ANSWERS[caught.value.category] is illegal.answer, illegal
            if illegal.answer is Class.CONFLICT and illegal.breaks_at is not None:
                added = {change.fact.ref for change in illegal.changes if isinstance(change, Add)}
                expected = str(ids.of(f"{illegal.case}/{illegal.breaks_at}"))
                allowed = {None, expected} if illegal.breaks_at in added else {expected}
                assert caught.value.extensions["breaks_at"] in allowed, illegal
            seen[illegal.answer] += 1
    assert min(seen[Class.CONFLICT], seen[Class.INVALID]) > 5


def told_cases(books: Books, ids: Ids) -> dict[str, TellingCase]:
    """All cases of a Träger with everything told."""
    found = {}
    for history, case in telling_cases(books, ids):
        for command in history.commands:
            case.tell(command)
        found[history.ref] = case
    return found


_SHARED = attrgetter(
    "kind",
    "effective_on",
    "decided_on",
    "from_since",
    "instrument",
    "reason",
    "zugangsweg",
    "initiator",
    "alternative_on",
    "uebergang_on",
)
_CELL = attrgetter("phase", "provider_mk", "place", "payer_mk", "residence_mk", "disability", "kombi")
Plain = tuple[Any, ...]


def decided(movement: CaseMovement) -> Plain:
    """A movement of the domain in plain values."""
    cells = (movement.from_, movement.to, movement.uebergang_from)
    return (movement.fact_id, *_SHARED(movement), *(cell and (cell.provider_id, *_CELL(cell)) for cell in cells))


def shown(movement: Movement, case: TellingCase, ids: Ids) -> Plain:
    """A movement of the recount in the same plain values."""
    cells = (movement.source, movement.target, movement.uebergang_from)
    fact_id = ids.of(f"{case.ref}/{movement.ref}")
    return (fact_id, *_SHARED(movement), *(plain_cell(cell, ids) for cell in cells))


def plain_cell(cell: Cell | None, ids: Ids) -> Plain | None:
    if cell is None:
        return None
    return (None if cell.provider is None else ids.of(cell.provider), *_CELL(cell))
