"""Providers (WfbM and Andere Leistungsanbieter): what may change, and that they are valid while somebody stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.cases.domain.errors import InvalidProviderError, ProviderInUseError
from services.cases.domain.movement import Movement
from shared.kernel.errors import FieldError
from shared.kernel.mitgliedskoerperschaften import BY_AGS, OUTSIDE

_DAY = timedelta(days=1)


class ProviderKind(StrEnum):
    """A Werkstatt (§ 219 SGB IX) or an anderer Leistungsanbieter (§ 60 SGB IX)."""

    WFBM = "WFBM"
    ANDERER_LEISTUNGSANBIETER = "ANDERER_LEISTUNGSANBIETER"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as one Träger registered it. `valid_from` and `valid_to` are both days of validity, null = open."""

    provider_id: UUID
    version: int
    name: str
    kind: ProviderKind
    mitgliedskoerperschaft: str
    external_ref: str | None
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Stay:
    """Days in a row at one provider; `last_day` null = open."""

    provider_id: UUID
    first_day: date
    last_day: date | None

    def checked_until(self, today: date) -> date:
        """The last day on which the provider must be valid: an open stay counts up to today, at least its first."""
        return max(today, self.first_day) if self.last_day is None else self.last_day


FIXED = ("kind", "mitgliedskoerperschaft", "valid_from")
"""What never changes: a moved provider is a new provider and an `ANBIETERWECHSEL`."""


def check_provider(provider: Provider) -> None:
    """What a new provider must satisfy. Raises `InvalidProviderError`."""
    errors = list(_range_errors(provider))
    if provider.mitgliedskoerperschaft != OUTSIDE and provider.mitgliedskoerperschaft not in BY_AGS:
        errors.append(FieldError("/mitgliedskoerperschaft", "unknown-ags", "one of the 53 AGS, or 99999 for outside"))
    if errors:
        raise InvalidProviderError("The provider is not valid.", errors=errors)


def amend_provider(provider: Provider, changes: Mapping[str, Any]) -> Provider:
    """The provider after a merge patch; the same object if nothing changes.

    Raises `InvalidProviderError` where a fixed field would change or the validity would be empty. That `valid_to`
    does not cut stays is checked apart (`check_stays`), with the stays of all cases.
    """
    errors = [
        FieldError(f"/{name}", "immutable", "never changes; register a new provider and record an ANBIETERWECHSEL")
        for name in FIXED
        if name in changes and changes[name] != getattr(provider, name)
    ]
    if errors:
        raise InvalidProviderError("A provider keeps its kind, AGS and valid_from.", errors=errors)
    changed = replace(provider, **changes)
    errors = list(_range_errors(changed))
    if errors:
        raise InvalidProviderError("The provider is not valid.", errors=errors)
    if all(getattr(changed, entry.name) == getattr(provider, entry.name) for entry in fields(Provider)):
        return provider
    return replace(changed, version=provider.version + 1)


def check_stays(valid_to: date | None, last_day_in_use: date | None) -> None:
    """Refuse a `valid_to` before the last day somebody stays (open stays count up to today).

    Raises `ProviderInUseError`.
    """
    if valid_to is not None and last_day_in_use is not None and valid_to < last_day_in_use:
        raise ProviderInUseError(
            "Somebody stays at the provider after that day; valid_to may not be before the last day of a stay.",
            extensions={"in_use_until": last_day_in_use.isoformat()},
        )


def _range_errors(provider: Provider) -> Sequence[FieldError]:
    if provider.valid_to is not None and provider.valid_to < provider.valid_from:
        return [FieldError("/valid_to", "before-valid-from", "not before valid_from")]
    return []


def stays(movements: Sequence[Movement]) -> list[Stay]:
    """The stays of a timeline in order; cells of zero days are none."""
    found: list[Stay] = []
    for index, movement in enumerate(movements):
        end = _end(movements, index)
        if (
            movement.to is None
            or movement.to.provider_id is None
            or (end is not None and end < movement.effective_on)
        ):
            continue
        provider_id, first = movement.to.provider_id, movement.effective_on
        last = found[-1] if found else None
        if last is not None and last.provider_id == provider_id and last.last_day == first - _DAY:
            found[-1] = Stay(provider_id, last.first_day, end)
        else:
            found.append(Stay(provider_id, first, end))
    return found


def _end(movements: Sequence[Movement], index: int) -> date | None:
    return movements[index + 1].effective_on - _DAY if index + 1 < len(movements) else None


def first_invalid(
    movements: Sequence[Movement], providers: Mapping[UUID, Provider], today: date, *, cut_on: date | None = None
) -> int | None:
    """The index of the first movement whose cell holds a checked day on which its provider is not valid.

    `cut_on` is the day of a following fact that is itself illegal: the last cell ends before it.
    """
    suspects = [
        index
        for index, movement in enumerate(movements)
        if movement.to is not None
        and movement.to.provider_id is not None
        and not _valid_for_ever(providers[movement.to.provider_id], movement.effective_on)
    ]
    if not suspects:
        return None
    all_stays = stays(movements)
    for index in suspects:
        movement = movements[index]
        assert movement.to is not None
        assert movement.to.provider_id is not None
        first, end = movement.effective_on, _end(movements, index)
        if end is None and cut_on is not None:
            end = cut_on - _DAY
        if end is not None and end < first:
            continue
        stay = next(
            entry
            for entry in all_stays
            if entry.first_day <= first and (entry.last_day is None or first <= entry.last_day)
        )
        checked = stay.checked_until(today)
        last = checked if end is None else min(checked, end)
        provider = providers[movement.to.provider_id]
        too_late = provider.valid_to is not None and last > provider.valid_to
        if first <= last and (first < provider.valid_from or too_late):
            return index
    return None


def _valid_for_ever(provider: Provider, first: date) -> bool:
    return provider.valid_to is None and provider.valid_from <= first
