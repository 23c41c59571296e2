"""The recount's figures on books small enough to count on the fingers."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

import pytest

from tests.recount.figures import Recount, rounded
from tests.recount.listings import flows, stocks
from tests.recount.model import Add, Amend, Cancel, Command, Fact, History, Provider, Registration
from tests.recount.query import UnanswerableError
from tests.recount.worlds import Books, Member

TODAY = date(2021, 8, 20)
PROVIDERS = {
    "A": Provider("A", "A", "WFBM", "05515", date(1980, 1, 1), None),
    "B": Provider("B", "B", "ANDERER_LEISTUNGSANBIETER", "99999", date(2020, 1, 1), date(2021, 3, 31)),
}
GEISTIG = Registration("05570", "05111", "GEISTIG", True)
SEELISCH = Registration("05515", "05515", "SEELISCH", False)


def day(text: str) -> date:
    return date.fromisoformat(text)


def told(on: str, *facts: Fact) -> Command:
    return Command(day(on), tuple(Add(fact) for fact in facts))


def anna() -> History:
    """EV 1.3., AB outside 1.7.2020, BfA on 1.2.2021 (decided 20.12.), back on 1.5.2021; the return known late."""
    return History(
        "anna",
        GEISTIG,
        (
            told(
                "2020-07-10",
                Fact("a1", "ZUGANG_EV", day("2020-03-01"), provider="A"),
                Fact("a2", "ZUGANG_ARBEITSBEREICH", day("2020-07-01"), reason="VORBESCHAEFTIGUNG", provider="B"),
            ),
            told(
                "2020-12-20",
                Fact(
                    "a3",
                    "UEBERGANG",
                    day("2021-02-01"),
                    decided_on=day("2020-12-20"),
                    instrument="BUDGET_FUER_ARBEIT",
                ),
            ),
            told("2021-06-15", Fact("a4", "RUECKKEHR", day("2021-05-01"), provider="A", place="AAP_GRUPPE")),
        ),
    )


def bert() -> History:
    """An Alternative of 15.1.2020, a Zugang to EV on 1.10.2020 that was told a month late first, then dead 11.10."""
    return History(
        "bert",
        SEELISCH,
        (
            told("2020-02-01", Fact("b1", "WERKSTATTALTERNATIVE", day("2020-01-15"), decided_on=day("2020-01-10"))),
            told("2020-10-01", Fact("b2", "ZUGANG_EV", day("2020-11-01"), provider="A")),
            Command(day("2021-01-31"), (Amend("b2", {"effective_on": day("2020-10-01")}),)),
            told("2021-02-28", Fact("b3", "ABGANG", day("2020-10-11"), reason="TOD")),
        ),
    )


def carla() -> History:
    """A Zugang on 1.6.2021 that was a mistake, found out on 1.8.2021."""
    return History(
        "carla",
        SEELISCH,
        (
            told("2021-06-01", Fact("c1", "ZUGANG_BBB", day("2021-06-01"), provider="A")),
            Command(day("2021-08-01"), (Cancel("c1"),)),
        ),
    )


BOOKS = Books(
    "LWL",
    PROVIDERS,
    (anna(), bert(), carla()),
    "modell",
    (
        (Member("A", None, None, None),),
        (Member("B", None, day("2020-09-01"), None), Member(None, "05515", None, day("2020-01-31"))),
    ),
    (),
)
RECOUNT = Recount(BOOKS, TODAY)


def rows(kpi: str, **params: str) -> list[Mapping[str, object]]:
    items = RECOUNT.values(kpi, params)["items"]
    assert isinstance(items, list)
    return items


def shown(kpi: str, **params: str) -> dict[object, tuple[object, object, object]]:
    """Rows that are not zero: group -> numerator, denominator, value."""
    return {
        row["group"]: (row["numerator"], row["denominator"], row["value"])
        for row in rows(kpi, **params)
        if row["numerator"] or row["value"] not in (None, "0.0000")
    }


@pytest.mark.parametrize(
    ("kpi", "params", "expected"),
    [
        ("anzahl_zugang_ev_bbb", {"period": "2020"}, {"TOTAL": (2, "1", "2.0000")}),
        ("anzahl_zugang_ev_bbb", {"period": "2021-07", "window": "YEAR"}, {}),
        ("anzahl_zugang_ev_bbb", {"period": "2021-07", "known_on": "2021-07-31"}, {"TOTAL": (1, "1", "1.0000")}),
        ("foerderquote_1", {"period": "2020-Q4"}, {"TOTAL": (1, "2", "50.0000")}),
        ("foerderquote_1", {"period": "2020-Q4", "known_on": "2020-09-30"}, {"TOTAL": (1, "1", "100.0000")}),
        ("foerderquote_2", {"period": "2020-Q1"}, {"TOTAL": (1, "1", "100.0000")}),
        ("spaetzugangsquote", {"period": "2020"}, {"TOTAL": (1, "1", "100.0000")}),
        ("anzahl_uebergang", {"period": "2021"}, {"TOTAL": (1, "1", "1.0000")}),
        ("anzahl_uebergang", {"period": "2020", "date_basis": "DECIDED"}, {"TOTAL": (1, "1", "1.0000")}),
        ("verweildauer_bis_uebergang", {"period": "2021"}, {"TOTAL": (215, "1", "215.0000")}),
        ("bestand_bfa", {"period": "2020-02"}, {"TOTAL": (1, "1", "1.0000")}),
        ("kombiquote", {"period": "2020-12"}, {"TOTAL": (1, "1", "100.0000")}),
        ("aap_quote", {"period": "2021-05"}, {"TOTAL": (1, "1", "100.0000")}),
        ("aap_quote", {"period": "2021-05", "known_on": "2021-06-14"}, {}),
        ("rueckkehrquote", {"period": "2021-Q2"}, {"TOTAL": (1, "1", "100.0000")}),
        (
            "rueckkehrquote_kohorte",
            {"period": "2021-Q2", "cohort_from": "2021-01", "cohort_to": "2021-02"},
            {"TOTAL": (1, "1", "100.0000")},
        ),
        (
            "rueckkehrquote_kohorte",
            {"period": "2021-04", "cohort_from": "2021-01", "cohort_to": "2021-02"},
            {"TOTAL": (0, "1", "0.0000")},
        ),
    ],
)
def test_totals(kpi: str, params: dict[str, str], expected: dict[str, tuple[int, str, str]]) -> None:
    found = {row["group"]: (row["numerator"], row["denominator"], row["value"]) for row in rows(kpi, **params)}
    assert {group: value for group, value in found.items() if group in expected} == expected
    if not expected:
        assert found["TOTAL"][0] == 0


def test_a_mean_counts_every_day_of_the_window_up_to_the_day_of_knowledge() -> None:
    (row,) = rows("uebergangsdichte", period="2021-Q1", window="YEAR")
    assert (row["person_days"], row["days"], row["denominator"]) == (31, 90, "0.344444")
    assert row["value"] == rounded_value(1000 * 90, 31)
    (cut,) = rows("uebergangsdichte", period="2021", known_on="2021-01-10")
    assert (cut["numerator"], cut["days"], cut["provisional"]) == (0, 376, True)
    assert cut["person_days"] == 184 + 10


def rounded_value(above: int, below: int) -> str:
    whole = (above * 10**4 * 2 + below) // (2 * below)
    return f"{whole // 10**4}.{whole % 10**4:04}"


def test_a_window_after_the_day_of_knowledge_is_empty_but_stocks_stand() -> None:
    (row,) = rows("uebergangsdichte", period="2021-09", window="MONTH")
    assert (row["days"], row["person_days"], row["denominator"], row["value"]) == (0, 0, "0.000000", None)
    (stock,) = rows("bestand_arbeitsbereich", period="2021-12")
    assert (stock["numerator"], stock["provisional"]) == (1, True)


def test_a_uebergang_counts_where_it_comes_from_and_a_job_where_it_is_paid() -> None:
    by_mk = {"group_by": "MITGLIEDSKOERPERSCHAFT"}
    assert shown("anzahl_uebergang", period="2021", **by_mk) == {"99999": (1, "1", "1.0000")}
    assert shown("anzahl_uebergang", period="2021", attribution="PAYER", **by_mk) == {"05570": (1, "1", "1.0000")}
    assert shown("anzahl_uebergang", period="2021", attribution="RESIDENCE", **by_mk) == {"05111": (1, "1", "1.0000")}
    assert shown("bestand_bfa", period="2021-03", **by_mk) == {"05570": (1, "1", "1.0000")}
    assert shown("rueckkehrquote", period="2021-Q2", **by_mk) == {"99999": (1, "1", "100.0000")}
    assert shown("anzahl_rueckkehr", period="2021", **by_mk) == {"05515": (1, "1", "1.0000")}


def test_rows_that_are_always_there_and_rows_only_when_not_zero() -> None:
    by_mk = rows("anzahl_uebergang", period="2020", group_by="MITGLIEDSKOERPERSCHAFT")
    assert len(by_mk) == 27
    assert len(rows("anzahl_uebergang", period="2021", group_by="MITGLIEDSKOERPERSCHAFT")) == 28
    providers = [row["group"] for row in rows("anzahl_alternative", period="2020", group_by="PROVIDER")]
    assert providers == ["A", "B", "OHNE_ANBIETER"]
    late = [row["group"] for row in rows("bestand_aap", period="2021", group_by="PROVIDER")]
    assert late == ["A"]


def test_a_share_keeps_the_whole_stock_below() -> None:
    assert shown("anteil_behinderungsart_wfbm", period="2020-12", group_by="DISABILITY") == {
        "GEISTIG": (1, "1", "100.0000")
    }
    seelisch = rows("anteil_behinderungsart_wfbm", period="2020-12", disability="SEELISCH")
    assert [(row["numerator"], row["denominator"], row["value"]) for row in seelisch] == [(0, "1", "0.0000")]


def test_a_comparison_group_holds_month_by_month() -> None:
    group = {"group_by": "COMPARISON_GROUP", "comparison_group": "modell"}
    first, base = rows("uebergangsdichte", period="2020-12", window="YEAR", **group)
    assert (first["group"], base["group"]) == ("modell", "base")
    assert (first["person_days"], base["person_days"]) == (122, 62)
    first, base = rows("uebergangsdichte", period="2020-12", group_version="1", **group)
    assert (first["person_days"], base["person_days"]) == (0, 184)
    first, base = rows("anzahl_alternative", period="2020", **group)
    assert (first["numerator"], base["numerator"]) == (1, 0)
    first, base = rows("bestand_bfa", period="2020-02", **group)
    assert (first["numerator"], base["numerator"]) == (0, 1)


def test_filters_use_the_key_of_the_grouping_and_keep_zero_rows() -> None:
    inside = rows("uebergangsdichte", period="2020-12", provider_kind="ANDERER_LEISTUNGSANBIETER")
    assert inside[0]["person_days"] == 184
    assert rows("uebergangsdichte", period="2020-12", provider_id="A")[0]["person_days"] == 0
    kept = rows("bestand_arbeitsbereich", period="2020-12", group_by="PROVIDER", provider_id="A")
    assert [(row["group"], row["numerator"]) for row in kept] == [("A", 0), ("B", 0)]


def test_plain_stocks_and_flows() -> None:
    count = [row["count"] for row in stocks(RECOUNT, ["ARBEITSBEREICH"], {"on": "2020-12-31", "kombi": "true"})]
    assert count == [1]
    on = {"on": "2021-12-31", "place": "AAP_GRUPPE"}
    assert [(row["count"], row["provisional"]) for row in stocks(RECOUNT, ["ARBEITSBEREICH"], on)] == [(1, True)]
    moved = flows(RECOUNT, ["UEBERGANG", "ABGANG"], {"period_from": "2020-Q4", "period_to": "2021-Q1"})
    assert [(row["period"], row["count"]) for row in moved] == [("2020-Q4", 1), ("2021-Q1", 1)]
    from_ev = flows(RECOUNT, ["ABGANG"], {"period": "2020-Q4", "from_phase": "ARBEITSBEREICH"})
    assert [row["count"] for row in from_ev] == [0]


@pytest.mark.parametrize(
    ("kpi", "params"),
    [
        ("foerderquote_1", {"period": "2019"}),
        ("foerderquote_1", {"period": "2021-Q1", "since": "2021-Q2"}),
        ("foerderquote_1", {"period": "2021-13"}),
        ("foerderquote_1", {"period": "2021", "period_from": "2020", "period_to": "2021"}),
        ("foerderquote_1", {"period_from": "2020"}),
        ("foerderquote_1", {"known_on": "2021-08-21"}),
        ("foerderquote_1", {"attribution": "PAYER", "group_by": "PROVIDER"}),
        ("foerderquote_1", {"group_by": "COMPARISON_GROUP"}),
        ("foerderquote_1", {"comparison_group": "modell"}),
        ("anteil_behinderungsart_bfa", {"period": "2021"}),
        ("rueckkehrquote_kohorte", {"period": "2021-Q1", "cohort_from": "2021-Q1"}),
        ("rueckkehrquote_kohorte", {"period": "2021-Q1", "cohort_from": "2021-Q1", "cohort_to": "2021-Q2"}),
        ("rueckkehrquote_kohorte", {"period": "2021-Q1", "cohort_from": "2021-Q1", "cohort_to": "2020-Q4"}),
    ],
)
def test_questions_that_cannot_be_answered(kpi: str, params: dict[str, str]) -> None:
    with pytest.raises(UnanswerableError):
        RECOUNT.values(kpi, params)


def test_rounding_is_half_away_from_zero() -> None:
    assert rounded(Fraction(1, 8), 2) == "0.13"
    assert rounded(Fraction(2, 3), 4) == "0.6667"
    assert rounded(Fraction(0), 6) == "0.000000"
    assert rounded(Fraction(99999, 100000), 4) == "1.0000"
