"""The recount's own rules, checked on stories told by hand."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from tests.recount.book import Book, Class, RefusedError
from tests.recount.model import Add, Amend, Cancel, Change, Command, Fact, Movement, Provider, Registration
from tests.recount.signed import differences

TODAY = date(2022, 6, 30)
START = Registration("05515", "05515", "GEISTIG", False)
PROVIDERS: Mapping[str, Provider] = {
    "A": Provider("A", "A", "WFBM", "05515", date(1980, 1, 1), None),
    "B": Provider("B", "B", "ANDERER_LEISTUNGSANBIETER", "05570", date(2020, 1, 1), date(2021, 12, 31)),
}


def day(text: str) -> date:
    return date.fromisoformat(text)


def story(*facts: Fact, recorded_on: date = TODAY) -> list[Movement]:
    """The movements of facts told together."""
    command = Command(recorded_on, tuple(Add(fact) for fact in facts))
    return Book(START).apply(command, PROVIDERS, "LWL")[1]


def refused(*facts: Fact, recorded_on: date = TODAY) -> tuple[Class, str | None]:
    with pytest.raises(RefusedError) as caught:
        story(*facts, recorded_on=recorded_on)
    return caught.value.answer, caught.value.breaks_at


EV = Fact("ev", "ZUGANG_EV", day("2020-01-01"), provider="A")
BBB = Fact("bbb", "EINTRITT_BBB", day("2020-04-01"))
AB = Fact("ab", "ZUGANG_ARBEITSBEREICH", day("2020-07-01"))
OUT = Fact("out", "UEBERGANG", day("2021-01-01"), instrument="BUDGET_FUER_ARBEIT", decided_on=day("2020-12-01"))
BACK = Fact("back", "RUECKKEHR", day("2021-03-01"), provider="B", place="AAP_EINZEL")
LEFT = Fact("left", "ABGANG", day("2021-05-01"), reason="KUENDIGUNG")
ALTERNATIVE = Fact("alt", "WERKSTATTALTERNATIVE", day("2019-06-01"), decided_on=day("2019-05-01"))


def test_a_path_through_the_werkstatt_and_back() -> None:
    moves = {movement.ref: movement for movement in story(EV, BBB, AB, OUT, BACK, LEFT)}
    assert moves["ev"].source is None
    assert moves["bbb"].from_since == day("2020-01-01")
    ab = moves["ab"].target
    assert ab is not None
    assert (ab.phase, ab.provider, ab.provider_mk, ab.place) == ("ARBEITSBEREICH", "A", "05515", "INTERN")
    assert moves["out"].from_since == day("2020-07-01")
    assert moves["out"].target is not None
    assert moves["out"].target.provider is None
    assert (moves["back"].uebergang_on, moves["back"].uebergang_from) == (day("2021-01-01"), ab)
    assert moves["left"].target is None
    assert moves["left"].from_since == day("2021-03-01")


def test_from_since_counts_the_phase_not_the_place() -> None:
    place = Fact("p", "PLATZWECHSEL", day("2020-09-01"), place="AAP_GRUPPE")
    other = Fact("o", "ANBIETERWECHSEL", day("2020-10-01"), provider="B")
    moves = {movement.ref: movement for movement in story(EV, BBB, AB, place, other, OUT)}
    assert moves["out"].from_since == day("2020-07-01")
    assert moves["o"].target is not None
    assert moves["o"].target.place == "INTERN"


def test_alternative_on_stands_on_the_first_zugang_only() -> None:
    away = Fact("away", "ABGANG", day("2020-02-01"), reason="VERZICHT")
    again = Fact("again", "ZUGANG_BBB", day("2020-05-01"), provider="A")
    moves = {movement.ref: movement for movement in story(ALTERNATIVE, EV, away, again)}
    assert moves["ev"].alternative_on == day("2019-06-01")
    assert moves["again"].alternative_on is None


def test_attributes_follow_the_person_through_none() -> None:
    away = Fact("away", "ABGANG", day("2020-02-01"), reason="VERZICHT")
    change = Fact("m", "MERKMALSAENDERUNG", day("2020-01-15"), payer_mk="05570", kombi=True)
    again = Fact("again", "ZUGANG_BBB", day("2020-05-01"), provider="A")
    moves = story(EV, change, away, again)
    target = moves[-1].target
    assert target is not None
    assert (target.payer_mk, target.residence_mk, target.kombi) == ("05570", "05515", True)


def test_two_facts_of_one_day_keep_the_order_of_their_recording() -> None:
    same = replace(BBB, effective_on=EV.effective_on)
    assert [movement.ref for movement in story(EV, same)] == ["ev", "bbb"]
    assert refused(same, EV) == (Class.CONFLICT, "bbb")


@pytest.mark.parametrize(
    ("facts", "answer", "breaks_at"),
    [
        ((BBB,), Class.CONFLICT, "bbb"),
        ((AB,), Class.CONFLICT, "ab"),
        ((EV, AB), Class.CONFLICT, "ab"),
        ((EV, BBB, replace(AB, reason="WIEDERAUFNAHME")), Class.CONFLICT, "ab"),
        ((replace(AB, reason="VORBESCHAEFTIGUNG"),), Class.CONFLICT, "ab"),
        ((replace(AB, reason="WIEDERAUFNAHME", provider="A"),), Class.CONFLICT, "ab"),
        ((EV, replace(ALTERNATIVE, effective_on=day("2020-03-01"))), Class.CONFLICT, "alt"),
        ((BACK,), Class.CONFLICT, "back"),
        ((EV, replace(OUT, decided_on=None)), Class.INVALID, None),
        ((replace(EV, provider=None),), Class.INVALID, None),
        ((replace(EV, place="INTERN"),), Class.INVALID, None),
        ((replace(EV, payer_mk="05111"),), Class.INVALID, None),
        ((replace(EV, decided_on=day("2022-07-01")),), Class.INVALID, None),
        ((replace(EV, effective_on=day("2023-07-02")),), Class.INVALID, None),
        ((replace(ALTERNATIVE, decided_on=None),), Class.INVALID, None),
        ((EV, BBB, replace(BACK, kind="ZUGANG_ARBEITSBEREICH", place=None, kombi=True)), Class.INVALID, "back"),
        ((EV, replace(LEFT, reason="TOD"), replace(BACK, kind="ZUGANG_EV", place=None)), Class.CONFLICT, "back"),
        ((replace(EV, effective_on=day("2019-12-31"), provider="B"),), Class.CONFLICT, "ev"),
        ((replace(EV, provider="B"),), Class.CONFLICT, "ev"),
        ((EV, BBB, AB, OUT, LEFT, replace(AB, ref="x", effective_on=TODAY, provider="A")), Class.CONFLICT, "x"),
    ],
)
def test_what_cannot_stand(facts: tuple[Fact, ...], answer: Class, breaks_at: str | None) -> None:
    assert refused(*facts) == (answer, breaks_at)


def test_after_leaving_a_job_the_way_back_is_a_rueckkehr() -> None:
    left = replace(LEFT, effective_on=day("2021-02-01"))
    again = replace(AB, ref="x", effective_on=TODAY, provider="A", reason="WIEDERAUFNAHME")
    assert refused(EV, BBB, AB, OUT, left, again) == (Class.CONFLICT, "x")
    moves = story(EV, BBB, AB, OUT, left, replace(BACK, effective_on=TODAY, provider="A"))
    assert moves[-1].target is not None
    assert moves[-1].source is None


def test_a_closed_stay_at_a_closed_provider_is_fine_and_zero_days_are_not_looked_at() -> None:
    story(replace(EV, provider="B"), replace(LEFT, effective_on=day("2022-01-01")))
    early = replace(EV, provider="B", effective_on=day("2019-05-01"))
    story(early, replace(LEFT, effective_on=day("2019-05-01")))


def test_an_open_stay_is_looked_at_up_to_the_day_of_recording() -> None:
    assert story(replace(EV, provider="B"), recorded_on=day("2021-12-31"))
    assert refused(replace(EV, provider="B"), recorded_on=day("2022-01-01")) == (Class.CONFLICT, "ev")


def test_a_correction_takes_back_what_it_changes_and_all_that_follows_from_it() -> None:
    book, before = Book(START).apply(Command(TODAY, (Add(EV), Add(BBB), Add(AB))), PROVIDERS, "LWL")
    changes: tuple[Change, ...] = (Amend("ev", {"effective_on": day("2020-02-01")}),)
    _, after = book.apply(Command(TODAY, changes), PROVIDERS, "LWL")
    signed = [(item.sign, item.movement.ref) for item in differences(before, after)]
    assert signed == [(-1, "bbb"), (-1, "ev"), (1, "ev"), (1, "bbb")]


def test_cancelled_facts_stay_cancelled_and_unknown_ones_are_said() -> None:
    book, _ = Book(START).apply(Command(TODAY, (Add(EV), Add(BBB))), PROVIDERS, "LWL")
    with pytest.raises(RefusedError, match="bbb"):
        book.apply(Command(TODAY, (Cancel("ev"),)), PROVIDERS, "LWL")
    book, left = book.apply(Command(TODAY, (Cancel("bbb"), Cancel("ev"))), PROVIDERS, "LWL")
    assert left == []
    with pytest.raises(RefusedError, match="409"):
        book.apply(Command(TODAY, (Amend("ev", {"provider": "A"}),)), PROVIDERS, "LWL")
    with pytest.raises(RefusedError, match="422"):
        book.apply(Command(TODAY, (Cancel("nobody"),)), PROVIDERS, "LWL")
