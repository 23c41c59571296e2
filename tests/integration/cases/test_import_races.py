"""Others write while an import runs: nothing is lost, and the import looks again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import pytest

from services.cases.domain.cell import Disability, Place, Registration
from services.cases.domain.commands import Add
from services.cases.domain.facts import Fact, Kind
from services.cases.service.actor import Actor
from services.cases.service.cases import CaseService
from shared.db.engine import tenant_transaction
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.cases.api import Api
from tests.integration.cases.books import (
    Books,
    app_engine,
    case,
    counts,
    fact,
    ndjson,
    until,
    work_off,
    workshop,
    zugang,
)
from tests.integration.cases.conftest import Rows
from tests.support.databases import TestDatabase

LWL = Actor(Traeger.LWL, "bernd", "front-end")
WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND wait_event IN ('transactionid', 'tuple')"
)
"""Somebody waits for the end of a transaction that has written the same row."""


@pytest.fixture
async def books(lwl: Api, cases_database: TestDatabase) -> AsyncIterator[Books]:
    async with app_engine(cases_database.app_url) as engine:
        yield Books(lwl, engine)


async def test_a_case_that_somebody_registers_at_the_same_moment_is_known_then(books: Books, rows: Rows) -> None:
    await books.take(workshop())
    started = await books.send(ndjson(case("a", zugang()), case("b", zugang())))
    async with tenant_transaction(books.engine, Traeger.LWL, "bernd") as connection:
        service = CaseService(connection=connection, actor=LWL, clock=books.api.clock)
        view = await service.register(
            external_ref="a", registration=Registration("05515", "05515", Disability.GEISTIG, False)
        )
        running = asyncio.create_task(work_off(books.engine, books.api.clock))
        await until(lambda: rows(WAITING))
    await running
    assert counts(await books.status(started["id"])) == (2, 0, 0)
    found = await books.case("a")
    assert (found["id"], found["version"]) == (str(view.case_id), 2)
    assert rows(
        "SELECT count(*) AS n FROM outbox_in WHERE key_version = 1 AND types[1] LIKE '%%case-registered%%'"
    ) == [{"n": 2}]


async def test_a_command_that_is_being_written_is_waited_for_and_counts(books: Books, rows: Rows) -> None:
    book = case("a", zugang(), fact("EINTRITT_BBB", "2018-04-01"), fact("ZUGANG_ARBEITSBEREICH", "2020-04-01"))
    await books.take(workshop(), book)
    case_id = UUID((await books.case("a"))["id"])
    back = fact("PLATZWECHSEL", "2022-01-01", place="INTERN")  # legal only behind what is being written
    started = await books.send(ndjson(case("a", *book["movements"], back)))
    async with tenant_transaction(books.engine, Traeger.LWL, "bernd") as connection:
        service = CaseService(connection=connection, actor=LWL, clock=books.api.clock)
        file = await service.find(case_id=case_id, to_change=True)
        moved = Fact(new_id(), 0, Kind.PLATZWECHSEL, date(2021, 1, 1), place=Place.AAP_GRUPPE)
        await service.change(file=file, expected=2, act="ADD", changes=[Add(moved)])
        running = asyncio.create_task(work_off(books.engine, books.api.clock))
        await until(lambda: rows(WAITING))
    await running
    assert counts(await books.status(started["id"])) == (1, 0, 0)
    timeline = await books.timeline("a")
    assert timeline["version"] == 4
    assert [entry["to"]["place"] for entry in timeline["movements"][2:]] == ["INTERN", "AAP_GRUPPE", "INTERN"]


async def test_a_clerk_who_meets_an_import_is_told_that_the_case_has_changed(books: Books, rows: Rows) -> None:
    await books.take(workshop(), case("a", zugang(external_ref="1")))
    found = await books.case("a")
    await books.take(case("a", zugang("2018-02-01", external_ref="1")))
    answer = await books.api.post(
        f"/v1/cases/{found['id']}/movements", {"kind": "EINTRITT_BBB", "effective_on": "2018-04-01"}, version=2
    )
    assert answer.status_code == 412
