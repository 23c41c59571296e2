"""A dry run says what the import would say, and leaves nothing but its status."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.cases.service.imports.body import CHUNK_LINES
from services.cases.service.imports.runner import ImportWorker
from tests.integration.cases.api import Api, Json
from tests.integration.cases.books import (
    Books,
    app_engine,
    case,
    counts,
    fact,
    migrated,
    ndjson,
    until,
    work_off,
    workshop,
    zugang,
)
from tests.integration.cases.conftest import Rows
from tests.support.databases import TestDatabase

EVERYTHING = (
    "SELECT (SELECT json_agg(p ORDER BY p.id)::text FROM provider AS p) AS providers,"
    " (SELECT json_agg(c ORDER BY c.id)::text FROM case_file AS c) AS files,"
    " (SELECT json_agg(f ORDER BY f.fact_id, f.from_version)::text FROM fact AS f) AS facts,"
    " (SELECT count(*) FROM command) AS commands, (SELECT count(*) FROM outbox_in) AS events"
)


@pytest.fixture
async def books(lwl: Api, cases_database: TestDatabase) -> AsyncIterator[Books]:
    async with app_engine(cases_database.app_url) as engine:
        yield Books(lwl, engine)


FIRST = [workshop(), case("known", zugang(external_ref="1")), case("gone", zugang(external_ref="1"))]


def book() -> list[Any]:
    """Lines that depend on lines before them in the same file."""
    return [
        workshop("new", name="only in this file"),
        workshop(name="renamed"),
        workshop("new", kind="ANDERER_LEISTUNGSANBIETER"),
        case("known", zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-04-01", external_ref="2")),
        case("known", zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-04-01", external_ref="2")),
        case("known", zugang(external_ref="1")),
        case("known", zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-04-01", external_ref="2")),
        case("fresh", zugang(provider_ref="new", external_ref="1")),
        case("fresh", zugang(provider_ref="new", external_ref="1"), kombi=True),
        case("fresh", zugang(provider_ref="wfbm", external_ref="1")),
        migrated("old", ("2020-01-01", [{"add": zugang(external_ref="1")}])),
        migrated("old", ("2020-01-01", [{"add": zugang(external_ref="1")}])),
        migrated("old", ("2020-01-01", [{"add": zugang(external_ref="2")}])),
        case("bad", zugang(), fact("FOERDERENDE", "2019-01-01")),
        b"{",
        b"",
    ]


def verdict(status: Json) -> tuple[tuple[int, int, int], Any]:
    return counts(status), status["problems"]


async def test_a_dry_run_says_what_the_import_says_and_writes_nothing(books: Books, rows: Rows) -> None:
    await books.take(*FIRST)
    before = rows(EVERYTHING)
    dry = await books.take(*book(), dry_run=True)
    assert dry["dry_run"] is True
    assert rows(EVERYTHING) == before
    assert rows("SELECT count(*) AS n FROM import_chunk") == [{"n": 0}]
    assert verdict(dry) == verdict(await books.take(*book()))
    assert counts(dry) == (7, 3, 6)


async def test_lines_of_earlier_chunks_count_in_a_dry_run(books: Books) -> None:
    lines = [case(str(number), zugang(external_ref="1")) for number in range(CHUNK_LINES)]
    again = [case(str(number), zugang(external_ref="1")) for number in range(600)]
    gone = [case(str(number)) for number in range(600, 700)]
    body = [workshop(), *lines, *again, *gone, case("650", zugang(external_ref="1"))]
    dry = await books.take(*body, dry_run=True)
    assert counts(dry) == (1 + CHUNK_LINES + 100, 600, 1)
    assert dry["problems"][0]["type"].endswith("/external-ref-cancelled")
    assert verdict(dry) == verdict(await books.take(*body))


async def test_a_dry_run_that_is_taken_up_again_ends_as_an_undisturbed_one(books: Books, rows: Rows) -> None:
    lines = [case(str(number), zugang(external_ref="1")) for number in range(CHUNK_LINES + 500)]
    body = ndjson(workshop(), *lines, *lines[:500], b"{", case("7"), case("7", zugang(external_ref="1")))
    started = await books.send(body, dry_run=True)
    stop = asyncio.Event()
    running = asyncio.create_task(ImportWorker(books.engine, books.api.clock).work(stop))
    await until(lambda: rows("SELECT 1 FROM import_job WHERE lines_done > 0"))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await books.status(started["id"]))["lines_done"] < len(lines) + 500
    await work_off(books.engine, books.api.clock)
    status = await books.status(started["id"])
    assert counts(status) == (1 + len(lines) + 1, 500, 2)
    assert [entry["line"] for entry in status["problems"]] == [len(lines) + 502, len(lines) + 504]
    assert rows("SELECT count(*) AS n FROM case_file") == [{"n": 0}]


class After(asyncio.Event):
    """Lets a loop that asks before each round go round some times."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds

    def is_set(self) -> bool:
        self.rounds -= 1
        return self.rounds < 0


async def test_progress_never_goes_back_while_finished_lines_are_decided_again(books: Books) -> None:
    lines = [case(str(number), zugang(external_ref="1")) for number in range(CHUNK_LINES * 5 // 2)]
    started = await books.send(ndjson(workshop(), *lines, b"{"), dry_run=True)
    for rounds in (2, 1):
        assert await ImportWorker(books.engine, books.api.clock).work(After(rounds))
        assert (await books.status(started["id"]))["lines_done"] == 2 * CHUNK_LINES
    await work_off(books.engine, books.api.clock)
    assert counts(await books.status(started["id"])) == (1 + CHUNK_LINES * 5 // 2, 0, 1)


async def test_while_one_worker_is_at_a_dry_run_no_other_takes_it(books: Books) -> None:
    await books.send(ndjson(workshop(), *[case(str(number), zugang()) for number in range(3_000)]), dry_run=True)
    stop = asyncio.Event()
    one, other = (ImportWorker(books.engine, books.api.clock) for _ in range(2))
    worked = await asyncio.gather(one.work(stop), other.work(stop))
    assert sorted(worked) == [False, True]


async def test_a_dry_run_holds_nobody_up(books: Books, rows: Rows) -> None:
    await books.take(*FIRST)
    found = await books.case("known")
    old = (await books.api.get("/v1/providers", external_ref="wfbm")).json()["items"][0]
    await books.send(ndjson(case("known"), *[case(str(number), zugang()) for number in range(12_000)]), dry_run=True)
    stop = asyncio.Event()
    running = asyncio.create_task(ImportWorker(books.engine, books.api.clock).work(stop))
    await until(lambda: rows("SELECT 1 FROM import_job WHERE dry_run AND lines_done > 0"))
    await books.api.record(found["id"], 2, "EINTRITT_BBB", "2018-04-01")
    answer = await books.api.patch(f"/v1/providers/{old['id']}", {"valid_to": "2030-01-01"}, version=old["version"])
    assert answer.status_code == 200, answer.text
    assert not running.done()
    await running
