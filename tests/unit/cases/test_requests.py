"""What a request alone shows to be wrong: 422 with a pointer for every field."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from services.cases.domain.cell import Disability, Phase, Place, Registration
from services.cases.domain.checks import check_registration
from services.cases.domain.commands import MAX_FACTS, Amend, Cancel
from services.cases.domain.errors import (
    FactCancelledError,
    InvalidMovementError,
    InvalidRegistrationError,
    TooManyFactsError,
)
from services.cases.domain.facts import ATTRIBUTES, Fact, Initiator, Instrument, Kind, Reason, Zugangsweg
from shared.kernel.errors import Category, DomainError
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.unit.cases.story import BETHEL, IBBENBUEREN, REGISTRATION, TODAY, Story, fact

VALUES: dict[str, Any] = {
    "decided_on": date(2020, 1, 1),
    "provider_id": BETHEL,
    "place": Place.AAP_EINZEL,
    "instrument": Instrument.OHNE_BUDGET,
    "reason": Reason.VORBESCHAEFTIGUNG,
    "zugangsweg": Zugangsweg.FOERDERSCHULE,
    "initiator": Initiator.PERSON,
    "to_phase": Phase.ARBEITSBEREICH,
    "payer_mk": "05515",
    "residence_mk": "99999",
    "disability": Disability.SEELISCH,
    "kombi": True,
}
PERSON = "payer_mk residence_mk disability kombi"
# written by hand: what each kind may carry (beside decided_on), and what it must
MAY = {
    "ZUGANG_EV": f"provider_id zugangsweg {PERSON}",
    "ZUGANG_BBB": f"provider_id zugangsweg {PERSON}",
    "EINTRITT_BBB": "provider_id",
    "ZUGANG_ARBEITSBEREICH": f"provider_id place reason zugangsweg {PERSON}",
    "PLATZWECHSEL": "place",
    "ANBIETERWECHSEL": "provider_id place",
    "MERKMALSAENDERUNG": PERSON,
    "UEBERGANG": "instrument",
    "WERKSTATTALTERNATIVE": f"zugangsweg {PERSON}",
    "FOERDERENDE": "",
    "FOLGEFOERDERUNG": "",
    "RUECKKEHR": f"provider_id place to_phase {PERSON}",
    "AUFNAHME_ZUVERDIENST": PERSON,
    "ABGANG": "reason initiator",
}
MUST = {
    "ZUGANG_EV": "provider_id",
    "ZUGANG_BBB": "provider_id",
    "PLATZWECHSEL": "place",
    "ANBIETERWECHSEL": "provider_id",
    "UEBERGANG": "instrument",
    "WERKSTATTALTERNATIVE": "decided_on",
    "FOLGEFOERDERUNG": "decided_on",
    "RUECKKEHR": "provider_id",
    "ABGANG": "reason",
}


def complete(kind: str, **given: Any) -> Fact:
    """A fact of the kind with all it must have."""
    values = {name: VALUES[name] for name in MUST.get(kind, "").split()}
    if kind == "ABGANG":
        values["reason"] = Reason.RENTE
    if kind == "MERKMALSAENDERUNG":
        values["kombi"] = True
    return fact(1, kind, "2020-01-01", **{**values, **given})


def refused(added: Fact, *, story: Story | None = None) -> set[tuple[str, str]]:
    with pytest.raises(InvalidMovementError) as caught:
        (story or Story()).adds(added)
    assert caught.value.category is Category.INVALID
    return {(error.pointer.removeprefix("/changes/0/add"), error.code) for error in caught.value.errors}


@pytest.mark.parametrize(("kind", "name"), list(product(MAY, ATTRIBUTES)))
def test_an_attribute_that_the_kind_never_has_is_refused_and_named(kind: str, name: str) -> None:
    value = Reason.RENTE if kind == "ABGANG" and name == "reason" else VALUES[name]
    added = complete(kind, **{name: value})
    try:
        Story().adds(added)
        refused_as = None
    except DomainError as refusal:
        refused_as = refusal.category
    if name == "decided_on" or name in MAY[kind].split():
        assert refused_as in (None, Category.CONFLICT)  # the phase may not fit; the request does
    else:
        assert (f"/{name}", "not-allowed") in refused(added)


@pytest.mark.parametrize("kind", MUST)
def test_a_missing_attribute_is_named(kind: str) -> None:
    assert refused(complete(kind, **{MUST[kind]: None})) == {(f"/{MUST[kind]}", "required")}


@pytest.mark.parametrize(
    ("kind", "given", "pointer", "code"),
    [
        ("ZUGANG_EV", {"effective_on": date(1969, 12, 31)}, "/effective_on", "out-of-range"),
        ("ZUGANG_EV", {"effective_on": TODAY + timedelta(days=367)}, "/effective_on", "out-of-range"),
        ("ZUGANG_EV", {"decided_on": TODAY + timedelta(days=1)}, "/decided_on", "in-the-future"),
        ("ZUGANG_EV", {"provider_id": UUID(int=77)}, "/provider_id", "unknown-provider"),
        ("ZUGANG_EV", {"payer_mk": "05315"}, "/payer_mk", "unknown-ags"),
        ("ZUGANG_EV", {"payer_mk": "99999"}, "/payer_mk", "unknown-ags"),
        ("ZUGANG_EV", {"residence_mk": "01001"}, "/residence_mk", "unknown-ags"),
        ("ZUGANG_ARBEITSBEREICH", {"reason": Reason.RENTE}, "/reason", "not-allowed"),
        ("ABGANG", {"reason": Reason.WIEDERAUFNAHME}, "/reason", "not-allowed"),
        ("MERKMALSAENDERUNG", {"kombi": None}, "/payer_mk", "required"),
        ("UEBERGANG", {"instrument": Instrument.BUDGET_FUER_ARBEIT}, "/decided_on", "required"),
        ("UEBERGANG", {"instrument": Instrument.BUDGET_FUER_AUSBILDUNG}, "/decided_on", "required"),
        ("RUECKKEHR", {"to_phase": Phase.EV}, "/to_phase", "not-allowed"),
        ("RUECKKEHR", {"to_phase": Phase.BBB, "place": Place.INTERN}, "/place", "not-allowed"),
    ],
)
def test_a_wrong_value_is_named(kind: str, given: dict[str, Any], pointer: str, code: str) -> None:
    assert refused(replace(complete(kind), **given)) == {(pointer, code)}


def test_all_faults_of_all_changes_are_named_at_once() -> None:
    with pytest.raises(InvalidMovementError) as caught:
        Story().adds(
            fact(1, "ZUGANG_EV", "1900-01-01"),
            fact(2, "ABGANG", "2020-01-01", place=Place.INTERN),
        )
    assert [error.pointer for error in caught.value.errors] == [
        "/changes/0/add/provider_id",
        "/changes/0/add/effective_on",
        "/changes/1/add/place",
        "/changes/1/add/reason",
    ]


def test_attributes_of_the_person_on_a_fact_that_starts_from_a_cell_are_the_requests_fault() -> None:
    story = Story()
    story.adds(fact(1, "WERKSTATTALTERNATIVE", "2020-01-01", decided_on=date(2020, 1, 1)))
    late = fact(2, "ZUGANG_EV", "2021-01-01", provider_id=BETHEL, kombi=True, residence_mk="99999")
    assert refused(late, story=story) == {("/residence_mk", "not-allowed"), ("/kombi", "not-allowed")}
    story.adds(replace(late, kombi=None, residence_mk=None))
    with pytest.raises(InvalidMovementError) as caught:
        story.amends(2, kombi=True)
    assert [error.pointer for error in caught.value.errors] == ["/kombi"]


@pytest.mark.parametrize("twice", [Cancel(UUID(int=1001), "/changes/1/cancel"), Amend(UUID(int=1001), {})])
def test_a_fact_named_twice_is_refused(twice: Amend | Cancel) -> None:
    story = Story()
    story.adds(complete("ZUGANG_EV"))
    with pytest.raises(InvalidMovementError) as caught:
        story.does(Amend(UUID(int=1001), {"zugangsweg": None}), twice)
    assert [error.code for error in caught.value.errors] == ["named-twice"]


def test_an_unknown_fact_is_the_requests_fault_and_a_cancelled_one_a_conflict() -> None:
    story = Story()
    story.adds(complete("ZUGANG_EV"))
    with pytest.raises(InvalidMovementError) as caught:
        story.cancels(9)
    assert [error.code for error in caught.value.errors] == ["unknown-fact"]
    story.cancels(1)
    with pytest.raises(FactCancelledError):
        story.cancels(1)
    with pytest.raises(FactCancelledError):
        story.amends(1, provider_id=IBBENBUEREN)


@pytest.mark.parametrize(
    "patch", [{"kind": Kind.ZUGANG_BBB}, {"entry": 3}, {"imported": True}, {"external_ref": "x"}]
)
def test_what_is_no_attribute_cannot_be_amended(patch: dict[str, Any]) -> None:
    story = Story()
    story.adds(complete("ZUGANG_EV"))
    with pytest.raises(InvalidMovementError) as caught:
        story.amends(1, **patch)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [(f"/{next(iter(patch))}", "immutable")]


def test_a_date_cannot_be_removed_and_an_optional_attribute_can() -> None:
    story = Story()
    story.adds(complete("ZUGANG_EV", zugangsweg=Zugangsweg.AUSBILDUNG))
    with pytest.raises(InvalidMovementError):
        story.amends(1, effective_on=None)
    with pytest.raises(InvalidMovementError):
        story.amends(1, provider_id=None)
    story.amends(1, zugangsweg=None)
    assert story.movements[0].zugangsweg is None


def test_dates_are_judged_for_touched_facts_only() -> None:
    story = Story()
    story.adds(complete("ZUGANG_EV", decided_on=TODAY), fact(2, "EINTRITT_BBB", TODAY + timedelta(days=366)))
    story.later(-1)
    story.amends(1, zugangsweg=Zugangsweg.AUSBILDUNG, decided_on=None)
    with pytest.raises(InvalidMovementError):
        story.amends(2, provider_id=IBBENBUEREN)


def test_a_case_holds_at_most_400_facts() -> None:
    story = Story()
    story.adds(complete("ZUGANG_EV"))
    start = date(2020, 1, 2)
    changes = [
        fact(number, "MERKMALSAENDERUNG", start + timedelta(days=number), kombi=number % 2 == 0)
        for number in range(2, MAX_FACTS + 2)
    ]
    with pytest.raises(TooManyFactsError) as caught:
        story.adds(*changes)
    assert caught.value.category is Category.INVALID
    story.adds(*changes[:-1])
    assert len(story.movements) == MAX_FACTS == 400


@pytest.mark.parametrize(
    ("given", "pointer"), [({"payer_mk": "05315"}, "/payer_mk"), ({"residence_mk": "12345"}, "/residence_mk")]
)
def test_a_registration_names_a_payer_of_the_own_traeger_and_a_known_residence(
    given: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidRegistrationError) as caught:
        check_registration(replace(REGISTRATION, **given), Traeger.LWL)
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_a_person_may_live_outside() -> None:
    check_registration(Registration("05515", "99999", Disability.GEISTIG, True), Traeger.LWL)
