"""Explanations: the movements behind a row add up to it, and are the ones of the story."""

from typing import Any

import pytest

from services.metrics.domain.catalogue import KEY_FIGURES
from tests.integration.metrics.api.conftest import Reading
from tests.integration.metrics.api.story import Story

GROUPINGS: list[dict[str, str]] = [
    {},
    {"group_by": "PROVIDER"},
    {"group_by": "MITGLIEDSKOERPERSCHAFT", "attribution": "RESIDENCE"},
    {"group_by": "DISABILITY"},
    {"group_by": "DISABILITY", "attribution": "PAYER", "mitgliedskoerperschaft": "05515"},
    {"known_on": "2021-03-19"},
    {"provider_kind": "WFBM", "date_basis": "DECIDED"},
]


def weights(row: dict[str, Any], side: str) -> int:
    """What the movements of one side add up to."""
    return sum(movement["weight"] for movement in row["movements"] if movement["side"] == side)


def check(row: dict[str, Any]) -> None:
    """The weights add up to the numbers of the row."""
    assert weights(row, "NUMERATOR") == row["numerator"]
    if row["person_days"] is not None:
        assert weights(row, "DENOMINATOR") == row["person_days"]
    elif any(movement["side"] == "DENOMINATOR" for movement in row["movements"]):
        assert weights(row, "DENOMINATOR") == int(row["denominator"])
    else:
        assert row["denominator"] in ("0", "1")


@pytest.mark.parametrize("figure", [definition.id for definition in KEY_FIGURES.definitions])
@pytest.mark.parametrize("grouping", GROUPINGS)
async def test_the_weights_add_up_to_the_values(reading: Reading, figure: str, grouping: dict[str, str]) -> None:
    params = {"period_from": "2021-Q1", "period_to": "2022-Q1", **grouping}
    if figure == "rueckkehrquote_kohorte":
        params |= {"cohort_from": "2021-Q1", "cohort_to": "2021-03"}
    if figure.startswith("anteil_") and grouping.get("group_by") != "DISABILITY":
        params["disability"] = "GEISTIG"
    values = await reading.values(figure, **params)
    explained = await reading.answer(f"kpis/{figure}/explanation", **params)
    for row in explained["items"]:
        check(row)
    for row in explained["items"]:
        del row["movements"]
    assert explained == values


async def test_a_correction_shows_what_was_taken_back_and_what_was_put(reading: Reading, story: Story) -> None:
    params = {"period": "2020-Q2", "window": "QUARTER", "provider_id": story.b}
    (row,) = (await reading.answer("kpis/anzahl_zugang_ev_bbb/explanation", **params))["items"]
    assert [
        (entry["side"], entry["weight"], entry["sign"], entry["effective_on"], entry["recorded_at"])
        for entry in row["movements"]
    ] == [
        ("NUMERATOR", 1, 1, "2020-04-01", "2021-11-05T11:00:00Z"),
        ("NUMERATOR", 1, 1, "2020-05-01", "2020-05-02T10:00:00Z"),
        ("NUMERATOR", -1, -1, "2020-05-01", "2021-11-05T11:00:00Z"),
    ]
    assert {entry["kind"] for entry in row["movements"]} == {"ZUGANG_BBB"}


async def test_a_mean_is_explained_in_person_days(reading: Reading) -> None:
    params = {"period": "2021", "window": "YEAR", "provider_kind": "WFBM"}
    (row,) = (await reading.answer("kpis/uebergangsdichte/explanation", **params))["items"]
    stays = [(entry["kind"], entry["weight"]) for entry in row["movements"] if entry["side"] == "DENOMINATOR"]
    # One stays the whole year; the other leaves on 15 March (292 days before its end) and is back from 1 October
    assert stays == [
        ("ZUGANG_ARBEITSBEREICH", 365),
        ("ZUGANG_ARBEITSBEREICH", 365),
        ("UEBERGANG", -292),
        ("RUECKKEHR", 92),
    ]
    assert sum(weight for _, weight in stays) == row["person_days"] == 530


async def test_the_whole_stock_is_explained_under_each_disability(reading: Reading) -> None:
    params = {"period": "2021-Q4", "group_by": "DISABILITY"}
    items = (await reading.answer("kpis/anteil_behinderungsart_wfbm/explanation", **params))["items"]
    assert [weights(row, "DENOMINATOR") for row in items] == [2, 2, 2]
    assert [weights(row, "NUMERATOR") for row in items] == [2, 0, 0]


async def test_parts_of_a_comparison_are_explained_apart(reading: Reading, story: Story) -> None:
    body = {"title": "Teil", "members": [{"provider_id": story.a, "valid_to": "2021-06-30"}]}
    headers = reading.mint.bearer("metrics:internal")
    await reading.client.put("/v1/comparison-groups/explained", json=body, headers=headers)
    params = {
        "period_from": "2021-Q1",
        "period_to": "2021-Q4",
        "window": "YEAR",
        "group_by": "COMPARISON_GROUP",
        "comparison_group": "explained",
    }
    for figure in ("uebergangsdichte", "rueckkehrquote", "bestand_arbeitsbereich", "verweildauer_bis_uebergang"):
        items = (await reading.answer(f"kpis/{figure}/explanation", **params))["items"]
        assert [row["group"] for row in items] == ["explained", "base"] * 4
        for row in items:
            check(row)


class TestRefusals:
    async def test_it_refuses_what_values_refuse(self, reading: Reading) -> None:
        await reading.refused("kpis/kombi/explanation", 404)
        await reading.refused("kpis/kombiquote/explanation", 422, known_on="2030-01-01")
        await reading.refused("kpis/kombiquote/explanation", 422, unheard="of")
        problem = await reading.refused("kpis/kombiquote/explanation", 403, scope="metrics:read")
        assert problem["type"].endswith("/internal-figures")

    async def test_more_than_ten_thousand_movements_are_too_many(self, reading: Reading) -> None:
        # Two people for each of these years: only their movements are too many, the rows are not
        params = {"period_from": "2022", "period_to": "9999"}
        assert len((await reading.values("bestand_arbeitsbereich", **params))["items"]) == 7978
        problem = await reading.refused("kpis/bestand_arbeitsbereich/explanation", 422, **params)
        assert problem["type"].endswith("/too-many-rows")
