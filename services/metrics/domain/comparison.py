"""Comparison groups: sets of providers (and, for rows without one, of Mitgliedskörperschaften) by whole months."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.metrics.domain.groups import BASE, TOTAL
from services.metrics.domain.periods import first_of_month, last_of_month
from services.metrics.domain.sums import Member
from shared.kernel.errors import FieldError, InvalidError, NotFoundError
from shared.kernel.mitgliedskoerperschaften import BY_AGS, OUTSIDE

ID_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
ID_LENGTH = 64
TITLE_LENGTH = 200
MAX_MEMBERS = 1_000

_ID = re.compile(ID_PATTERN.removeprefix("^").removesuffix("$"))


class InvalidComparisonGroupError(InvalidError):
    """The members cannot be a comparison group."""

    code = "invalid-comparison-group"
    title = "This cannot be a comparison group"


class ComparisonGroupNotFoundError(NotFoundError):
    """The Träger has no comparison group of this id, or not in this version."""

    code = "comparison-group-not-found"
    title = "There is no such comparison group"


@dataclass(frozen=True, slots=True)
class ComparisonGroup:
    """One version of a comparison group. Everything that is in no member is `base`."""

    id: str
    version: int
    title: str
    members: tuple[Member, ...]


def check_id(group_id: str) -> None:
    """Refuse an id that could not be told from other rows, or not be written in an address."""
    if len(group_id) > ID_LENGTH or not _ID.fullmatch(group_id) or group_id in (BASE, TOTAL.lower()):
        fault = FieldError(
            "/path/group_id",
            "invalid-id",
            f"1 to {ID_LENGTH} of a-z, 0-9 and single hyphens between them; `{BASE}` and `{TOTAL.lower()}` are taken",
        )
        raise InvalidComparisonGroupError("The id of a comparison group is a short name.", errors=[fault])


def check_members(members: Sequence[Member]) -> None:
    """Refuse members that are not exactly one thing during whole months (valid by months: definitions, groups)."""
    faults = [fault for index, member in enumerate(members) for fault in _faults(member, f"/members/{index}")]
    if faults:
        raise InvalidComparisonGroupError("Some members are not valid.", errors=faults)


def _faults(member: Member, pointer: str) -> Iterator[FieldError]:
    if (member.provider_id is None) == (member.mitgliedskoerperschaft is None):
        yield FieldError(pointer, "one-of", "name either provider_id or mitgliedskoerperschaft, not both")
    ags = member.mitgliedskoerperschaft
    if ags is not None and ags not in BY_AGS and ags != OUTSIDE:
        yield FieldError(f"{pointer}/mitgliedskoerperschaft", "unknown-ags", "one of the 53 AGS, or 99999")
    if member.valid_from is not None and member.valid_from != first_of_month(member.valid_from):
        yield FieldError(f"{pointer}/valid_from", "whole-months", "the first day of a month, or null")
    if member.valid_to is not None and member.valid_to != last_of_month(member.valid_to):
        yield FieldError(f"{pointer}/valid_to", "whole-months", "the last day of a month, or null")
    if member.valid_from is not None and member.valid_to is not None and member.valid_to < member.valid_from:
        yield FieldError(f"{pointer}/valid_to", "order", "not before valid_from")
