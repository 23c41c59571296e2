"""Corrections: what is written, with which sign, in which order, and which fact is named when something breaks."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.cases.domain.cell import Place
from services.cases.domain.commands import Add, Amend, Cancel, next_recorded_at
from services.cases.domain.errors import (
    InvalidMovementError,
    NothingChangesError,
    ProviderNotValidError,
    TimelineError,
)
from services.cases.domain.facts import Instrument, Reason, Zugangsweg
from shared.kernel.errors import Category
from tests.unit.cases.story import BETHEL, IBBENBUEREN, NOW, PROVIDERS, TODAY, Story, fact, provider

BFA = Instrument.BUDGET_FUER_ARBEIT
THIRD = UUID(int=3)


def id_of(number: int) -> UUID:
    return UUID(int=1000 + number)


def working(**given: Any) -> Story:
    story = Story(**given)
    story.adds(
        fact(1, "ZUGANG_EV", "2018-01-01", provider_id=BETHEL),
        fact(2, "EINTRITT_BBB", "2018-04-01"),
        fact(3, "ZUGANG_ARBEITSBEREICH", "2020-04-01"),
        fact(4, "UEBERGANG", "2021-04-01", instrument=BFA, decided_on=date(2021, 3, 1)),
    )
    return story


def written(story: Story) -> list[tuple[int, int]]:
    """Sign and number of the fact, of the last command."""
    return [
        (signed.sign, signed.movement.fact_id.int - 1000) for version, signed in story.log if version == story.version
    ]


def test_an_added_fact_writes_one_movement() -> None:
    story = working()
    story.adds(fact(5, "FOERDERENDE", "2022-01-01"))
    assert written(story) == [(1, 5)]


def test_an_earlier_fact_rewrites_exactly_what_it_changes() -> None:
    story = working()
    before = list(story.movements)
    story.later().adds(fact(5, "PLATZWECHSEL", "2021-01-01", place=Place.AAP_EINZEL))
    assert written(story) == [(-1, 4), (1, 5), (1, 4)]
    assert story.movements[:3] == before[:3]
    taken_back, added, again = (signed.movement for _, signed in story.log[-3:])
    assert (taken_back.recorded_at, added.recorded_at, again.recorded_at) == (NOW, story.now, story.now)
    assert taken_back is before[3]
    assert [movement.recorded_at for movement in story.movements] == [NOW] * 3 + [story.now] * 2


def test_all_take_backs_come_in_reverse_before_all_new_ones_in_order() -> None:
    story = working()
    story.amends(1, provider_id=IBBENBUEREN)
    assert written(story) == [(-1, 4), (-1, 3), (-1, 2), (-1, 1), (1, 1), (1, 2), (1, 3), (1, 4)]


def test_from_since_alone_is_a_difference() -> None:
    story = working()
    story.amends(3, effective_on=date(2020, 5, 1))
    assert written(story) == [(-1, 4), (-1, 3), (1, 3), (1, 4)]
    story.amends(1, effective_on=date(2018, 1, 2))
    assert written(story) == [(-1, 2), (-1, 1), (1, 1), (1, 2)]


def test_uebergang_from_alone_is_a_difference() -> None:
    story = working()
    story.adds(fact(5, "FOERDERENDE", "2021-06-01"), fact(6, "RUECKKEHR", "2022-01-01", provider_id=BETHEL))
    story.adds(fact(7, "PLATZWECHSEL", "2021-01-01", place=Place.AAP_EINZEL))
    assert written(story) == [(-1, 6), (-1, 4), (1, 7), (1, 4), (1, 6)]


def test_an_amended_date_sorts_anew() -> None:
    story = working()
    story.adds(
        fact(5, "PLATZWECHSEL", "2020-06-01", place=Place.AAP_EINZEL),
        fact(6, "PLATZWECHSEL", "2020-07-01", place=Place.AAP_GRUPPE),
    )
    story.amends(5, effective_on=date(2020, 8, 1))
    assert [entry.fact_id.int - 1000 for entry in story.history.facts] == [1, 2, 3, 6, 5, 4]
    assert written(story) == [(-1, 4), (-1, 6), (-1, 5), (1, 6), (1, 5), (1, 4)]


def test_the_entry_is_given_once_and_never_again() -> None:
    story = working()
    story.adds(fact(5, "FOERDERENDE", "2022-01-01"))
    story.cancels(5)
    story.adds(fact(6, "FOERDERENDE", "2022-01-01"))
    assert [entry.entry for entry in story.history.facts] == [1, 2, 3, 4, 6]
    story.amends(6, effective_on=date(2022, 2, 1))
    assert story.history.facts[-1].entry == 6


def test_what_changes_nothing_writes_nothing_and_a_changed_fact_without_effect_only_a_version() -> None:
    story = working()
    decision = story.amends(1, provider_id=BETHEL, zugangsweg=None)
    assert (decision.changed, decision.signed) == (False, ())
    decision = story.amends(2, provider_id=BETHEL)
    assert decision.changed
    assert decision.amended[0].provider_id == BETHEL
    assert list(decision.signed) == []


def test_a_cancelled_fact_takes_its_movement_back() -> None:
    story = working()
    story.cancels(4)
    assert written(story) == [(-1, 4)]
    assert len(story.movements) == 3


def test_several_changes_that_are_only_legal_together_are_one_command() -> None:
    story = working()
    with pytest.raises(TimelineError):
        story.adds(fact(5, "FOLGEFOERDERUNG", "2022-01-01", decided_on=date(2022, 1, 1)))
    story.does(
        Cancel(id_of(3)),
        Amend(id_of(4), {"instrument": Instrument.OHNE_BUDGET, "decided_on": None}),
        Add(fact(5, "FOLGEFOERDERUNG", "2022-01-01", decided_on=date(2022, 1, 1))),
    )
    assert written(story) == [(-1, 4), (-1, 3), (1, 4), (1, 5)]


def test_a_refused_command_names_the_first_fact_that_breaks_and_what_is_allowed_there() -> None:
    story = working()
    story.adds(fact(5, "FOERDERENDE", "2022-01-01"), fact(6, "FOLGEFOERDERUNG", "2022-02-01", decided_on=TODAY))
    before = story.history
    with pytest.raises(TimelineError) as caught:
        story.cancels(4)
    assert caught.value.category is Category.CONFLICT
    assert caught.value.extensions == {
        "breaks_at": str(id_of(5)),
        "allowed": [
            "PLATZWECHSEL", "ANBIETERWECHSEL", "MERKMALSAENDERUNG", "UEBERGANG", "AUFNAHME_ZUVERDIENST", "ABGANG",
        ],
    }  # fmt: skip
    assert story.history is before


def test_an_added_fact_that_breaks_has_no_id_yet_but_a_pointer() -> None:
    story = working()
    with pytest.raises(TimelineError) as caught:
        story.adds(fact(9, "PLATZWECHSEL", "2022-01-01", place=Place.INTERN))
    assert caught.value.extensions["breaks_at"] is None
    assert [error.pointer for error in caught.value.errors] == ["/changes/0/add/kind"]


def test_after_tod_nothing_stands_and_death_before_later_facts_names_them() -> None:
    story = working()
    with pytest.raises(TimelineError) as caught:
        story.adds(fact(5, "ABGANG", "2021-01-01", reason=Reason.TOD))
    assert caught.value.extensions == {"breaks_at": str(id_of(4)), "allowed": []}
    story.adds(fact(5, "ABGANG", "2022-01-01", reason=Reason.TOD))
    with pytest.raises(TimelineError):
        story.adds(fact(6, "ZUGANG_EV", "2022-01-01", provider_id=BETHEL))


@pytest.mark.parametrize(
    ("kind", "given", "pointer"),
    [
        ("PLATZWECHSEL", {"place": Place.INTERN}, "place"),
        ("ANBIETERWECHSEL", {"provider_id": BETHEL}, "provider_id"),
        ("ANBIETERWECHSEL", {"provider_id": BETHEL, "place": Place.AAP_EINZEL}, "provider_id"),
        ("MERKMALSAENDERUNG", {"kombi": False}, "kind"),
        ("MERKMALSAENDERUNG", {"payer_mk": "05515", "residence_mk": "05515", "kombi": False}, "kind"),
    ],
)
def test_a_change_must_change_something(kind: str, given: dict[str, Any], pointer: str) -> None:
    story = working()
    with pytest.raises(NothingChangesError) as caught:
        story.adds(fact(5, kind, "2020-06-01", **given))
    assert [error.pointer for error in caught.value.errors] == [f"/changes/0/add/{pointer}"]


def test_a_change_must_still_change_something_after_a_correction_elsewhere() -> None:
    story = working()
    story.adds(fact(5, "ANBIETERWECHSEL", "2020-06-01", provider_id=IBBENBUEREN))
    with pytest.raises(NothingChangesError) as caught:
        story.amends(3, provider_id=IBBENBUEREN)
    assert caught.value.extensions["breaks_at"] == str(id_of(5))
    assert list(caught.value.errors) == []


def test_attributes_of_the_person_break_where_a_correction_elsewhere_puts_them_behind_a_cell() -> None:
    story = Story()
    story.adds(fact(1, "ZUGANG_EV", "2019-01-01", provider_id=BETHEL, kombi=True))
    alternative = fact(2, "WERKSTATTALTERNATIVE", "2018-01-01", decided_on=date(2018, 1, 1))
    with pytest.raises(TimelineError) as caught:
        story.adds(alternative)
    assert caught.value.extensions["breaks_at"] == str(id_of(1))
    with pytest.raises(TimelineError) as caught:
        story.does(Add(alternative), Amend(id_of(1), {"zugangsweg": Zugangsweg.AUSBILDUNG}))
    assert caught.value.extensions["breaks_at"] == str(id_of(1))
    with pytest.raises(InvalidMovementError):
        story.does(Add(alternative), Amend(id_of(1), {"kombi": True}))
    story.does(Add(alternative), Amend(id_of(1), {"kombi": None}))
    assert len(story.movements) == 2


def test_a_provider_that_is_not_valid_names_the_fact_whose_cell_holds_the_day() -> None:
    closing = provider(THIRD, valid_to=date(2020, 12, 31))
    story = working(providers={**PROVIDERS, THIRD: closing})
    with pytest.raises(ProviderNotValidError) as caught:
        story.amends(3, provider_id=THIRD)
    assert caught.value.extensions["breaks_at"] == str(id_of(3))
    story.does(
        Amend(id_of(3), {"provider_id": THIRD}),
        Add(fact(5, "ANBIETERWECHSEL", "2021-01-01", provider_id=BETHEL)),
    )
    with pytest.raises(ProviderNotValidError) as caught:
        story.amends(5, effective_on=date(2021, 1, 2))
    assert caught.value.extensions["breaks_at"] == str(id_of(3))


def test_an_invalid_provider_day_before_a_broken_row_is_named_first() -> None:
    opening = provider(THIRD, valid_from=date(2018, 4, 2))
    story = working(providers={**PROVIDERS, THIRD: opening})
    with pytest.raises(ProviderNotValidError) as caught:
        story.does(
            Amend(id_of(2), {"provider_id": THIRD}), Cancel(id_of(3)), Add(fact(5, "FOERDERENDE", "2020-04-01"))
        )
    assert caught.value.extensions["breaks_at"] == str(id_of(2))


def test_a_broken_row_is_named_where_the_provider_ends_only_behind_it() -> None:
    closing = provider(THIRD, valid_to=date(2019, 12, 31))
    story = Story(providers={**PROVIDERS, THIRD: closing})
    with pytest.raises(TimelineError) as caught:
        story.adds(fact(1, "ZUGANG_EV", "2018-01-01", provider_id=THIRD), fact(2, "FOERDERENDE", "2019-06-01"))
    assert [error.pointer for error in caught.value.errors] == ["/changes/1/add/kind"]


def test_recorded_at_never_goes_back() -> None:
    assert next_recorded_at(NOW, None) == NOW
    assert next_recorded_at(NOW, NOW - timedelta(seconds=1)) == NOW
    assert next_recorded_at(NOW, NOW + timedelta(seconds=1)) == NOW + timedelta(seconds=1)
