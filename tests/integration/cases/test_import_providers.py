"""Lines of providers: what they may change, and what the lines around them see of it."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.cases.api import Api
from tests.integration.cases.books import Books, app_engine, case, counts, fact, problem, workshop, zugang
from tests.integration.cases.conftest import Rows
from tests.support.databases import TestDatabase

BOOK = [
    workshop(),
    workshop("other", "05566"),
    case("a", zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-04-01", external_ref="2")),
]


@pytest.fixture
async def books(lwl: Api, cases_database: TestDatabase) -> AsyncIterator[Books]:
    async with app_engine(cases_database.app_url) as engine:
        yield Books(lwl, engine)


async def test_a_provider_line_changes_what_may_change_and_counts_from_there(books: Books, rows: Rows) -> None:
    await books.take(*BOOK)
    status = await books.take(
        workshop(name="proWerk Münster"),
        workshop(),
        workshop(kind="ANDERER_LEISTUNGSANBIETER"),
        workshop(valid_to="2019-01-01"),
        workshop("new", valid_from="2030-01-01"),
        case("d", zugang(provider_ref="new")),
    )
    assert counts(status) == (3, 0, 3)
    assert [(entry["line"], entry["type"].rsplit("/", 1)[1], entry["pointer"]) for entry in status["problems"]] == [
        (3, "invalid-provider", "/provider/kind"),
        (4, "provider-in-use", None),
        (6, "provider-not-valid", "/movements/0/provider_ref"),
    ]
    names = rows("SELECT name, version FROM provider WHERE external_ref = 'wfbm'")
    assert [(row["name"], row["version"]) for row in names] == [("Werkstatt wfbm", 3)]


async def test_a_provider_line_behind_cases_sees_them(books: Books) -> None:
    status = await books.take(workshop(), case("a", zugang()), workshop(valid_to="2019-01-01"), workshop("x"))
    assert counts(status) == (3, 0, 1)
    assert problem(status) == (3, "provider-in-use", None)


async def test_a_reference_that_means_another_provider_now_is_a_change(books: Books) -> None:
    await books.take(*BOOK)
    old = (await books.api.get("/v1/providers", external_ref="wfbm")).json()["items"][0]
    answer = await books.api.patch(f"/v1/providers/{old['id']}", {"external_ref": "old"}, version=1)
    assert answer.status_code == 200, answer.text
    assert counts(await books.take(workshop(), BOOK[2])) == (2, 0, 0)
    moved = (await books.timeline("a"))["movements"][0]["to"]["provider_id"]
    assert moved != old["id"]
