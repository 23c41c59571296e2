"""Comparison groups: what their members may be, and that nobody counts twice."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.comparison import InvalidComparisonGroupError, check_id, check_members, distinct
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


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], ()),
        (
            [Member(A, None, date(2021, 1, 1), date(2021, 6, 30)), Member(A, None, date(2021, 3, 1), None)],
            (Member(A, None, date(2021, 1, 1), None),),
        ),
        (
            [Member(A, None, date(2021, 7, 1), date(2021, 7, 31)), Member(A, None, None, date(2021, 6, 30))],
            (Member(A, None, None, date(2021, 7, 31)),),
        ),
        (
            [Member(A, None, None, date(2021, 5, 31)), Member(A, None, date(2021, 7, 1), None)],
            (Member(A, None, None, date(2021, 5, 31)), Member(A, None, date(2021, 7, 1), None)),
        ),
        (
            [Member(A, None, None, None), Member(None, "05515", None, None), Member(A, None, None, None)],
            (Member(None, "05515", None, None), Member(A, None, None, None)),
        ),
        (
            [Member(A, None, date(1, 1, 1), date(9999, 12, 31)), Member(A, None, date(1, 1, 1), date(1, 1, 31))],
            (Member(A, None, date(1, 1, 1), date(9999, 12, 31)),),
        ),
    ],
)
def test_ranges_that_meet_become_one(members: list[Member], expected: tuple[Member, ...]) -> None:
    assert distinct(members) == expected


_RANGES = st.lists(
    st.tuples(
        st.sampled_from([A, B]),
        st.none() | st.integers(0, 30),
        st.none() | st.integers(0, 30),
    ).filter(lambda item: item[1] is None or item[2] is None or item[1] <= item[2]),
    max_size=8,
)


@given(_RANGES)
def test_the_same_months_are_in_it_each_once(ranges: list[tuple[UUID, int | None, int | None]]) -> None:
    days = {month: date(2021 + month // 12, month % 12 + 1, 15) for month in range(31)}

    def inside(member: Member, day: date) -> bool:
        return (member.valid_from or date.min) <= day <= (member.valid_to or date.max)

    def as_member(key: UUID, first: int | None, last: int | None) -> Member:
        valid_from = None if first is None else days[first].replace(day=1)
        valid_to = None if last is None else _last_of_month(days[last])
        return Member(key, None, valid_from, valid_to)

    members = [as_member(*item) for item in ranges]
    merged = distinct(members)
    for key in (A, B):
        for day in days.values():
            before = any(member.provider_id == key and inside(member, day) for member in members)
            after = sum(member.provider_id == key and inside(member, day) for member in merged)
            assert after == int(before)


def _last_of_month(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return date.fromordinal(following.toordinal() - 1)
