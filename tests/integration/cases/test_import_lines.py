"""Every kind of line that is refused: named by its number and place, and the others are taken."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.cases.service.imports.lines import MAX_LINE_BYTES
from tests.integration.cases.api import Api, Json, new_key
from tests.integration.cases.books import (
    NDJSON,
    Books,
    app_engine,
    case,
    counts,
    fact,
    migrated,
    ndjson,
    problem,
    workshop,
    zugang,
)
from tests.integration.cases.conftest import Rows
from tests.support.databases import TestDatabase

GOOD = case("good", zugang())


@pytest.fixture
async def books(lwl: Api, cases_database: TestDatabase) -> AsyncIterator[Books]:
    async with app_engine(cases_database.app_url) as engine:
        yield Books(lwl, engine)


def without(line: Json, name: str) -> Json:
    return {key: value for key, value in line.items() if key != name}


def text(line: Json) -> str:
    return json.dumps(line)


REFUSED: dict[str, tuple[Json | bytes | str, str, str | None]] = {
    "no json": ("not json", "malformed-json", None),
    "cut": (text(GOOD)[:-5], "malformed-json", None),
    "two objects": (text(GOOD) * 2, "malformed-json", None),
    "not utf-8": (text(GOOD).encode().replace(b"good", b"g\xff\xfed"), "malformed-json", None),
    "half a surrogate pair": (text(GOOD).replace("good", "\\ud800"), "malformed-json", None),
    "raw control character": (text(GOOD).replace("good", "go\x01d"), "malformed-json", None),
    "deep": ("[" * 100_000, "malformed-json", None),
    "deep object": ('{"provider":' * 50_000, "malformed-json", None),
    "list": ("[]", "invalid-line", ""),
    "number": ("5", "invalid-line", ""),
    "nul": (text(GOOD).replace("good", "go\\u0000d"), "forbidden-character", "/external_ref"),
    "nul in a fact": (case("x", zugang(external_ref="\0")), "forbidden-character", "/movements/0/external_ref"),
    "nul in a provider": (workshop("x", name="a\0b"), "forbidden-character", "/provider/name"),
    "number for text": (case("x", payer_mk=5515), "invalid-line", "/payer_mk"),
    "number for reference": ({**case("x"), "external_ref": 7}, "invalid-line", "/external_ref"),
    "text for flag": (case("x", kombi="false"), "invalid-line", "/kombi"),
    "missing registration": (without(case("x"), "disability"), "invalid-line", "/disability"),
    "empty reference": (case(""), "invalid-line", "/external_ref"),
    "long reference": (case("x" * 201), "invalid-line", "/external_ref"),
    "unknown member": ({**case("x"), "name": "Anna"}, "invalid-line", ""),
    "unknown kind": (case("x", fact("UMZUG", "2020-01-01")), "invalid-line", "/movements/0/kind"),
    "unknown disability": (case("x", disability="NONE"), "invalid-line", "/disability"),
    "no date": (case("x", fact("ZUGANG_EV", "2020-02-30")), "invalid-line", "/movements/0/effective_on"),
    "instant for date": (
        case("x", fact("ZUGANG_EV", "2020-02-20T00:00:00Z")), "invalid-line", "/movements/0/effective_on",
    ),
    "number for date": (
        case("x", {**zugang(), "effective_on": 20200101}), "invalid-line", "/movements/0/effective_on",
    ),
    "neither": (without(case("x"), "movements"), "invalid-line", "/movements"),
    "both": ({**case("x"), "commands": []}, "invalid-line", "/movements"),
    "foreign payer": (case("x", payer_mk="05315"), "invalid-case", "/payer_mk"),
    "unknown residence": (case("x", residence_mk="12345"), "invalid-case", "/residence_mk"),
    "no ags": (case("x", residence_mk="1234"), "invalid-line", "/residence_mk"),
    "unknown provider": (case("x", zugang(provider_ref="?")), "unknown-provider", "/movements/0/provider_ref"),
    "missing provider": (
        case("x", fact("ZUGANG_EV", "2020-01-01")), "invalid-movement", "/movements/0/provider_ref",
    ),
    "provider by id": (
        case("x", fact("ZUGANG_EV", "2020-01-01", provider_id="0190a0d0-0000-7000-8000-000000000000")),
        "invalid-line", "/movements/0",
    ),
    "attribute not of the kind": (case("x", zugang(place="INTERN")), "invalid-movement", "/movements/0/place"),
    "too early": (case("x", zugang("1969-12-31")), "invalid-movement", "/movements/0/effective_on"),
    "too far ahead": (case("x", zugang("2027-03-04")), "invalid-movement", "/movements/0/effective_on"),
    "decided tomorrow": (
        case("x", zugang(decided_on="2026-03-03")), "invalid-movement", "/movements/0/decided_on",
    ),
    "impossible order": (
        case("x", zugang(), fact("PLATZWECHSEL", "2020-01-01", place="INTERN")),
        "movement-not-allowed", "/movements/1/kind",
    ),
    "provider not valid": (
        case("x", zugang("1980-01-01")), "provider-not-valid", "/movements/0/provider_ref",
    ),
    "same reference twice": (
        case("x", zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-02-01", external_ref="1")),
        "duplicate-fact", "/movements/1/external_ref",
    ),
    "same kind and day": (
        case("x", zugang(), fact("ABGANG", "2018-01-01", reason="VERZICHT"), zugang()),
        "duplicate-fact", "/movements/2/effective_on",
    ),
    "too many facts": (
        case("x", zugang(), *[
            fact("MERKMALSAENDERUNG", f"20{10 + n // 250}-0{1 + n % 9}-01", external_ref=str(n), kombi=n % 2 == 0)
            for n in range(400)
        ]),
        "too-many-facts", None,
    ),
    "provider of nowhere": (workshop("x", ags="12345"), "invalid-provider", "/provider/mitgliedskoerperschaft"),
    "provider without days": (workshop("x", valid_to="1989-01-01"), "invalid-provider", "/provider/valid_to"),
    "provider without reference": (
        {"provider": without(workshop("x")["provider"], "external_ref")}, "invalid-line", "/provider/external_ref",
    ),
    "provider with another member": ({**workshop("x"), "external_ref": "x"}, "invalid-line", ""),
    "no commands": (migrated("x"), "invalid-line", "/commands"),
    "change of two kinds": (
        migrated("x", ("2020-01-01", [{"add": zugang(), "cancel": {"ref": "1", "reason": "r"}}])),
        "invalid-line", "/commands/0/changes/0",
    ),
    "days descend": (
        migrated("x", ("2020-01-02", []), ("2020-01-01", [])), "invalid-line", "/commands/1/recorded_on",
    ),
    "recorded tomorrow": (migrated("x", ("2026-03-03", [])), "invalid-line", "/commands/0/recorded_on"),
    "unknown reference": (
        migrated("x", ("2020-01-01", [{"cancel": {"ref": "1", "reason": "r"}}])),
        "invalid-line", "/commands/0/changes/0/cancel/ref",
    ),
    "cancellation without reason": (
        migrated("x", ("2020-01-01", [{"cancel": {"ref": "1"}}])), "invalid-line",
        "/commands/0/changes/0/cancel/reason",
    ),
    "a later command breaks": (
        migrated(
            "x",
            ("2020-01-01", [{"add": zugang(external_ref="1")}]),
            ("2020-01-02", [{"add": fact("FOERDERENDE", "2020-01-02")}]),
        ),
        "movement-not-allowed", "/commands/1/changes/0/add/kind",
    ),
    "known only later": (
        migrated("x", ("2016-01-01", [{"add": zugang()}])), "invalid-movement",
        "/commands/0/changes/0/add/effective_on",
    ),
}  # fmt: skip


async def test_each_refused_line_is_named_and_the_others_are_taken(books: Books) -> None:
    lines: list[Any] = [workshop()]
    for bad, _, _ in REFUSED.values():
        lines += [bad]
    status = await books.take(*lines, GOOD)
    assert counts(status) == (2, 0, len(REFUSED))
    found = {entry["line"]: (entry["type"].rsplit("/", 1)[1], entry["pointer"]) for entry in status["problems"]}
    wanted = {number: expected[1:] for number, expected in enumerate(REFUSED.values(), start=2)}
    assert found == wanted
    assert (await books.api.get("/v1/cases")).json()["items"][0]["external_ref"] == "good"
    assert len((await books.api.get("/v1/cases")).json()["items"]) == 1
    for entry in status["problems"]:
        assert entry["title"]
        assert entry["detail"]
        assert "Anna" not in json.dumps(entry)


async def test_a_refused_change_of_a_known_case_leaves_it_as_it_was(books: Books, rows: Rows) -> None:
    await books.take(workshop(), case("a", zugang(external_ref="1")))
    before = rows("SELECT * FROM case_file"), rows("SELECT count(*) AS n FROM outbox_in")
    status = await books.take(
        case("a", zugang(external_ref="1"), payer_mk="05711"),
        case("a", zugang(external_ref="1"), kombi=True),
        case("a", fact("ZUGANG_BBB", "2018-01-01", provider_ref="wfbm", external_ref="1")),
        case("a", zugang(external_ref="1"), fact("FOERDERENDE", "2019-01-01")),
        migrated("a", ("2020-01-01", [{"add": zugang()}])),
    )
    assert [(entry["type"].rsplit("/", 1)[1], entry["pointer"]) for entry in status["problems"]] == [
        ("registration-changed", "/payer_mk"),
        ("registration-changed", "/kombi"),
        ("kind-changed", "/movements/0/kind"),
        ("movement-not-allowed", "/movements/1/kind"),
        ("commands-differ", "/commands"),
    ]
    assert (rows("SELECT * FROM case_file"), rows("SELECT count(*) AS n FROM outbox_in")) == before


async def test_without_the_scope_a_line_that_corrects_is_refused_and_one_that_adds_is_not(books: Books) -> None:
    await books.take(workshop(), case("a", zugang(external_ref="1")), case("b", zugang()), case("c", zugang()))
    books.api.scope = "cases:read cases:write"
    status = await books.take(
        case("a", zugang("2018-01-02", external_ref="1")),
        case("b"),
        case("c", zugang(), fact("EINTRITT_BBB", "2018-04-01")),
        migrated("d", ("2020-01-01", [{"add": zugang()}])),
    )
    assert counts(status) == (1, 0, 3)
    assert [(entry["type"].rsplit("/", 1)[1], entry["pointer"]) for entry in status["problems"]] == [
        ("correction-not-allowed", "/movements/0"),
        ("correction-not-allowed", "/movements"),
        ("migration-not-allowed", "/commands"),
    ]


async def test_without_the_scope_to_write_nothing_is_stored(books: Books, rows: Rows) -> None:
    books.api.scope = "cases:read cases:correct cases:migrate"
    answer = await books.api.client.post(
        "/v1/imports",
        content=ndjson(GOOD),
        headers=books.api.headers(key=new_key()) | {"Content-Type": NDJSON},
    )
    assert answer.status_code == 403
    assert rows("SELECT count(*) AS n FROM import_chunk") == [{"n": 0}]


async def test_a_line_without_end_is_taken_if_complete_and_refused_if_cut(books: Books) -> None:
    whole = ndjson(workshop(), GOOD)
    assert counts(await books.take_body(whole[:-1])) == (2, 0, 0)
    cut = await books.take_body(ndjson(workshop(), case("x", zugang()))[:-2])
    assert counts(cut) == (0, 1, 1)
    assert problem(cut) == (2, "malformed-json", None)


@pytest.mark.parametrize("over", [0, 1, 400_000, 1_200_000])
async def test_a_line_has_at_most_a_mebibyte(books: Books, over: int) -> None:
    line = ndjson(case("long")).rstrip(b"\n")
    long = line + b" " * (MAX_LINE_BYTES - len(line) + over)
    status = await books.take_body(ndjson(workshop()) + long + b"\n" + ndjson(GOOD))
    if over:
        assert counts(status) == (2, 0, 1)
        assert problem(status) == (2, "line-too-long", None)
    else:
        assert counts(status) == (3, 0, 0)
    assert len((await books.api.get("/v1/cases", external_ref="good")).json()["items"]) == 1


async def test_a_last_line_that_is_too_long_ends_the_body(books: Books) -> None:
    status = await books.take_body(ndjson(workshop()) + b"x" * (2 * MAX_LINE_BYTES))
    assert counts(status) == (1, 0, 1)
    assert problem(status) == (2, "line-too-long", None)


async def test_lines_are_numbered_across_chunks_and_all_problems_are_paged(books: Books) -> None:
    lines: list[Any] = [workshop()]
    for number in range(2, 2_602):
        lines.append(case(str(number)) if number % 2 else b"{}")
    status = await books.take(*lines)
    assert counts(status) == (1 + 1_300, 0, 1_300)
    assert len(status["problems"]) == 1_000
    assert [entry["line"] for entry in status["problems"]] == list(range(2, 2_002, 2))
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await books.api.get(f"/v1/imports/{status['id']}/problems", limit=200, **cursor)).json()
        found += [entry["line"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == list(range(2, 2_602, 2))
