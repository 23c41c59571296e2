"""A whole timeline: every fact in its place, and every stay at a provider that was valid on all its days."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from tests.recount.model import Fact, Movement, Provider, Registration
from tests.recount.rules import BrokenError, UndecidedError, in_order, movements_until_broken


def check(
    registration: Registration, facts: Sequence[Fact], providers: Mapping[str, Provider], recorded_on: date
) -> list[Movement]:
    """The movements of a timeline. Raises BrokenError for the first fact that cannot stand, UndecidedError."""
    movements, broken = movements_until_broken(registration, facts, providers)
    ends = [fact.effective_on for fact in in_order(facts)[1:]]
    _check_stays(movements, ends, providers, recorded_on)
    if broken is not None:
        raise broken
    return movements


def _check_stays(
    movements: Sequence[Movement], ends: Sequence[date], providers: Mapping[str, Provider], recorded_on: date
) -> None:
    """Every day of every stay at a provider; an open one up to the day of recording, at least its first day.

    A stay can be read as one cell or as all neighbouring cells at one provider; this matters only for days after
    the recording. Where the two readings disagree nothing may be concluded: UndecidedError.
    """
    by_cell = by_run = None
    run_start = run_provider = None
    for index, movement in enumerate(movements):
        provider = None if movement.target is None else movement.target.provider
        if provider != run_provider:
            run_provider, run_start = provider, movement.effective_on
        if provider is None:
            continue
        assert run_start is not None
        start = movement.effective_on
        is_open = index >= len(ends)
        last = max(start, recorded_on) if is_open else ends[index] - timedelta(days=1)
        run_last = min(last, max(run_start, recorded_on)) if _runs_on(movements, index, ends) else last
        if by_cell is None and not _valid(providers[provider], start, last):
            by_cell = movement.ref
        if by_run is None and not _valid(providers[provider], start, run_last):
            by_run = movement.ref
    if by_cell != by_run:
        raise UndecidedError(by_cell or by_run)
    if by_cell is not None:
        raise BrokenError(by_cell, "the provider is not valid on every day")


def _valid(provider: Provider, start: date, last: date) -> bool:
    return start > last or (provider.valid_on(start) and provider.valid_on(last))


def _runs_on(movements: Sequence[Movement], index: int, ends: Sequence[date]) -> bool:
    """Whether the stay at the provider of this cell is still open after the last fact."""
    here = movements[index].target
    later = [movement.target for movement in movements[index:]]
    assert here is not None
    return len(ends) < len(movements) and all(cell is not None and cell.provider == here.provider for cell in later)
