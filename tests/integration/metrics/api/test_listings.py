"""Plain stocks and flows of the story, and the catalogue."""

from typing import Any

import pytest

from services.metrics.domain.catalogue import KEY_FIGURES
from tests.integration.metrics.api.conftest import Reading
from tests.integration.metrics.api.story import Story


async def test_stocks_have_every_documented_member(reading: Reading) -> None:
    assert await reading.answer("stocks", phase="ARBEITSBEREICH", on="2021-12-31", known_on="2022-01-31") == {
        "known_on": "2022-01-31",
        "as_of": {"recorded_until": "2021-11-05T11:00:00Z", "parked": 0},
        "items": [
            {
                "group": "TOTAL",
                "group_name": "Landschaftsverband Westfalen-Lippe",
                "on": "2021-12-31",
                "count": 2,
                "provisional": False,
            }
        ],
    }


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"on": "2021-05-01"}, 4),
        ({"on": "2021-05-01", "phase": ["BBB", "WERKSTATTALTERNATIVE"]}, 2),
        ({"on": "2021-05-01", "phase": "BUDGET_FUER_ARBEIT"}, 1),
        ({"on": "2021-12-31", "phase": "ARBEITSBEREICH", "place": "AAP_EINZEL"}, 1),
        ({"on": "2021-12-31", "phase": "ARBEITSBEREICH", "place": "AAP_EINZEL", "kombi": "false"}, 0),
        ({"on": "2021-12-31", "phase": "ARBEITSBEREICH", "kombi": "true"}, 1),
        ({"on": "2021-12-31", "phase": "ARBEITSBEREICH", "kombi": "false"}, 1),
        ({"on": "2021-12-31", "phase": "ARBEITSBEREICH", "disability": "SEELISCH"}, 0),
        ({"on": "2021-05-01", "mitgliedskoerperschaft": "05758"}, 2),
        ({"on": "2021-05-01", "mitgliedskoerperschaft": "05758", "attribution": "PAYER"}, 1),
        ({"on": "2018-12-31"}, 0),
        ({"on": "0001-01-01"}, 0),
    ],
)
async def test_a_stock_counts_the_people_asked_for(reading: Reading, params: dict[str, Any], count: int) -> None:
    (row,) = (await reading.answer("stocks", **params))["items"]
    assert row["count"] == count


async def test_a_stock_is_that_of_today_unless_a_day_is_named(reading: Reading) -> None:
    (row,) = (await reading.answer("stocks"))["items"]
    assert (row["on"], row["count"], row["provisional"]) == ("2022-02-14", 3, False)
    (row,) = (await reading.answer("stocks", known_on="2021-05-01"))["items"]
    assert (row["on"], row["count"], row["provisional"]) == ("2021-05-01", 4, False)
    (row,) = (await reading.answer("stocks", on="2022-02-15"))["items"]
    assert (row["on"], row["count"], row["provisional"]) == ("2022-02-15", 3, True)
    (row,) = (await reading.answer("stocks", on="2022-02-14", known_on="2021-05-01"))["items"]
    assert (row["on"], row["count"], row["provisional"]) == ("2022-02-14", 4, True)


async def test_providers_stand_there_by_the_day_alone(reading: Reading, story: Story) -> None:
    async def groups(on: str) -> list[str]:
        items = (await reading.answer("stocks", phase="ARBEITSBEREICH", on=on, group_by="PROVIDER"))["items"]
        return [row["group"] for row in items]

    assert await groups("2021-06-30") == sorted([story.a, story.b])
    assert await groups("2021-07-01") == [story.a]


async def test_flows_have_every_documented_member(reading: Reading) -> None:
    answer = await reading.answer("flows", kind="UEBERGANG", period="2021")
    assert answer == {
        "window": "YEAR",
        "known_on": None,
        "as_of": {"recorded_until": "2021-11-05T11:00:00Z", "parked": 0},
        "items": [
            {
                "group": "TOTAL",
                "group_name": "Landschaftsverband Westfalen-Lippe",
                "period": "2021",
                "count": 1,
                "provisional": False,
            }
        ],
    }


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"period": "2020"}, 4),
        ({"period": "2020", "kind": ["ZUGANG_EV", "ZUGANG_BBB"]}, 2),
        ({"period": "2020-Q2", "kind": ["ZUGANG_EV", "ZUGANG_BBB"]}, 1),
        ({"period": "2020-Q2", "window": "CUMULATIVE", "kind": ["ZUGANG_EV", "ZUGANG_BBB"]}, 2),
        ({"period": "2021", "instrument": "BUDGET_FUER_ARBEIT"}, 1),
        ({"period": "2021", "instrument": "OHNE_BUDGET"}, 0),
        ({"period": "2021", "from_phase": "ARBEITSBEREICH"}, 1),
        ({"period": "2021", "from_place": "INTERN"}, 1),
        ({"period": "2021", "from_place": "AAP_EINZEL"}, 0),
        ({"period": "2021-02", "kind": "UEBERGANG", "date_basis": "DECIDED"}, 1),
        ({"period": "2021", "kind": "ABGANG", "disability": "KOERPERLICH"}, 1),
        ({"period": "2021", "kind": "ABGANG", "disability": "GEISTIG"}, 0),
        ({"period": "2021-03", "kind": "UEBERGANG", "known_on": "2021-03-19"}, 0),
    ],
)
async def test_a_flow_counts_the_movements_asked_for(reading: Reading, params: dict[str, Any], count: int) -> None:
    (row,) = (await reading.answer("flows", **params))["items"]
    assert row["count"] == count


async def test_flows_come_by_period_and_group(reading: Reading, story: Story) -> None:
    params = {"kind": "RUECKKEHR", "period_from": "2021-Q3", "period_to": "2022-Q1", "group_by": "PROVIDER"}
    items = (await reading.answer("flows", **params))["items"]
    # A Rückkehr starts in a cell without provider and is that of the provider it leads to
    assert [(row["period"], row["group"], row["count"], row["provisional"]) for row in items] == [
        ("2021-Q3", story.a, 0, False),
        ("2021-Q4", story.a, 1, False),
        ("2022-Q1", story.a, 0, True),
        ("2022-Q1", story.n, 0, True),
    ]


async def test_the_catalogue_lists_every_figure(reading: Reading) -> None:
    items = (await reading.answer("kpis"))["items"]
    assert [item["id"] for item in items] == [definition.id for definition in KEY_FIGURES.definitions]
    for item in items:
        assert await reading.answer(f"kpis/{item['id']}") == item


async def test_a_definition_says_how_it_is_counted(reading: Reading) -> None:
    assert await reading.answer("kpis/uebergangsdichte") == {
        "id": "uebergangsdichte",
        "version": 1,
        "valid_from": "2018-01-01",
        "title": "Übergangsdichte: Übergänge mit Budget für Arbeit je 1.000 Beschäftigte im Arbeitsbereich",
        "numerator": "F(UEBERGANG from ARBEITSBEREICH, instrument BUDGET_FUER_ARBEIT)",
        "denominator": "mean S(ARBEITSBEREICH)",
        "scale": 1000,
        "default_window": "CUMULATIVE",
        "basis": "§ 219 Abs. 1, § 61 SGB IX; § 58 SGB IX",
        "source": "Evaluation des Modells „neue Teilhabe am Arbeitsleben“ (nTA) 2020-2022, 4.2.3, Abb. 7",
    }
