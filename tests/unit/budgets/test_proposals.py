"""Grants follow movements: story by story, and over random histories in every order of arrival."""

from datetime import date
from itertools import permutations, product
from uuid import UUID

import pytest

from services.budgets.domain.model import Act, HistoryEntry, Instrument, Phase, State
from services.budgets.domain.openings import KINDS_OF_INTEREST, OPENINGS, opened_by, phase_left_by
from services.budgets.domain.proposals import EMPTY, CaseFile, follow, is_of_interest
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.unit.budgets.histories import STEP_NAMES, Case, expected, instrument_of
from tests.unit.budgets.stories import (
    APRIL,
    LAST_OF_APRIL,
    MARCH,
    MAY,
    A,
    B,
    C,
    acts,
    after,
    command,
    ids,
    moved,
    only,
    rueckkehr,
    uebergang,
)


def test_an_opening_movement_opens_one_proposal() -> None:
    file, history = after(command(2, (1, uebergang(MARCH))))
    grant = only(file)
    assert (grant.state, grant.instrument) == (State.VORSCHLAG, Instrument.BUDGET_FUER_ARBEIT)
    assert (grant.start, grant.end, grant.opened_by_fact) == (MARCH, None, A)
    assert (grant.version, grant.case_version) == (1, 2)
    assert acts(history) == [(1, Act.OPENED)]


def test_a_command_that_comes_twice_changes_nothing() -> None:
    opening = command(2, (1, uebergang(MARCH)))
    once, _ = after(opening)
    twice, history = after(opening, opening)
    assert once == twice
    assert acts(history) == [(1, Act.OPENED)]


def test_a_correction_changes_the_same_grant() -> None:
    file, history = after(
        command(2, (1, uebergang(MARCH))), command(3, (-1, uebergang(MARCH)), (1, uebergang(APRIL)))
    )
    grant = only(file)
    assert (grant.start, grant.version, grant.state) == (APRIL, 2, State.VORSCHLAG)
    assert acts(history) == [(1, Act.OPENED), (2, Act.CHANGED)]


def test_a_pair_that_changes_nothing_of_the_grant_is_no_version() -> None:
    file, history = after(
        command(2, (1, uebergang(MARCH))), command(3, (-1, uebergang(MARCH)), (1, uebergang(MARCH)))
    )
    assert (only(file).version, only(file).case_version) == (1, 3)
    assert acts(history) == [(1, Act.OPENED)]


def test_a_cancellation_withdraws_and_a_reopening_restores_the_same_grant() -> None:
    opened, _ = after(command(2, (1, uebergang(MARCH))))
    file, history = after(
        command(2, (1, uebergang(MARCH))), command(3, (-1, uebergang(MARCH))), command(4, (1, uebergang(APRIL)))
    )
    assert only(file).id == only(opened).id
    assert (only(file).state, only(file).start) == (State.VORSCHLAG, APRIL)
    assert acts(history) == [(1, Act.OPENED), (2, Act.WITHDRAWN), (3, Act.RESTORED)]


def test_a_reentered_fact_is_a_new_grant() -> None:
    file, _ = after(
        command(2, (1, uebergang(MARCH))), command(3, (-1, uebergang(MARCH)), (1, uebergang(MARCH, fact=C)))
    )
    assert {grant.opened_by_fact: grant.state for grant in file.grants.values()} == {
        A: State.ZURUECKGEZOGEN,
        C: State.VORSCHLAG,
    }


def test_another_instrument_withdraws_the_one_and_opens_the_other() -> None:
    training = uebergang(MARCH, instrument="BUDGET_FUER_AUSBILDUNG")
    file, history = after(
        command(2, (1, uebergang(MARCH))),
        command(3, (-1, uebergang(MARCH)), (1, training)),
        command(4, (-1, training), (1, uebergang(MARCH))),
    )
    states = {grant.instrument: grant.state for grant in file.grants.values()}
    assert states == {
        Instrument.BUDGET_FUER_ARBEIT: State.VORSCHLAG,
        Instrument.BUDGET_FUER_AUSBILDUNG: State.ZURUECKGEZOGEN,
    }
    assert [entry.act for entry in history] == [
        Act.OPENED, Act.WITHDRAWN, Act.OPENED, Act.RESTORED, Act.WITHDRAWN,
    ]  # fmt: skip


def test_a_transition_without_a_budget_opens_nothing_until_it_is_corrected() -> None:
    without = uebergang(MARCH, instrument="OHNE_BUDGET")
    file, _ = after(command(2, (1, without)))
    assert file == EMPTY
    file, _ = after(command(2, (1, without)), command(3, (-1, without), (1, uebergang(MARCH))))
    assert only(file).state is State.VORSCHLAG


def test_what_leads_out_of_the_phase_bounds_the_proposal_and_its_cancellation_unbounds_it() -> None:
    commands = (command(2, (1, uebergang(MARCH))), command(3, (1, rueckkehr(MAY))), command(4, (-1, rueckkehr(MAY))))
    assert only(after(*commands[:2])[0]).end == LAST_OF_APRIL
    file, history = after(*commands)
    assert only(file).end is None
    assert acts(history) == [(1, Act.OPENED), (2, Act.BOUNDED), (3, Act.UNBOUNDED)]


def test_a_grant_that_is_left_on_its_first_day_has_no_day() -> None:
    file, _ = after(command(2, (1, uebergang(MARCH))), command(3, (1, rueckkehr(MARCH))))
    assert only(file).end == date(2026, 2, 28)


def test_changes_within_the_phase_bound_nothing() -> None:
    change = moved(C, "MERKMALSAENDERUNG", APRIL, "BUDGET_FUER_ARBEIT", "BUDGET_FUER_ARBEIT")
    assert not is_of_interest(change, Traeger.LWL)
    file, history = after(command(2, (1, uebergang(MARCH))), command(3, (1, change)))
    assert only(file).end is None
    assert len(history) == 1


def test_a_follow_up_ends_one_grant_and_begins_the_next() -> None:
    follow_up = moved(B, "FOLGEFOERDERUNG", MAY, "BUDGET_FUER_AUSBILDUNG", "BUDGET_FUER_ARBEIT")
    file, _ = after(
        command(2, (1, uebergang(MARCH, instrument="BUDGET_FUER_AUSBILDUNG"))), command(3, (1, follow_up))
    )
    spans = {grant.instrument: (grant.start, grant.end) for grant in file.grants.values()}
    assert spans == {
        Instrument.BUDGET_FUER_AUSBILDUNG: (MARCH, LAST_OF_APRIL),
        Instrument.BUDGET_FUER_ARBEIT: (MAY, None),
    }


def test_any_order_of_arrival_leads_to_the_same_proposal() -> None:
    commands = (
        command(2, (1, uebergang(MARCH))),
        command(3, (1, rueckkehr(MAY))),
        command(4, (-1, rueckkehr(MAY))),
        command(5, (-1, uebergang(MARCH)), (1, uebergang(APRIL))),
        command(6, (1, rueckkehr(MAY, fact=C, since=APRIL))),
    )
    for order in permutations(commands):
        grant = only(after(*order)[0])
        assert (grant.state, grant.start, grant.end) == (State.VORSCHLAG, APRIL, LAST_OF_APRIL), order
        assert grant.case_version == 5


@pytest.mark.parametrize("traeger", Traeger)
def test_the_table_of_openings_is_that_of_the_contract(traeger: Traeger) -> None:
    phases = [None, *(phase.value for phase in Phase)]
    for (kind, instrument), before, after_phase in product(STEP_NAMES, phases, phases):
        if kind == "UEBERGANG" and before not in ("EV", "BBB", "ARBEITSBEREICH"):
            continue
        movement = moved(A, kind, MARCH, before, after_phase, instrument)
        found = opened_by(movement, traeger)
        assert (found and found.value) == instrument_of(movement, traeger), movement
        funded = before if before in {instrument.value for instrument in Instrument} else None
        left = phase_left_by(movement)
        assert (left and left.value) == (funded if before != after_phase else None)


def test_every_opening_states_its_basis_and_is_read_by_the_consumer() -> None:
    assert all(row.basis and row.traeger for row in OPENINGS)
    assert {row.kind for row in OPENINGS} <= KINDS_OF_INTEREST
    assert {row.grant for row in OPENINGS} == set(Instrument)


def summary(file: CaseFile) -> dict[tuple[UUID, str], tuple[str, date, date | None]]:
    return {
        (grant.opened_by_fact, grant.instrument.value): (grant.state.value, grant.start, grant.end)
        for grant in file.grants.values()
    }


@pytest.mark.parametrize("hundred", range(6))
def test_random_histories_end_in_the_grants_of_their_timeline(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        _ends_in_the_grants_of_its_timeline(seed)


def _ends_in_the_grants_of_its_timeline(seed: int) -> None:
    case = Case(seed, Traeger.LVR if seed % 2 else Traeger.LWL)
    file, draw = EMPTY, ids()
    history: list[HistoryEntry] = []
    ever: set[tuple[UUID, str]] = set()
    for _ in range(14):
        told = len(case.commands)
        case.change()
        for each in case.commands[told:]:
            file, entries = follow(file, each, new_id=draw)
            history += entries
        wanted = {(fact, name): (start, end) for fact, name, start, end in expected(case.movements(), case.traeger)}
        ever |= wanted.keys()
        found = summary(file)
        assert found.keys() == ever
        standing = {key: value[1:] for key, value in found.items() if value[0] == "VORSCHLAG"}
        assert standing == wanted
    for grant in file.grants.values():
        versions = [entry.version for entry in history if entry.grant_id == grant.id]
        assert versions == list(range(1, grant.version + 1))
    shuffled = [*case.commands, *case.random.sample(case.commands, len(case.commands) // 2)]
    case.random.shuffle(shuffled)
    late = summary(after(*shuffled)[0])
    assert late.keys() == ever
    assert {key: value for key, value in late.items() if value[0] == "VORSCHLAG"} == {
        key: value for key, value in summary(file).items() if value[0] == "VORSCHLAG"
    }


def test_the_histories_reach_what_they_are_to_test() -> None:
    kinds, states, ends = set(), set(), set()
    for seed in range(200):
        case = Case(seed, Traeger.LVR)
        for _ in range(14):
            case.change()
        file, _ = after(*case.commands)
        kinds |= {movement.kind for movement in case.movements()}
        states |= {(grant.instrument, grant.state) for grant in file.grants.values()}
        ends |= {grant.end is None or grant.end < grant.start for grant in file.grants.values()}
    assert kinds == {step[0] for step in STEP_NAMES}
    assert states == set(product(Instrument, (State.VORSCHLAG, State.ZURUECKGEZOGEN)))
    assert ends == {True, False}
