"""Old books with what was known when: dated commands, and the figures of an earlier day of knowledge."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.cases.api import Api, Json
from tests.integration.cases.books import Books, app_engine, case, counts, fact, migrated, problem, workshop, zugang
from tests.integration.cases.conftest import Rows
from tests.support.databases import TestDatabase
from tests.support.tokens import NOW


@pytest.fixture
async def books(lwl: Api, cases_database: TestDatabase) -> AsyncIterator[Books]:
    async with app_engine(cases_database.app_url) as engine:
        yield Books(lwl, engine)


def story(ref: str = "a") -> Json:
    return migrated(
        ref,
        ("2018-01-05", [{"add": zugang("2018-01-01", external_ref="1")}]),
        (
            "2021-03-05",
            [
                {"add": fact("EINTRITT_BBB", "2018-04-01", external_ref="2")},
                {"add": fact("ZUGANG_ARBEITSBEREICH", "2020-04-01", external_ref="3")},
            ],
        ),
        (
            "2021-07-01",
            [
                {"amend": {"ref": "2", "effective_on": "2018-05-01", "provider_ref": "other"}},
                {"cancel": {"ref": "3", "reason": "belongs to another person"}},
            ],
        ),
        ("2021-07-01", [{"amend": {"ref": "2", "provider_ref": None}}]),
    )


async def test_each_entry_is_one_command_recorded_at_noon_of_its_day(books: Books, rows: Rows) -> None:
    status = await books.take(workshop(), workshop("other", "05566"), story())
    assert counts(status) == (3, 0, 0)
    commands = rows("SELECT version, recorded_at, act, reason FROM command ORDER BY version")
    assert [tuple(row.values()) for row in commands] == [
        (1, datetime(2018, 1, 5, 11, tzinfo=UTC), "REGISTER", None),
        (2, datetime(2018, 1, 5, 11, tzinfo=UTC), "IMPORT", None),
        (3, datetime(2021, 3, 5, 11, tzinfo=UTC), "IMPORT", None),
        (4, datetime(2021, 7, 1, 10, tzinfo=UTC), "IMPORT", "belongs to another person"),
        (5, datetime(2021, 7, 1, 10, tzinfo=UTC), "IMPORT", None),
    ]
    events = rows(
        "SELECT o.key_version, e.type, (e.body::jsonb -> 'data' ->> 'sign')::int AS sign,"
        " e.body::jsonb ->> 'time' AS at"
        " FROM outbox_in AS o, unnest(o.types, o.bodies) WITH ORDINALITY AS e(type, body, n)"
        " WHERE o.key_version > 1 OR e.type LIKE '%%registered%%' ORDER BY o.id, e.n"
    )
    assert [(row["key_version"], row["type"].split(".")[-2], row["sign"], row["at"][:10]) for row in events] == [
        (1, "case-registered", None, "2018-01-05"),
        (2, "zugang-ev", 1, "2018-01-05"),
        (3, "eintritt-bbb", 1, "2021-03-05"),
        (3, "zugang-arbeitsbereich", 1, "2021-03-05"),
        (4, "zugang-arbeitsbereich", -1, "2021-07-01"),
        (4, "eintritt-bbb", -1, "2021-07-01"),
        (4, "eintritt-bbb", 1, "2021-07-01"),
        (5, "eintritt-bbb", -1, "2021-07-01"),
        (5, "eintritt-bbb", 1, "2021-07-01"),
    ]


async def test_the_timeline_of_an_earlier_day_is_what_was_known_then(books: Books) -> None:
    await books.take(workshop(), workshop("other", "05566"), story())

    async def known(day: str) -> tuple[int, list[tuple[str, str]]]:
        timeline = await books.timeline("a", known_on=day)
        return timeline["version"], [(entry["kind"], entry["effective_on"]) for entry in timeline["movements"]]

    assert await known("2018-01-04") == (0, [])
    assert await known("2018-01-05") == (2, [("ZUGANG_EV", "2018-01-01")])
    assert await known("2021-03-04") == (2, [("ZUGANG_EV", "2018-01-01")])
    assert (await known("2021-06-30"))[1] == [
        ("ZUGANG_EV", "2018-01-01"),
        ("EINTRITT_BBB", "2018-04-01"),
        ("ZUGANG_ARBEITSBEREICH", "2020-04-01"),
    ]
    assert await known("2021-07-01") == (5, [("ZUGANG_EV", "2018-01-01"), ("EINTRITT_BBB", "2018-05-01")])


async def test_a_command_of_today_is_not_recorded_later_than_now(books: Books, rows: Rows) -> None:
    assert NOW.hour < 11
    await books.take(workshop(), migrated("a", ("2026-03-02", [{"add": zugang()}])))
    assert {row["recorded_at"] for row in rows("SELECT recorded_at FROM command")} == {NOW}
    books.api.clock.instant = NOW + timedelta(hours=5)
    await books.take(migrated("b", ("2026-03-02", [{"add": zugang()}])))
    assert max(row["recorded_at"] for row in rows("SELECT recorded_at FROM command")) == NOW.replace(
        hour=11, minute=0
    )


async def test_the_same_line_again_counts_as_unchanged_and_any_other_is_refused(books: Books, rows: Rows) -> None:
    await books.take(workshop(), workshop("other", "05566"), story())
    before = rows("SELECT * FROM case_file")
    assert counts(await books.take(story())) == (0, 1, 0)
    other = story()
    other["commands"] = other["commands"][:2]
    status = await books.take(other)
    assert problem(status) == (1, "commands-differ", "/commands")
    assert rows("SELECT * FROM case_file") == before


async def test_it_is_unchanged_also_after_somebody_changed_the_case(books: Books) -> None:
    await books.take(workshop(), workshop("other", "05566"), story())
    found = await books.case("a")
    await books.api.record(found["id"], found["version"], "ABGANG", "2022-01-01", reason="RENTE")
    assert counts(await books.take(story())) == (0, 1, 0)
    assert (await books.case("a"))["status"] == "ENDED"


async def test_after_the_migration_the_book_itself_takes_over(books: Books) -> None:
    await books.take(workshop(), workshop("other", "05566"), story())
    status = await books.take(case("a", zugang("2018-01-01", external_ref="1")))
    assert counts(status) == (1, 0, 0)
    assert len((await books.timeline("a"))["movements"]) == 1
    status = await books.take(
        case("a", zugang(external_ref="1"), fact("ZUGANG_ARBEITSBEREICH", "2020-04-01", external_ref="3"))
    )
    assert problem(status) == (1, "external-ref-cancelled", "/movements/1/external_ref")


async def test_twice_in_one_file_the_second_line_is_unchanged(books: Books) -> None:
    status = await books.take(workshop(), workshop("other", "05566"), story(), story())
    assert counts(status) == (3, 1, 0)


async def test_what_was_cancelled_in_a_line_cannot_be_amended_in_it(books: Books) -> None:
    line = migrated(
        "a",
        ("2020-01-01", [{"add": zugang(external_ref="1")}]),
        ("2020-01-02", [{"cancel": {"ref": "1", "reason": "wrong"}}]),
        ("2020-01-03", [{"amend": {"ref": "1", "zugangsweg": "AUSBILDUNG"}}]),
    )
    status = await books.take(workshop(), line)
    assert (status["problems"][0]["line"], status["problems"][0]["type"].rsplit("/", 1)[1]) == (2, "fact-cancelled")
    assert (await books.api.get("/v1/cases")).json()["items"] == []


async def test_an_entry_without_effect_writes_no_version(books: Books) -> None:
    line = migrated(
        "a",
        ("2020-01-01", [{"add": zugang(external_ref="1")}]),
        ("2020-01-02", []),
        ("2020-01-03", [{"amend": {"ref": "1", "zugangsweg": None}}]),
    )
    assert counts(await books.take(workshop(), line)) == (2, 0, 0)
    assert (await books.case("a"))["version"] == 2
