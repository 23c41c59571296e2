"""A book taken over, sent again, changed: what it writes, and that nothing is written twice."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.cases.api import Api
from tests.integration.cases.books import Books, app_engine, case, counts, fact, ndjson, problem, workshop, zugang
from tests.integration.cases.conftest import Rows
from tests.support.databases import TestDatabase

LATER = timedelta(days=1)


@pytest.fixture
async def books(lwl: Api, cases_database: TestDatabase) -> AsyncIterator[Books]:
    async with app_engine(cases_database.app_url) as engine:
        yield Books(lwl, engine)


BOOK = [
    workshop(),
    workshop("other", "05566"),
    case(
        "a",
        zugang(external_ref="1", zugangsweg="FOERDERSCHULE"),
        fact("EINTRITT_BBB", "2018-04-01", external_ref="2"),
        fact("ZUGANG_ARBEITSBEREICH", "2020-04-01", external_ref="3"),
    ),
    case("b", zugang("2019-01-01"), fact("ABGANG", "2019-02-01", reason="VERZICHT")),
    case("c"),
]


def events(rows: Rows) -> list[tuple[str, int, int]]:
    """Kind, version and sign of every event written, in the order of the commands."""
    found = rows(
        "SELECT e.type, o.key_version, (e.body::jsonb -> 'data' ->> 'sign')::int AS sign FROM outbox_in AS o,"
        " unnest(o.types, o.bodies) WITH ORDINALITY AS e(type, body, number) ORDER BY o.id, e.number"
    )
    return [(row["type"].split(".")[-2], row["key_version"], row["sign"]) for row in found]


async def test_a_book_becomes_files_with_their_movements_and_events(books: Books, rows: Rows) -> None:
    status = await books.take(*BOOK)
    assert counts(status) == (5, 0, 0)
    assert (status["dry_run"], status["problems"]) == (False, [])
    timeline = await books.timeline("a")
    assert timeline["version"] == 2
    assert [movement["kind"] for movement in timeline["movements"]] == [
        "ZUGANG_EV",
        "EINTRITT_BBB",
        "ZUGANG_ARBEITSBEREICH",
    ]
    assert timeline["movements"][0]["zugangsweg"] == "FOERDERSCHULE"
    assert [cell["cell"]["phase"] for cell in timeline["cells"]] == ["EV", "BBB", "ARBEITSBEREICH"]
    assert (await books.case("b"))["status"] == "ENDED"
    assert ((await books.case("c"))["version"], (await books.case("c"))["status"]) == (1, "REGISTERED")
    assert events(rows) == [
        ("provider-changed", 1, None),
        ("provider-changed", 1, None),
        ("case-registered", 1, None),
        ("zugang-ev", 2, 1),
        ("eintritt-bbb", 2, 1),
        ("zugang-arbeitsbereich", 2, 1),
        ("case-registered", 1, None),
        ("zugang-ev", 2, 1),
        ("abgang", 2, 1),
        ("case-registered", 1, None),
    ]
    acts = rows("SELECT act, count(*) AS n FROM command GROUP BY act ORDER BY act")
    assert [(row["act"], row["n"]) for row in acts] == [("IMPORT", 2), ("REGISTER", 3)]


async def test_the_events_are_those_the_api_would_have_written(books: Books, rows: Rows) -> None:
    await books.take(workshop(), case("a", zugang(), fact("EINTRITT_BBB", "2018-04-01")))
    imported = await books.case("a")
    provider_id = imported["cell"]["provider_id"]
    made = await books.api.register(external_ref="b")
    await books.api.post(
        f"/v1/cases/{made['id']}/corrections",
        {
            "reason": "as in the book",
            "changes": [
                {"add": {"kind": "ZUGANG_EV", "effective_on": "2018-01-01", "provider_id": provider_id}},
                {"add": {"kind": "EINTRITT_BBB", "effective_on": "2018-04-01"}},
            ],
        },
        version=1,
    )

    def of(case_id: str) -> list[dict[str, object]]:
        found = rows(
            "SELECT e.body::jsonb - 'id' - 'subject' AS body, o.part, o.recorded_at FROM outbox_in AS o,"
            " unnest(o.bodies) WITH ORDINALITY AS e(body, number) WHERE o.key = %(key)s ORDER BY o.id, e.number",
            {"key": case_id},
        )
        bodies = []
        for row in found:
            body = dict(row["body"])
            body["data"] = {k: v for k, v in body["data"].items() if k not in ("case_id", "fact_id")}
            bodies.append(body)
        return bodies

    assert of(imported["id"]) == of(made["id"])
    stored = (
        "SELECT attributes, movement - 'fact_id' AS movement, entry, kind, effective_on, to_phase, to_provider_id,"
        " to_payer_mk, cancelled, from_version, to_version FROM fact WHERE case_id = %(key)s ORDER BY entry"
    )
    assert rows(stored, {"key": imported["id"]}) == rows(stored, {"key": made["id"]})


async def test_the_same_book_again_changes_nothing_and_reads_no_facts(books: Books, rows: Rows) -> None:
    await books.take(*BOOK)
    books.api.clock.instant += LATER
    state = (
        "SELECT (SELECT json_agg(c ORDER BY c.id) FROM case_file AS c)::text AS files, count(*) AS events,"
        " (SELECT json_agg(p ORDER BY p.id) FROM provider AS p)::text AS providers FROM outbox_in"
    )
    before = rows(state)
    with statements_of(books.engine) as sent:
        status = await books.take(*BOOK)
    assert counts(status) == (0, 5, 0)
    assert rows(state) == before
    assert [statement for statement in sent if "FROM case_file" in statement]
    assert [statement for statement in sent if re.search(r"\b(fact|command|outbox_in)\b", statement)] == []


@contextmanager
def statements_of(engine: AsyncEngine) -> Iterator[list[str]]:
    """Everything the engine sends to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_another_spelling_of_the_same_book_changes_nothing_either(books: Books, rows: Rows) -> None:
    await books.take(*BOOK)
    before = len(events(rows))
    spelled = case("a", *reversed(BOOK[2]["movements"]))
    assert counts(await books.take(spelled)) == (0, 1, 0)
    assert len(events(rows)) == before
    assert (await books.case("a"))["version"] == 2


async def test_a_changed_book_yields_only_corrections(books: Books, rows: Rows) -> None:
    await books.take(*BOOK)
    before = len(events(rows))
    books.api.clock.instant += LATER
    changed = case(
        "a",
        zugang(external_ref="1"),
        fact("EINTRITT_BBB", "2018-05-01", external_ref="2", provider_ref="other"),
        fact("PLATZWECHSEL", "2021-01-01", external_ref="4", place="AAP_EINZEL"),
        fact("ZUGANG_ARBEITSBEREICH", "2020-04-01", external_ref="3"),
    )
    assert counts(await books.take(*BOOK[:2], changed, *BOOK[3:])) == (1, 4, 0)
    assert events(rows)[before:] == [
        ("zugang-arbeitsbereich", 3, -1),
        ("eintritt-bbb", 3, -1),
        ("zugang-ev", 3, -1),
        ("zugang-ev", 3, 1),
        ("eintritt-bbb", 3, 1),
        ("zugang-arbeitsbereich", 3, 1),
        ("platzwechsel", 3, 1),
    ]
    timeline = await books.timeline("a")
    assert timeline["movements"][0]["zugangsweg"] is None
    assert timeline["version"] == 3
    earlier = await books.timeline("a", known_on="2026-03-02")
    assert [movement["effective_on"] for movement in earlier["movements"]] == [
        "2018-01-01",
        "2018-04-01",
        "2020-04-01",
    ]


async def test_a_fact_that_left_the_book_is_cancelled(books: Books, rows: Rows) -> None:
    await books.take(*BOOK)
    before = len(events(rows))
    shorter = case("a", *BOOK[2]["movements"][:2])
    assert counts(await books.take(shorter)) == (1, 0, 0)
    assert events(rows)[before:] == [("zugang-arbeitsbereich", 3, -1)]
    assert counts(await books.take(case("b", zugang("2019-01-01")))) == (1, 0, 0)
    assert counts(await books.take(BOOK[3])) == (1, 0, 0)  # without reference it may come back
    assert len((await books.timeline("b"))["movements"]) == 2


async def test_a_cancelled_reference_stays_cancelled(books: Books) -> None:
    await books.take(*BOOK)
    await books.take(case("a", *BOOK[2]["movements"][:2]))
    status = await books.take(BOOK[2])
    assert counts(status) == (0, 0, 1)
    assert problem(status) == (1, "external-ref-cancelled", "/movements/2/external_ref")
    assert status["problems"][0]["external_ref"] == "a"
    assert (await books.case("a"))["version"] == 3


async def test_a_fact_cancelled_by_hand_stays_cancelled_with_and_without_reference(books: Books) -> None:
    await books.take(*BOOK)
    for ref, pointer in (("a", "/movements/2/external_ref"), ("b", "/movements/1/effective_on")):
        found = await books.case(ref)
        last = (await books.api.timeline(found["id"]))["movements"][-1]
        path = f"/v1/cases/{found['id']}/movements/{last['fact_id']}/cancellation"
        answer = await books.api.post(path, {"reason": "never happened"}, version=found["version"])
        assert answer.status_code == 200, answer.text
        status = await books.take(BOOK[2] if ref == "a" else BOOK[3])
        assert problem(status) == (1, "external-ref-cancelled", pointer)


async def test_the_book_wins_over_amendments_and_facts_of_the_api_stay(books: Books) -> None:
    await books.take(*BOOK)
    found = await books.case("a")
    first = (await books.api.timeline(found["id"]))["movements"][0]
    answer = await books.api.patch(
        f"/v1/cases/{found['id']}/movements/{first['fact_id']}",
        {"effective_on": "2018-02-01", "reason_for_correction": "date misread"},
        version=2,
    )
    assert answer.status_code == 200, answer.text
    await books.api.record(found["id"], 3, "PLATZWECHSEL", "2021-01-01", place="AAP_GRUPPE")
    assert counts(await books.take(*BOOK)) == (1, 4, 0)
    timeline = await books.timeline("a")
    assert [(movement["kind"], movement["effective_on"]) for movement in timeline["movements"]] == [
        ("ZUGANG_EV", "2018-01-01"),
        ("EINTRITT_BBB", "2018-04-01"),
        ("ZUGANG_ARBEITSBEREICH", "2020-04-01"),
        ("PLATZWECHSEL", "2021-01-01"),
    ]
    assert counts(await books.take(*BOOK)) == (0, 5, 0)


async def test_a_fact_of_the_api_takes_part_in_legality(books: Books) -> None:
    await books.take(*BOOK)
    found = await books.case("a")
    await books.api.record(found["id"], 2, "PLATZWECHSEL", "2021-01-01", place="AAP_GRUPPE")
    status = await books.take(case("a", *BOOK[2]["movements"][:2]))
    assert problem(status) == (1, "movement-not-allowed", None)
    assert "Allowed here: " in status["problems"][0]["detail"]


async def test_lines_of_one_case_count_in_their_order_within_a_chunk(books: Books, rows: Rows) -> None:
    status = await books.take(
        workshop(),
        case("a", zugang(external_ref="1")),
        case("a", zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-04-01", external_ref="2")),
        case("a", zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-04-01", external_ref="2")),
        case("a", zugang(external_ref="1")),
        case("a", zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-04-01", external_ref="2")),
    )
    assert counts(status) == (4, 1, 1)
    assert problem(status) == (6, "external-ref-cancelled", "/movements/1/external_ref")
    assert events(rows)[1:] == [
        ("case-registered", 1, None),
        ("zugang-ev", 2, 1),
        ("eintritt-bbb", 3, 1),
        ("eintritt-bbb", 4, -1),
    ]
    states = rows(
        "SELECT from_version, to_version, cancelled FROM fact WHERE external_ref = '2' ORDER BY from_version"
    )
    assert [tuple(row.values()) for row in states] == [(3, 4, False), (4, None, True)]


async def test_a_book_belongs_to_one_traeger(books: Books, lvr: Api) -> None:
    await books.take(*BOOK)
    assert (await lvr.get("/v1/cases")).json()["items"] == []
    other = Books(lvr, books.engine)
    status = await other.take(
        workshop(ags="05315"), case("a", zugang(), payer_mk="05315"), case("b", zugang(provider_ref="other"))
    )
    assert counts(status) == (2, 0, 1)
    assert (await other.case("a"))["id"] != (await books.case("a"))["id"]


async def test_an_empty_body_and_empty_lines_are_done(books: Books) -> None:
    assert counts(await books.take_body(b"")) == (0, 0, 0)
    assert counts(await books.take_body(b"\n\r\n" + ndjson(workshop()).rstrip(b"\n"))) == (1, 2, 0)


async def test_the_stored_body_is_gone_when_the_import_is_done(books: Books, rows: Rows) -> None:
    started = await books.send(ndjson(*BOOK))
    assert rows("SELECT count(*) AS n FROM import_chunk") == [{"n": 1}]
    assert (await books.status(started["id"]))["state"] == "RUNNING"
    await books.take(*BOOK)
    assert rows("SELECT count(*) AS n FROM import_chunk") == [{"n": 0}]
    assert (await books.status(started["id"]))["state"] == "DONE"
