"""Rows: who stands in an answer although nothing happened there, in which order, under which name."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

import pytest

from services.metrics.domain.groups import ComparedGroup, KnownProvider, Roster
from services.metrics.domain.sums import GroupBy
from shared.kernel.mitgliedskoerperschaften import Traeger

FIRST, LAST = date(2021, 1, 1), date(2021, 12, 31)
A = UUID("019ab2f4-0000-7000-8000-00000000000a")
B = UUID("f19ab2f4-0000-7000-8000-00000000000b")
C = UUID("019ab2f4-0000-7000-8000-00000000000c")


def rows(roster: Roster, found: Collection[str] = ()) -> list[str]:
    return list(roster.groups(roster.always(FIRST, LAST), found))


def provider(key: UUID, valid_from: date = date(2000, 1, 1), valid_to: date | None = None) -> KnownProvider:
    return KnownProvider(str(key), f"WfbM {str(key)[-1]}", valid_from, valid_to)


def test_the_total_is_one_row_of_that_name() -> None:
    roster = Roster(Traeger.LWL, GroupBy.TOTAL)
    assert rows(roster) == ["TOTAL"]
    assert roster.names() == {"TOTAL": "Landschaftsverband Westfalen-Lippe"}


def test_every_mitgliedskoerperschaft_of_the_traeger_stands_there_and_others_when_not_zero() -> None:
    roster = Roster(Traeger.LVR, GroupBy.MITGLIEDSKOERPERSCHAFT)
    groups = rows(roster, {"05515", "99999", "05315"})
    assert len(groups) == 26 + 2
    assert groups == sorted(groups)
    assert groups[0] == "05111"
    assert groups[-2:] == ["05515", "99999"]
    assert len(rows(Roster(Traeger.LWL, GroupBy.MITGLIEDSKOERPERSCHAFT))) == 27
    names = roster.names()
    assert (names["05315"], names["05515"], names["99999"]) == (
        "Köln",
        "Münster",
        "außerhalb von Nordrhein-Westfalen",
    )


def test_the_three_disabilities_always_stand_there() -> None:
    assert rows(Roster(Traeger.LVR, GroupBy.DISABILITY)) == ["GEISTIG", "KOERPERLICH", "SEELISCH"]


def test_the_comparison_group_stands_before_base_whatever_its_name() -> None:
    roster = Roster(Traeger.LWL, GroupBy.COMPARISON_GROUP, compared=ComparedGroup("nta-modell", "Modell"))
    assert rows(roster, {"base"}) == ["nta-modell", "base"]
    assert roster.names() == {"nta-modell": "Modell", "base": "Basis"}
    assert (roster.group_of_sum("GROUP"), roster.group_of_sum("BASE")) == ("nta-modell", "base")


class TestProviders:
    @pytest.mark.parametrize(
        ("valid_from", "valid_to", "stands"),
        [
            (date(2000, 1, 1), None, True),
            (date(2021, 12, 31), None, True),
            (date(2022, 1, 1), None, False),
            (date(2000, 1, 1), date(2021, 1, 1), True),
            (date(2000, 1, 1), date(2020, 12, 31), False),
            (date(2021, 5, 1), date(2021, 6, 1), True),
        ],
    )
    def test_one_day_of_validity_inside_the_window_is_enough(
        self, valid_from: date, valid_to: date | None, stands: bool
    ) -> None:
        roster = Roster(Traeger.LWL, GroupBy.PROVIDER, [provider(A, valid_from, valid_to)])
        assert rows(roster) == ([str(A)] if stands else [])

    def test_others_stand_there_when_not_zero_and_all_are_sorted_by_id(self) -> None:
        roster = Roster(
            Traeger.LWL,
            GroupBy.PROVIDER,
            [provider(B), provider(A), provider(C, date(2030, 1, 1))],
        )
        assert rows(roster) == [str(A), str(B)]
        found = {str(C), "OHNE_ANBIETER"}
        assert rows(roster, found) == [str(A), str(C), "OHNE_ANBIETER", str(B)]

    def test_names_are_those_of_the_providers(self) -> None:
        names = Roster(Traeger.LWL, GroupBy.PROVIDER, [provider(A)]).names()
        assert names == {str(A): "WfbM a", "OHNE_ANBIETER": "ohne Anbieter"}
