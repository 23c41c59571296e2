"""What the table says about values that are equal, are not, or cannot be."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest

from deploy.local.scenario.table import (
    GROUP_ID,
    asking,
    comparison_group,
    provider_ids,
    rounded,
    table_lines,
    table_rows,
)
from deploy.local.scenario.werkstaetten import providers


def answering(value: str | None) -> Any:
    """A metrics API in which every number is the same."""

    def ask(path: str, params: Mapping[str, str]) -> Any:
        groups = (GROUP_ID, "base") if params.get("group_by") == "COMPARISON_GROUP" else ("TOTAL",)
        number = None if value is None else int(Decimal(value))
        return {"items": [{"group": g, "value": value, "numerator": number, "count": number} for g in groups]}

    return ask


def rows(value: str | None) -> dict[str | None, dict[str, str | None]]:
    return {row["figure"]: row for row in table_rows(answering(value))}


@pytest.mark.parametrize(
    ("figure", "value", "verdict", "shown"),
    [
        ("FQ1-MODELL", "5.9499", "EQUAL", "5.9499"),
        ("FQ1-MODELL", "5.9500", "DIFFERS", "5.95"),
        ("FQ1-MODELL", "5.8500", "EQUAL", "5.85"),
        ("FQ2-MODELL", "6.9982", "EQUAL", "6.9982"),
        ("GEN-BESTAND-AB", "37290.0000", "EQUAL", "37290"),
        ("GEN-BESTAND-AB", "37500.0000", "DIFFERS", "37500"),
        ("UEB-N-MODELL-2021", "32.0000", "DIFFERS", "32"),
        ("UED-MODELL", "8.9000", "NOT_REPRODUCIBLE", "8.9"),
        ("X-BFA-NEU", "113.5000", "EQUAL", "227"),
        ("FQ2-REL", "6.0000", "DIFFERS", "0"),
        ("FQ1-MODELL", None, "DIFFERS", None),
        ("WQ-AAP-DIFF", None, "NOT_REPRODUCIBLE", None),
    ],
)
def test_verdicts(figure: str, value: str | None, verdict: str, shown: str | None) -> None:
    row = rows(value)[figure]
    assert (row["verdict"], row["value"]) == (verdict, shown)
    assert (row["reason"] is None) == (verdict == "EQUAL")


def test_a_quotient_of_nothing_is_no_value() -> None:
    assert rows("0.0000")["FQ2-REL"]["reason"] == "the API gives no value"


def test_rounding_is_half_away_from_zero() -> None:
    assert rounded(Decimal("-0.05"), 1) == Decimal("-0.1")
    assert rounded(Decimal("36500"), -3) == Decimal("37000")


def test_each_question_is_asked_once() -> None:
    asked: list[tuple[str, tuple[tuple[str, str], ...]]] = []

    def ask(path: str, params: Mapping[str, str]) -> Any:
        asked.append((path, tuple(sorted(params.items()))))
        return answering("1.0000")(path, params)

    table_rows(ask)
    assert len(asked) == len(set(asked))
    terms = {(term.path, tuple(sorted(term.params.items()))) for line in table_lines() for term in line.terms}
    assert set(asked) == terms


def test_the_comparison_group_names_providers_by_their_ids_page_by_page() -> None:
    refs = [provider.ref for provider in providers()]
    pages = [refs[:40], refs[40:]]

    def handler(request: httpx.Request) -> httpx.Response:
        second = "cursor" in request.url.params
        items = [{"external_ref": ref, "id": f"id-{ref}"} for ref in pages[second]]
        return httpx.Response(200, json={"items": items, "next_cursor": None if second else "next"})

    with httpx.Client(transport=httpx.MockTransport(handler), base_url="http://cases") as client:
        ids = provider_ids(asking(client))
    body = comparison_group(ids)
    members = [member["provider_id"] for member in body["members"] if "provider_id" in member]
    assert len(members) == 11
    assert {"id-WFBM-05758-1", "id-WFBM-05911-1", "id-ALA-05515"} < set(members)
    assert not {"id-WFBM-05758-2", "id-WFBM-05911-2"} & set(members)
    mks = [m["mitgliedskoerperschaft"] for m in body["members"] if "mitgliedskoerperschaft" in m]
    assert mks == ["05515", "05570", "05915", "05970"]


def test_a_refused_question_is_not_taken_for_an_answer() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(403, json={"title": "no"}))
    with httpx.Client(transport=transport, base_url="http://metrics") as client, pytest.raises(httpx.HTTPStatusError):
        table_rows(asking(client))
