"""Key figures of the story, counted by hand."""

from typing import Any

import pytest

from tests.integration.metrics.api.conftest import Reading
from tests.integration.metrics.api.story import Story


def shown(row: dict[str, Any]) -> tuple[Any, ...]:
    """Group, numerator, denominator and value of a row."""
    return row["group"], row["numerator"], row["denominator"], row["value"]


async def test_an_answer_has_every_documented_member(reading: Reading) -> None:
    answer = await reading.values("uebergangsdichte", period="2021-Q4", window="YEAR", known_on="2022-02-01")
    assert answer == {
        "kpi": "uebergangsdichte",
        "version": 1,
        "window": "YEAR",
        "known_on": "2022-02-01",
        "as_of": {"recorded_until": "2021-11-05T11:00:00Z", "parked": 0},
        "items": [
            {
                "group": "TOTAL",
                "group_name": "Landschaftsverband Westfalen-Lippe",
                "period": "2021-Q4",
                "numerator": 1,
                "denominator": "1.452055",
                "person_days": 530,
                "days": 365,
                "value": "688.6792",
                "provisional": False,
                "suppressed": False,
            }
        ],
    }


@pytest.mark.parametrize(
    ("figure", "params", "numerator", "denominator", "value"),
    [
        ("foerderquote_1", {}, 1, "2", "50.0000"),
        ("foerderquote_1", {"window": "YEAR"}, 1, "0", None),
        ("foerderquote_1", {"since": "2021-02"}, 0, "0", None),
        ("foerderquote_2", {}, 1, "1", "100.0000"),
        ("foerderquote_2", {"window": "QUARTER"}, 0, "1", "0.0000"),
        ("uebergangsdichte", {"window": "MONTH"}, 0, "2.000000", "0.0000"),
        ("uebergangsdichte_alle", {"window": "YEAR"}, 1, "1.452055", "688.6792"),
        ("uebergaenge_je_zugang", {}, 1, "2", "50.0000"),
        ("wechselquote_aap", {"window": "YEAR"}, 0, "1.000000", "0.0000"),
        ("wechselquote_intern", {"window": "YEAR"}, 1, "0.452055", "221.2121"),
        ("kombiquote", {}, 1, "2", "50.0000"),
        ("aap_quote", {"window": "MONTH", "since": "2099"}, 1, "2", "50.0000"),
        ("anteil_behinderungsart_wfbm", {"disability": "GEISTIG"}, 2, "2", "100.0000"),
        ("anteil_behinderungsart_wfbm", {"disability": "SEELISCH"}, 0, "2", "0.0000"),
        ("anteil_behinderungsart_bfa", {"disability": "GEISTIG", "period": "2021-06"}, 1, "2", "50.0000"),
        ("rueckkehrquote", {}, 1, "1", "100.0000"),
        ("rueckkehrquote", {"window": "QUARTER"}, 1, "0", None),
        ("rueckkehrquote_kohorte", {"cohort_from": "2021-Q1", "cohort_to": "2021-Q1"}, 1, "1", "100.0000"),
        (
            "rueckkehrquote_kohorte",
            {"cohort_from": "2021-Q1", "cohort_to": "2021-03", "period": "2021-Q3"},
            0,
            "1",
            "0.0000",
        ),
        ("rueckkehrquote_kohorte", {"cohort_from": "2021-Q2", "cohort_to": "2021-Q4"}, 0, "0", None),
        ("spaetzugangsquote", {}, 0, "1", "0.0000"),
        ("verweildauer_bis_uebergang", {}, 226, "1", "226.0000"),
        ("anzahl_zugang_ev_bbb", {"period": "2020"}, 2, "1", "2.0000"),
        ("anzahl_uebergang", {"period": "2021-02", "window": "MONTH", "date_basis": "DECIDED"}, 1, "1", "1.0000"),
        ("anzahl_uebergang", {"period": "2021-02", "window": "MONTH"}, 0, "1", "0.0000"),
        ("anzahl_alternative", {}, 1, "1", "1.0000"),
        ("anzahl_rueckkehr", {}, 1, "1", "1.0000"),
        ("bestand_ev_bbb", {}, 1, "1", "1.0000"),
        ("bestand_ev_bbb", {"period": "2020-04"}, 2, "1", "2.0000"),
        ("bestand_arbeitsbereich", {}, 2, "1", "2.0000"),
        ("bestand_arbeitsbereich", {"period": "2021-06"}, 1, "1", "1.0000"),
        ("bestand_aap", {}, 1, "1", "1.0000"),
        ("bestand_bfa", {"period": "2021-06"}, 2, "1", "2.0000"),
        ("bestand_bfa", {"period": "2021-07"}, 1, "1", "1.0000"),
        ("bestand_bfa", {"period": "1969"}, 0, "1", "0.0000"),
    ],
)
async def test_a_figure_is_the_one_counted_by_hand(
    reading: Reading, figure: str, params: dict[str, str], numerator: int, denominator: str, value: str | None
) -> None:
    row = await reading.row(figure, **{"period": "2021-Q4", **params})
    assert shown(row) == ("TOTAL", numerator, denominator, value)


@pytest.mark.parametrize(
    ("figure", "params", "echo"),
    [
        ("foerderquote_1", {}, "CUMULATIVE"),
        ("anzahl_uebergang", {}, "YEAR"),
        ("uebergangsdichte", {"window": "ROLLING_4"}, "ROLLING_4"),
        ("kombiquote", {"window": "YEAR"}, "LAST_DAY"),
        (
            "rueckkehrquote_kohorte",
            {"window": "YEAR", "since": "2030", "date_basis": "DECIDED", "cohort_from": "2021", "cohort_to": "2021"},
            "COHORT",
        ),
    ],
)
async def test_the_window_is_echoed(reading: Reading, figure: str, params: dict[str, str], echo: str) -> None:
    assert (await reading.values(figure, period="2021-Q4", **params))["window"] == echo


class TestPeriods:
    async def test_without_one_it_is_the_last_quarter_completed(self, reading: Reading) -> None:
        assert (await reading.row("kombiquote"))["period"] == "2021-Q4"
        assert (await reading.row("kombiquote", known_on="2021-06-30"))["period"] == "2021-Q2"
        assert (await reading.row("kombiquote", known_on="2021-06-29"))["period"] == "2021-Q1"

    async def test_a_series_is_sorted_by_period(self, reading: Reading) -> None:
        answer = await reading.values(
            "bestand_bfa", period_from="2020-12", period_to="2021-08", group_by="DISABILITY"
        )
        assert [row["period"] for row in answer["items"][::3]] == [
            "2020-12", "2021-01", "2021-02", "2021-03", "2021-04", "2021-05", "2021-06", "2021-07", "2021-08",
        ]  # fmt: skip
        assert [row["numerator"] for row in answer["items"] if row["group"] == "KOERPERLICH"] == [
            0, 1, 1, 1, 1, 1, 1, 0, 0,
        ]  # fmt: skip
        assert [row["numerator"] for row in answer["items"] if row["group"] == "GEISTIG"] == [
            0, 0, 0, 1, 1, 1, 1, 1, 1,
        ]  # fmt: skip

    async def test_what_lies_ahead_is_provisional_and_cut_at_today(self, reading: Reading) -> None:
        running = await reading.row("uebergangsdichte", period="2022-Q1", window="QUARTER")
        assert (running["provisional"], running["days"], running["person_days"]) == (True, 45, 90)
        ahead = await reading.row("uebergangsdichte", period="2022-Q2", window="QUARTER")
        assert (ahead["provisional"], ahead["days"], ahead["person_days"]) == (True, 0, 0)
        assert (ahead["numerator"], ahead["denominator"], ahead["value"]) == (0, "0.000000", None)
        stock = await reading.row("bestand_arbeitsbereich", period="2023")
        assert (stock["numerator"], stock["provisional"]) == (2, True)
        assert (await reading.row("bestand_arbeitsbereich", period="2022-01"))["provisional"] is False


class TestKnowledge:
    async def test_a_late_fact_counts_from_the_day_it_was_recorded(self, reading: Reading) -> None:
        before = await reading.row("anzahl_uebergang", period="2021-03", window="MONTH", known_on="2021-03-19")
        after = await reading.row("anzahl_uebergang", period="2021-03", window="MONTH", known_on="2021-03-20")
        assert (before["numerator"], before["provisional"]) == (0, True)
        assert (after["numerator"], after["provisional"]) == (1, True)

    async def test_a_correction_changes_the_past_only_for_those_who_know_of_it(self, reading: Reading) -> None:
        before = await reading.row("bestand_ev_bbb", period="2020-04", known_on="2021-11-04")
        after = await reading.row("bestand_ev_bbb", period="2020-04", known_on="2021-11-05")
        assert (before["numerator"], after["numerator"]) == (1, 2)


class TestGroups:
    async def test_every_mitgliedskoerperschaft_has_a_row(self, reading: Reading) -> None:
        items = (await reading.values("foerderquote_1", period="2021-Q4", group_by="MITGLIEDSKOERPERSCHAFT"))["items"]
        assert len(items) == 27
        assert [row["group"] for row in items] == sorted(row["group"] for row in items)
        found = {row["group"]: shown(row)[1:] for row in items}
        assert found["05515"] == (0, "1", "0.0000")
        assert found["05758"] == (1, "1", "100.0000")
        assert found["05911"] == (0, "0", None)

    async def test_another_place_has_a_row_when_not_zero(self, reading: Reading) -> None:
        params = {"period_from": "2020-03", "period_to": "2020-04", "group_by": "MITGLIEDSKOERPERSCHAFT"}
        items = (await reading.values("bestand_ev_bbb", attribution="RESIDENCE", **params))["items"]
        outside = [(row["period"], row["group_name"], row["numerator"]) for row in items if row["group"] == "99999"]
        assert outside == [("2020-04", "außerhalb von Nordrhein-Westfalen", 1)]

    async def test_providers_stand_there_when_valid_in_the_window_or_not_zero(
        self, reading: Reading, story: Story
    ) -> None:
        async def rows(figure: str, **params: str) -> dict[str, tuple[Any, ...]]:
            items = (await reading.values(figure, group_by="PROVIDER", **params))["items"]
            assert [row["group"] for row in items] == sorted(row["group"] for row in items)
            return {row["group"]: (row["group_name"], *shown(row)[1:]) for row in items}

        assert await rows("foerderquote_1", period="2021-Q4") == {
            story.a: ("Werkstatt A", 0, "1", "0.0000"),
            story.b: ("Anbieter B", 0, "1", "0.0000"),
            "OHNE_ANBIETER": ("ohne Anbieter", 1, "0", None),
        }
        # B is not valid on the last day: it stands there for its stay, but not where it has none
        assert set(await rows("bestand_ev_bbb", period="2021-Q4")) == {story.a, story.b}
        assert set(await rows("bestand_arbeitsbereich", period="2021-Q4")) == {story.a}
        assert set(await rows("anzahl_uebergang", period="2021-Q4", window="QUARTER")) == {story.a}
        assert set(await rows("anzahl_uebergang", period="2021-Q4", window="YEAR")) == {story.a, story.b}
        # The window of a cohort begins with the cohort
        cohort = {"cohort_from": "2021-Q3", "cohort_to": "2021-Q4", "period": "2021-Q4"}
        assert set(await rows("rueckkehrquote_kohorte", **cohort)) == {story.a}
        # The days after today count for the rows, though nothing happens on them
        assert set(await rows("anzahl_uebergang", period="2022-02", window="MONTH")) == {story.a}
        assert set(await rows("anzahl_uebergang", period="2022-Q1", window="QUARTER")) == {story.a, story.n}
        assert set(await rows("bestand_arbeitsbereich", period="2022-Q1")) == {story.a, story.n}

    async def test_filters_confine_numbers_and_leave_rows(self, reading: Reading, story: Story) -> None:
        params = {"period": "2021-Q4", "group_by": "PROVIDER"}
        items = (await reading.values("foerderquote_1", provider_id=story.b, **params))["items"]
        assert {row["group"]: row["denominator"] for row in items} == {story.a: "0", story.b: "1"}
        items = (await reading.values("foerderquote_1", provider_kind="WFBM", **params))["items"]
        assert {row["group"]: row["denominator"] for row in items} == {story.a: "1", story.b: "0"}
        params["group_by"] = "MITGLIEDSKOERPERSCHAFT"
        items = (await reading.values("foerderquote_1", mitgliedskoerperschaft="05758", **params))["items"]
        assert len(items) == 27
        assert [shown(row) for row in items if row["denominator"] != "0"] == [("05758", 1, "1", "100.0000")]
        row = await reading.row("foerderquote_1", period="2021-Q4", provider_kind="ANDERER_LEISTUNGSANBIETER")
        assert shown(row) == ("TOTAL", 0, "1", "0.0000")

    async def test_a_share_by_disability_has_the_whole_stock_in_each_row(self, reading: Reading) -> None:
        items = (await reading.values("anteil_behinderungsart_wfbm", period="2021-Q4", group_by="DISABILITY"))[
            "items"
        ]
        assert [shown(row) for row in items] == [
            ("GEISTIG", 2, "2", "100.0000"),
            ("KOERPERLICH", 0, "2", "0.0000"),
            ("SEELISCH", 0, "2", "0.0000"),
        ]
        assert [row["group_name"] for row in items] == [
            "geistige Behinderung", "körperliche Behinderung", "seelische Behinderung",
        ]  # fmt: skip

    async def test_a_filter_beside_that_grouping_empties_the_other_numerators(self, reading: Reading) -> None:
        params = {"period": "2021-06", "group_by": "DISABILITY", "disability": "GEISTIG"}
        items = (await reading.values("anteil_behinderungsart_bfa", **params))["items"]
        assert [shown(row)[1:] for row in items] == [(1, "2", "50.0000"), (0, "2", "0.0000"), (0, "2", "0.0000")]

    async def test_each_traeger_sees_its_own(self, reading: Reading, story: Story) -> None:
        row = await reading.row("anzahl_zugang_ev_bbb", period="2020", tenant="LVR")
        assert (row["group_name"], row["numerator"]) == ("Landschaftsverband Rheinland", 1)
        answer = await reading.values("anzahl_zugang_ev_bbb", period="2020", group_by="PROVIDER", tenant="LVR")
        assert [entry["group"] for entry in answer["items"]] == [story.r]
        assert answer["as_of"]["recorded_until"] == "2020-03-01T11:00:00Z"


@pytest.mark.parametrize("group_by", ["MITGLIEDSKOERPERSCHAFT", "PROVIDER", "DISABILITY"])
@pytest.mark.parametrize("figure", ["foerderquote_1", "uebergangsdichte", "kombiquote", "verweildauer_bis_uebergang"])
async def test_the_groups_add_up_to_the_total(reading: Reading, figure: str, group_by: str) -> None:
    params = {"period_from": "2020-Q1", "period_to": "2022-Q1", "window": "ROLLING_4"}
    total = (await reading.values(figure, **params))["items"]
    rows = (await reading.values(figure, group_by=group_by, **params))["items"]
    for whole in total:
        parts = [row for row in rows if row["period"] == whole["period"]]
        assert sum(row["numerator"] for row in parts) == whole["numerator"]
        if whole["person_days"] is None:
            assert sum(int(row["denominator"]) for row in parts) == int(whole["denominator"])
        else:
            assert sum(row["person_days"] for row in parts) == whole["person_days"]
