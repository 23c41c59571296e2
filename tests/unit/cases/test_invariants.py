"""M1 to M4 over random histories of commands: the signed events always add up to the present timeline."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.cases.domain.cell import Cell, Phase, Place
from services.cases.domain.commands import Add, Amend, Cancel, Change
from services.cases.domain.errors import TimelineError
from services.cases.domain.facts import Instrument, Kind, Reason
from services.cases.domain.movement import Movement, SignedMovement
from services.cases.domain.timeline import cell_on, cells
from shared.kernel.errors import DomainError
from tests.unit.cases.story import BETHEL, IBBENBUEREN, TODAY, Story, fact

FIRST = TODAY - timedelta(days=200)
CLUES: dict[Kind, list[dict[str, Any]]] = {
    Kind.ZUGANG_EV: [{"provider_id": BETHEL}, {"provider_id": IBBENBUEREN}],
    Kind.ZUGANG_BBB: [{"provider_id": BETHEL}, {"provider_id": IBBENBUEREN}],
    Kind.EINTRITT_BBB: [{}, {"provider_id": IBBENBUEREN}],
    Kind.ZUGANG_ARBEITSBEREICH: [
        {},
        {"place": Place.AAP_GRUPPE},
        {"reason": Reason.VORBESCHAEFTIGUNG, "provider_id": BETHEL},
        {"reason": Reason.WIEDERAUFNAHME, "provider_id": IBBENBUEREN},
    ],
    Kind.PLATZWECHSEL: [{"place": place} for place in Place],
    Kind.ANBIETERWECHSEL: [{"provider_id": BETHEL}, {"provider_id": IBBENBUEREN}],
    Kind.MERKMALSAENDERUNG: [{"kombi": True}, {"kombi": False}, {"payer_mk": "05711"}, {"residence_mk": "05515"}],
    Kind.UEBERGANG: [{"instrument": instrument, "decided_on": FIRST} for instrument in Instrument],
    Kind.WERKSTATTALTERNATIVE: [{"decided_on": FIRST}],
    Kind.FOERDERENDE: [{}],
    Kind.FOLGEFOERDERUNG: [{"decided_on": FIRST}],
    Kind.RUECKKEHR: [{"provider_id": BETHEL}, {"provider_id": IBBENBUEREN, "to_phase": Phase.BBB}],
    Kind.AUFNAHME_ZUVERDIENST: [{}],
    Kind.ABGANG: [{"reason": Reason.SONSTIGE}, {"reason": Reason.TOD}],
}


def some_change(dice: Random, story: Story, number: int) -> Change:
    on = FIRST + timedelta(days=dice.randrange(60))
    present = [entry.fact_id for entry in story.history.facts]
    if present and dice.random() < 0.15:
        return Cancel(dice.choice(present))
    if present and dice.random() < 0.3:
        chosen = dice.choice(story.history.facts)
        patch = dict(dice.choice(CLUES[chosen.kind])) if dice.random() < 0.5 else {"effective_on": on}
        return Amend(chosen.fact_id, patch)
    kind = dice.choice(list(Kind))
    return Add(fact(number, kind, on, **dice.choice(CLUES[kind])))


def random_story(dice: Random) -> Story:
    """Some commands, most of one change; refused ones are tried again with the kinds the refusal allows."""
    story = Story()
    number = 0
    for _ in range(22):
        story.later()
        changes = []
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            number += 1
            changes.append(some_change(dice, story, number))
        try:
            story.does(*changes)
        except TimelineError as refused:
            allowed = refused.extensions["allowed"]
            if allowed and len(changes) == 1 and isinstance(changes[0], Add):
                kind = Kind(dice.choice(allowed))
                on = changes[0].fact.effective_on
                try_again(story, fact(number, kind, on, **dice.choice(CLUES[kind])))
        except DomainError:
            continue
    return story


def try_again(story: Story, added: Any) -> None:
    try:
        story.adds(added)
    except DomainError:
        return


def summed(signed: Sequence[SignedMovement]) -> Counter[Movement]:
    total: Counter[Movement] = Counter()
    for entry in signed:
        total[entry.movement] += entry.sign
    return Counter({movement: count for movement, count in total.items() if count})


def cell_by_sums(signed: Sequence[SignedMovement], day: date) -> Counter[Cell]:
    total: Counter[Cell] = Counter()
    for entry in signed:
        if entry.movement.effective_on <= day:
            if entry.movement.to is not None:
                total[entry.movement.to] += entry.sign
            if entry.movement.from_ is not None:
                total[entry.movement.from_] -= entry.sign
    return Counter({cell: count for cell, count in total.items() if count})


@settings(max_examples=80, derandomize=True, deadline=None, database=None)
@given(st.integers(0, 2**32))
def test_signed_movements_add_up(seed: int) -> None:
    dice = Random(seed)
    story = random_story(dice)
    signed = [entry for _, entry in story.log]
    assert_m1(story, signed)
    assert_m2(story, signed)
    assert_m3(story)
    shuffled = dice.sample(signed, len(signed))  # M4: any order of delivery gives the same sums
    assert summed(shuffled) == summed(signed)
    assert_m2(story, shuffled)


def assert_m1(story: Story, signed: Sequence[SignedMovement]) -> None:
    """Per fact the events add up to nothing or to exactly the present movement."""
    assert summed(signed) == Counter(story.movements)
    written: dict[UUID, Movement] = {}
    for entry in signed:
        if entry.sign == 1:
            assert entry.movement.fact_id not in written
            written[entry.movement.fact_id] = entry.movement
        else:
            before = written.pop(entry.movement.fact_id)
            assert (before, before.recorded_at) == (entry.movement, entry.movement.recorded_at)
    assert {key: movement.recorded_at for key, movement in written.items()} == {
        movement.fact_id: movement.recorded_at for movement in story.movements
    }


def assert_m2(story: Story, signed: Sequence[SignedMovement]) -> None:
    """For every day the events up to it add up to the cell of the present timeline."""
    spans = cells(story.movements)
    for offset in range(-1, 62):
        day = FIRST + timedelta(days=offset)
        cell = cell_on(story.movements, day)
        assert cell_by_sums(signed, day) == (Counter([cell]) if cell is not None else Counter())
        shown = [span.cell for span in spans if span.from_day <= day and (span.to_day is None or day <= span.to_day)]
        assert shown == ([cell] if cell is not None else [])


def assert_m3(story: Story) -> None:
    """Versions ascend; in each command all take-backs come first, then what it writes in timeline order."""
    versions = [version for version, _ in story.log]
    assert versions == sorted(versions)
    for version in set(versions):
        signs = [entry.sign for number, entry in story.log if number == version]
        assert signs == sorted(signs)
        assert len({(entry.sign, entry.movement.fact_id) for number, entry in story.log if number == version}) == len(
            signs
        )


def test_random_stories_are_rich() -> None:
    """The property above is worth its name only if histories grow, are corrected and visit everything."""
    stories = [random_story(Random(seed)) for seed in range(60)]
    kinds = {movement.kind for story in stories for movement in story.movements}
    assert kinds == set(Kind)
    assert sum(entry.sign == -1 for story in stories for _, entry in story.log) > 300
    assert max(len(story.movements) for story in stories) >= 8
