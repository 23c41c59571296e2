"""Providers: what may change, and validity during stays - against a count of every single day."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cases.domain.cell import Place
from services.cases.domain.errors import InvalidProviderError, ProviderInUseError, ProviderNotValidError
from services.cases.domain.facts import Fact, Reason, Zugangsweg
from services.cases.domain.providers import Stay, amend_provider, check_provider, check_stays, stays
from tests.unit.cases.story import BETHEL, IBBENBUEREN, TODAY, Story, fact, provider

START = TODAY - timedelta(days=30)
SECOND = UUID(int=3)


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "ANDERER_LEISTUNGSANBIETER"), ("mitgliedskoerperschaft", "05566"), ("valid_from", date(2000, 1, 1))],
)
def test_kind_ags_and_valid_from_never_change(field: str, value: Any) -> None:
    with pytest.raises(InvalidProviderError) as caught:
        amend_provider(provider(BETHEL), {field: value})
    assert [(error.pointer, error.code) for error in caught.value.errors] == [(f"/{field}", "immutable")]


def test_name_reference_and_end_change_and_nothing_is_no_change() -> None:
    present = provider(BETHEL)
    assert amend_provider(present, {"name": present.name, "kind": present.kind}) is present
    changed = amend_provider(present, {"name": "proWerk", "external_ref": "W-1", "valid_to": date(2030, 1, 1)})
    assert (changed.name, changed.external_ref, changed.valid_to) == ("proWerk", "W-1", date(2030, 1, 1))
    assert changed.version == present.version + 1


def test_a_validity_has_at_least_one_day_and_the_ags_exists() -> None:
    with pytest.raises(InvalidProviderError) as caught:
        check_provider(provider(BETHEL, "11111", valid_from=date(2020, 1, 2), valid_to=date(2020, 1, 1)))
    assert {error.pointer for error in caught.value.errors} == {"/valid_to", "/mitgliedskoerperschaft"}
    check_provider(provider(BETHEL, "99999", valid_from=date(2020, 1, 1), valid_to=date(2020, 1, 1)))
    with pytest.raises(InvalidProviderError):
        amend_provider(provider(BETHEL), {"valid_to": date(1969, 1, 1)})


def test_the_end_of_a_validity_may_not_cut_stays() -> None:
    check_stays(None, date(2024, 1, 1))
    check_stays(date(2024, 1, 1), date(2024, 1, 1))
    check_stays(date(2024, 1, 1), None)
    with pytest.raises(ProviderInUseError) as caught:
        check_stays(date(2023, 12, 31), date(2024, 1, 1))
    assert caught.value.extensions == {"in_use_until": "2024-01-01"}


def test_a_stay_runs_on_through_phases_and_places_and_zero_days_are_none() -> None:
    story = Story()
    story.adds(
        fact(1, "ZUGANG_EV", "2018-01-01", provider_id=BETHEL),
        fact(2, "ANBIETERWECHSEL", "2018-02-01", provider_id=IBBENBUEREN),
        fact(3, "ANBIETERWECHSEL", "2018-02-01", provider_id=BETHEL),
        fact(4, "EINTRITT_BBB", "2018-03-01"),
        fact(5, "ZUGANG_ARBEITSBEREICH", "2018-04-01"),
        fact(6, "PLATZWECHSEL", "2018-05-01", place=Place.AAP_EINZEL),
        fact(7, "ANBIETERWECHSEL", "2018-06-01", provider_id=IBBENBUEREN),
    )
    assert stays(story.movements) == [
        Stay(BETHEL, date(2018, 1, 1), date(2018, 5, 31)),
        Stay(IBBENBUEREN, date(2018, 6, 1), None),
    ]


def test_an_open_stay_is_checked_up_to_today_and_at_least_on_its_first_day() -> None:
    assert Stay(BETHEL, TODAY - timedelta(days=9), None).checked_until(TODAY) == TODAY
    assert Stay(BETHEL, TODAY + timedelta(days=9), None).checked_until(TODAY) == TODAY + timedelta(days=9)
    assert Stay(BETHEL, date(2018, 1, 1), date(2018, 2, 1)).checked_until(TODAY) == date(2018, 2, 1)


def test_after_the_end_of_a_provider_the_next_command_must_end_the_stay() -> None:
    story = Story(providers={BETHEL: provider(BETHEL, valid_to=TODAY)})
    story.adds(fact(1, "ZUGANG_EV", "2020-01-01", provider_id=BETHEL))
    story.later()
    with pytest.raises(ProviderNotValidError):
        story.adds(fact(2, "EINTRITT_BBB", "2021-01-01"))
    story.adds(fact(2, "ABGANG", TODAY + timedelta(days=1), reason=Reason.SONSTIGE))


day = st.integers(0, 60).map(lambda offset: START + timedelta(days=offset))
steps = st.lists(st.tuples(day, st.integers(0, 3)), min_size=1, max_size=6)


def told(raw: list[tuple[date, int]]) -> list[Fact]:
    """A legal path: at provider 1 or 2, with changes of attributes and breaks."""
    facts: list[Fact] = []
    here: UUID | None = None
    kombi = False
    for number, (on, choice) in enumerate(sorted(raw, key=lambda step: step[0]), start=1):
        other = SECOND if here == BETHEL else BETHEL
        if here is None:
            here = BETHEL if choice % 2 else SECOND
            facts.append(fact(number, "ZUGANG_EV", on, provider_id=here))
        elif choice == 0:
            here = None
            facts.append(fact(number, "ABGANG", on, reason=Reason.SONSTIGE))
        elif choice == 1:
            here = other
            facts.append(fact(number, "ANBIETERWECHSEL", on, provider_id=other))
        else:
            kombi = not kombi
            facts.append(fact(number, "MERKMALSAENDERUNG", on, kombi=kombi))
    return facts


def counted_break(facts: list[Fact], valid: dict[UUID, tuple[date, date]]) -> UUID | None:
    """The fact of the first invalid day, by looking at every day in turn."""
    here: list[tuple[date, UUID | None, UUID]] = []
    for offset in range(200):
        on = START + timedelta(days=offset)
        before = [entry for entry in facts if entry.effective_on <= on]
        provider_id = None
        for entry in before:
            provider_id = None if entry.kind == "ABGANG" else entry.provider_id or provider_id
        if before:
            here.append((on, provider_id, before[-1].fact_id))
    open_since = next((index + 1 for index in reversed(range(len(here))) if here[index][1] != here[-1][1]), 0)
    for index, (on, provider_id, fact_id) in enumerate(here):
        if provider_id is None or (index > open_since and on > TODAY):
            continue
        if not valid[provider_id][0] <= on <= valid[provider_id][1]:
            return fact_id
    return None


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(steps, st.tuples(day, day), st.tuples(day, day))
def test_validity_is_what_a_look_at_every_day_says(
    raw: list[tuple[date, int]], first: tuple[date, date], second: tuple[date, date]
) -> None:
    valid = {BETHEL: (min(first), max(first)), SECOND: (min(second), max(second))}
    providers = {key: provider(key, valid_from=days[0], valid_to=days[1]) for key, days in valid.items()}
    facts = told(raw)
    story = Story()
    story.providers = {key: provider(key) for key in valid}
    story.adds(*facts)
    story.providers = providers
    wanted = counted_break(facts, valid)
    found: str | None = None
    try:
        story.amends(1, zugangsweg=Zugangsweg.AUSBILDUNG)
    except ProviderNotValidError as refused:
        found = refused.extensions["breaks_at"]
    assert found == (str(wanted) if wanted else None)
