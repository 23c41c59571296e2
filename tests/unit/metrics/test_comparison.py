"""Comparison groups: what they may be called, and what their members may be."""

from datetime import date
from uuid import UUID

import pytest

from services.metrics.domain.comparison import InvalidComparisonGroupError, check_id, check_members
from services.metrics.domain.sums import Member

A = UUID("019ab2f4-0000-7000-8000-00000000000a")
B = UUID("019ab2f4-0000-7000-8000-00000000000b")


@pytest.mark.parametrize("group_id", ["nta-modell", "a", "2021", "a" * 64])
def test_a_short_name_is_an_id(group_id: str) -> None:
    check_id(group_id)


@pytest.mark.parametrize("group_id", ["", "base", "total", "Nta", "a_b", "-a", "a--b", "ä", "a b", "a" * 65, "a\n"])
def test_other_ids_are_refused(group_id: str) -> None:
    with pytest.raises(InvalidComparisonGroupError):
        check_id(group_id)


@pytest.mark.parametrize(
    "member",
    [
        Member(A, None, None, None),
        Member(None, "05515", date(2020, 1, 1), None),
        Member(None, "99999", None, date(2020, 2, 29)),
        Member(A, None, date(2020, 2, 1), date(2020, 2, 29)),
    ],
)
def test_a_member_is_one_thing_during_whole_months(member: Member) -> None:
    check_members([member])


@pytest.mark.parametrize(
    ("member", "pointer", "code"),
    [
        (Member(None, None, None, None), "/members/1", "one-of"),
        (Member(A, "05515", None, None), "/members/1", "one-of"),
        (Member(None, "05516", None, None), "/members/1/mitgliedskoerperschaft", "unknown-ags"),
        (Member(A, None, date(2020, 1, 2), None), "/members/1/valid_from", "whole-months"),
        (Member(A, None, None, date(2020, 2, 28)), "/members/1/valid_to", "whole-months"),
        (Member(A, None, date(2020, 3, 1), date(2020, 2, 29)), "/members/1/valid_to", "order"),
    ],
)
def test_everything_else_is_refused_with_its_place(member: Member, pointer: str, code: str) -> None:
    with pytest.raises(InvalidComparisonGroupError) as refusal:
        check_members([Member(B, None, None, None), member])
    assert [(fault.pointer, fault.code) for fault in refusal.value.errors] == [(pointer, code)]
