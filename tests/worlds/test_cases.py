"""`cases` over HTTP holds the timelines of the recount: as known on any day, and told call by call."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from tests.recount.book import Book, Class, RefusedError, named_by
from tests.recount.model import Add, Cell, Command, History, Movement
from tests.recount.wire import call, history_calls
from tests.recount.worlds import Books, World, final_state, random_world, retold
from tests.support.databases import Cluster
from tests.worlds.cases_product import CaseAtWork, CasesProduct, cases_product
from tests.worlds.counting import TODAY

Json = dict[str, Any]
TOLD_AS_THEY_ARE = (
    "kind", "decided_on", "instrument", "reason", "zugangsweg", "initiator", "alternative_on", "uebergang_on",
    "effective_on", "from_since",
)  # fmt: skip


@pytest.fixture
async def product(cluster: Cluster) -> AsyncIterator[CasesProduct]:
    """An empty `cases`."""
    database = cluster.create("cases")
    async with cases_product(database, TODAY) as made:
        yield made
    cluster.drop(database)


@pytest.mark.parametrize("seed", [31, 32])
async def test_a_book_with_dated_commands_is_known_as_it_was_known(product: CasesProduct, seed: int) -> None:
    world = random_world(seed, TODAY)
    for books in world.books.values():
        status = await product.import_books(books)
        assert (status["lines_refused"], status["problems"]) == (0, [])
        assert status["lines_taken"] == len(books.providers) + len(books.histories)
        await compare_timelines(product, books, world)
    for books in world.books.values():
        again = await product.import_books(books)
        assert (again["lines_unchanged"], again["lines_taken"], again["lines_refused"]) == (
            again["lines_total"],
            0,
            0,
        )


async def compare_timelines(product: CasesProduct, books: Books, world: World) -> None:
    refs = await refs_of_providers(product, books.traeger)
    for history in books.histories:
        (case,) = (await product.read(books.traeger, "/v1/cases", external_ref=history.ref))["items"]
        days = [command.recorded_on for command in history.commands]
        for known_on in (None, days[0] - timedelta(days=1), *days[:: max(1, len(days) // 3)], days[-1]):
            params = {} if known_on is None else {"known_on": known_on.isoformat()}
            found = await product.read(books.traeger, f"/v1/cases/{case['id']}/timeline", **params)
            version, movements = as_known(history, books, known_on)
            assert found["version"] == version
            assert [shown(m, refs) for m in found["movements"]] == [told(m) for m in movements]
            assert found["cells"] == [dict(spell, cell=with_ids(spell["cell"], refs)) for spell in spells(movements)]


def as_known(history: History, books: Books, known_on: date | None) -> tuple[int, Sequence[Movement]]:
    """Version and movements by the commands recorded up to a day; the registration came with the first."""
    known = [command for command in history.commands if known_on is None or command.recorded_on <= known_on]
    part = History(history.ref, history.registration, tuple(known))
    return (1 + len(known) if known else 0), final_state(part, books.providers, books.traeger)[1]


def spells(movements: Sequence[Movement]) -> list[Json]:
    """Days in a row in one cell; equal neighbours are one."""
    found: list[Json] = []
    for index, movement in enumerate(movements):
        last = None
        if index + 1 < len(movements):
            last = movements[index + 1].effective_on - timedelta(days=1)
        if movement.target is None or (last is not None and last < movement.effective_on):
            continue
        to_day = None if last is None else last.isoformat()
        before = found[-1] if found else None
        adjoins = before and before["to_day"] == (movement.effective_on - timedelta(days=1)).isoformat()
        if before and adjoins and before["cell"] == movement.target:
            before["to_day"] = to_day
        else:
            found.append({"from_day": movement.effective_on.isoformat(), "to_day": to_day, "cell": movement.target})
    return found


def told(movement: Movement) -> Json:
    """A movement of the recount as JSON, providers by reference."""
    found = {name: getattr(movement, name) for name in TOLD_AS_THEY_ARE}
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in found.items()}
    cells = {"from": movement.source, "to": movement.target, "uebergang_from": movement.uebergang_from}
    return plain | {name: cell and cell_json(cell) for name, cell in cells.items()}


def shown(movement: Json, refs: dict[str, str]) -> Json:
    """A movement of an answer, providers by reference."""
    found = {name: movement[name] for name in TOLD_AS_THEY_ARE}
    for name in ("from", "to", "uebergang_from"):
        cell = movement[name]
        if cell and cell["provider_id"]:
            cell = cell | {"provider_id": refs[cell["provider_id"]]}
        found[name] = cell
    return found


def cell_json(cell: Cell) -> Json:
    return {
        "phase": cell.phase,
        "provider_id": cell.provider,
        "provider_mk": cell.provider_mk,
        "place": cell.place,
        "payer_mk": cell.payer_mk,
        "residence_mk": cell.residence_mk,
        "disability": cell.disability,
        "kombi": cell.kombi,
    }


def with_ids(cell: Cell, refs: dict[str, str]) -> Json:
    """A cell as JSON, the provider by the id it has outside."""
    ids = {ref: provider_id for provider_id, ref in refs.items()}
    return cell_json(cell) | {"provider_id": cell.provider and ids[cell.provider]}


async def refs_of_providers(product: CasesProduct, traeger: str) -> dict[str, str]:
    found = await product.read(traeger, "/v1/providers", limit="200")
    return {item["id"]: item["external_ref"] for item in found["items"]}


async def test_histories_told_call_by_call_end_the_same_and_what_is_illegal_is_refused(product: CasesProduct) -> None:
    world = random_world(33, TODAY)
    seen = {Class.CONFLICT: 0, Class.INVALID: 0}
    for books in world.books.values():
        ids = await product.register_providers(books)
        refs = {provider_id: ref for ref, provider_id in ids.items()}
        cases: dict[str, tuple[CaseAtWork, Book]] = {}
        for history in retold(books, TODAY):
            case = CaseAtWork()
            for step in history_calls(history, ids):
                answer = await product.send(books.traeger, case, step)
                assert answer.status_code in (200, 201), (step, answer.text)
            book, movements = final_state(history, books.providers, books.traeger)
            found = await product.read(books.traeger, f"/v1/cases/{case.id}/timeline")
            assert [shown(m, refs) for m in found["movements"]] == [told(m) for m in movements]
            cases[history.ref] = case, book
        for illegal in books.illegal:
            case, book = cases[illegal.case]
            answer_of = refusal(book, Command(TODAY, illegal.changes), books)
            if answer_of is None:
                continue
            answer = await product.send(books.traeger, case, call(Command(TODAY, illegal.changes), ids))
            assert answer.status_code == answer_of.value, (illegal, answer.text)
            seen[answer_of] += 1
    assert min(seen.values()) > 15


def refusal(book: Book, command: Command, books: Books) -> Class | None:
    """The class in which the rules refuse a command; None if they take it or name facts the case never had."""
    named = {named_by(change) for change in command.changes if not isinstance(change, Add)}
    if not named <= set(book.facts) | set(book.cancelled):
        return None
    try:
        book.apply(command, books.providers, books.traeger)
    except RefusedError as refused:
        return refused.answer
    return None
