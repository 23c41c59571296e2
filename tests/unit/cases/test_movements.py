"""What a movement says: defaults, dates that look back, and the cell, told as stories."""

from datetime import date, timedelta

import pytest

from services.cases.domain.cell import Cell, Disability, Phase, Place
from services.cases.domain.facts import Instrument, Kind, Reason
from services.cases.domain.timeline import CellDays, cell_on, cells
from tests.unit.cases.story import BETHEL, IBBENBUEREN, Story, fact

BFA = Instrument.BUDGET_FUER_ARBEIT


def in_arbeitsbereich() -> Story:
    story = Story()
    story.adds(
        fact(1, "ZUGANG_EV", "2018-01-01", provider_id=BETHEL),
        fact(2, "EINTRITT_BBB", "2018-04-01"),
        fact(3, "ZUGANG_ARBEITSBEREICH", "2020-04-01"),
    )
    return story


def test_a_first_movement_has_nothing_before_and_takes_the_registration() -> None:
    story = Story()
    story.adds(fact(1, "ZUGANG_EV", "2018-01-01", provider_id=BETHEL))
    [movement] = story.movements
    assert movement.from_ is None
    assert movement.from_since is None
    assert movement.to == Cell(Phase.EV, BETHEL, "05711", None, "05515", "05515", Disability.GEISTIG, False)
    assert movement.recorded_at == story.now


def test_provider_stays_and_place_is_intern_unless_given() -> None:
    story = in_arbeitsbereich()
    entered = story.movements[2]
    assert entered.to is not None
    assert (entered.to.provider_id, entered.to.place) == (BETHEL, Place.INTERN)
    story.amends(2, provider_id=IBBENBUEREN)
    moved = story.movements[2]
    assert moved.to is not None
    assert (moved.to.provider_id, moved.to.provider_mk) == (IBBENBUEREN, "05566")


def test_from_since_is_the_begin_of_the_phase_whatever_else_changed() -> None:
    story = in_arbeitsbereich()
    story.adds(
        fact(4, "PLATZWECHSEL", "2021-01-01", place=Place.AAP_EINZEL),
        fact(5, "ANBIETERWECHSEL", "2021-02-01", provider_id=IBBENBUEREN),
        fact(6, "MERKMALSAENDERUNG", "2021-03-01", kombi=True),
        fact(7, "UEBERGANG", "2021-04-01", instrument=BFA, decided_on=date(2021, 3, 1)),
    )
    assert [movement.from_since for movement in story.movements] == [
        None,
        date(2018, 1, 1),
        date(2018, 4, 1),
        *[date(2020, 4, 1)] * 4,
    ]


def test_a_new_provider_brings_the_place_back_to_intern_unless_given() -> None:
    story = in_arbeitsbereich()
    story.adds(
        fact(4, "PLATZWECHSEL", "2021-01-01", place=Place.AAP_EINZEL),
        fact(5, "ANBIETERWECHSEL", "2021-02-01", provider_id=IBBENBUEREN),
        fact(6, "ANBIETERWECHSEL", "2021-03-01", provider_id=BETHEL, place=Place.AAP_GRUPPE),
    )
    places = [movement.to.place for movement in story.movements[3:] if movement.to]
    assert places == [Place.AAP_EINZEL, Place.INTERN, Place.AAP_GRUPPE]


def test_attributes_of_the_person_are_the_last_known_also_after_an_abgang() -> None:
    story = Story()
    story.adds(
        fact(1, "ZUGANG_EV", "2018-01-01", provider_id=BETHEL, residence_mk="05711"),
        fact(2, "MERKMALSAENDERUNG", "2018-02-01", kombi=True, payer_mk="05566"),
        fact(3, "ABGANG", "2018-03-01", reason=Reason.VERZICHT),
        fact(4, "ZUGANG_EV", "2019-01-01", provider_id=BETHEL, kombi=False),
    )
    again = story.movements[3].to
    assert again is not None
    assert (again.payer_mk, again.residence_mk, again.disability, again.kombi) == (
        "05566",
        "05711",
        Disability.GEISTIG,
        False,
    )


def test_a_late_zugang_tells_of_the_last_alternative_once() -> None:
    story = Story()
    story.adds(
        fact(1, "WERKSTATTALTERNATIVE", "2018-01-01", decided_on=date(2017, 12, 1)),
        fact(2, "ABGANG", "2018-06-01", reason=Reason.KUENDIGUNG),
        fact(3, "WERKSTATTALTERNATIVE", "2019-01-01", decided_on=date(2018, 12, 1)),
        fact(4, "ZUGANG_BBB", "2020-01-01", provider_id=BETHEL),
        fact(5, "ABGANG", "2020-02-01", reason=Reason.VERZICHT),
        fact(6, "ZUGANG_EV", "2020-03-01", provider_id=BETHEL),
    )
    assert [movement.alternative_on for movement in story.movements] == [None] * 3 + [date(2019, 1, 1)] + [None] * 2


def test_every_rueckkehr_tells_of_the_last_uebergang() -> None:
    story = in_arbeitsbereich()
    story.adds(
        fact(4, "UEBERGANG", "2021-01-01", instrument=Instrument.OHNE_BUDGET),
        fact(5, "RUECKKEHR", "2021-02-01", provider_id=BETHEL),
        fact(6, "PLATZWECHSEL", "2021-03-01", place=Place.AAP_GRUPPE),
        fact(7, "UEBERGANG", "2021-04-01", instrument=Instrument.OHNE_BUDGET),
        fact(8, "ABGANG", "2021-05-01", reason=Reason.SONSTIGE),
        fact(9, "RUECKKEHR", "2021-06-01", provider_id=IBBENBUEREN),
    )
    first, second = story.movements[4], story.movements[8]
    assert (first.uebergang_on, first.uebergang_from) == (date(2021, 1, 1), story.movements[3].from_)
    assert (second.uebergang_on, second.uebergang_from) == (date(2021, 4, 1), story.movements[6].from_)
    assert second.uebergang_from is not None
    assert second.uebergang_from.place is Place.AAP_GRUPPE
    others = [movement for movement in story.movements if movement.kind is not Kind.RUECKKEHR]
    assert all(movement.uebergang_on is None and movement.uebergang_from is None for movement in others)


def test_facts_of_one_day_apply_in_the_order_of_recording_and_are_both_movements() -> None:
    story = in_arbeitsbereich()
    story.adds(fact(5, "UEBERGANG", "2021-01-01", instrument=Instrument.OHNE_BUDGET))
    story.adds(fact(4, "RUECKKEHR", "2021-01-01", provider_id=BETHEL))
    assert [movement.kind for movement in story.movements[3:]] == [Kind.UEBERGANG, Kind.RUECKKEHR]
    assert story.movements[4].from_since == date(2021, 1, 1)
    assert [days.cell.phase for days in cells(story.movements)] == [Phase.EV, Phase.BBB, Phase.ARBEITSBEREICH]
    assert cell_on(story.movements, date(2021, 1, 1)) == story.movements[4].to


def test_cells_merge_equal_neighbours_and_leave_out_zero_days_and_no_cell() -> None:
    story = Story()
    story.adds(
        fact(1, "ZUGANG_EV", "2018-01-01", provider_id=BETHEL),
        fact(2, "ABGANG", "2018-02-01", reason=Reason.VERZICHT),
        fact(3, "ZUGANG_EV", "2018-02-01", provider_id=BETHEL),
        fact(4, "ABGANG", "2018-03-01", reason=Reason.VERZICHT),
        fact(5, "ZUGANG_BBB", "2018-06-01", provider_id=BETHEL),
    )
    first, last = story.movements[0].to, story.movements[4].to
    assert first is not None
    assert last is not None
    assert cells(story.movements) == [
        CellDays(date(2018, 1, 1), date(2018, 2, 28), first),
        CellDays(date(2018, 6, 1), None, last),
    ]
    assert cell_on(story.movements, date(2018, 3, 1)) is None
    assert cell_on(story.movements, date(2017, 12, 31)) is None


def test_once_in_counts_cells_of_zero_days() -> None:
    story = Story()
    story.adds(
        fact(1, "ZUGANG_ARBEITSBEREICH", "2018-01-01", provider_id=BETHEL, reason=Reason.AUFNAHME_VON_AUSSEN),
        fact(2, "ABGANG", "2018-01-01", reason=Reason.VERZICHT),
        fact(3, "ZUGANG_ARBEITSBEREICH", "2019-01-01", provider_id=BETHEL, reason=Reason.WIEDERAUFNAHME),
    )
    assert len(story.movements) == 3


@pytest.mark.parametrize("days", [0, 366])
def test_a_fact_may_lie_up_to_366_days_ahead(days: int) -> None:
    story = Story()
    on = story.today + timedelta(days=days)
    assert story.adds(fact(1, "ZUGANG_EV", on, provider_id=BETHEL)).changed
