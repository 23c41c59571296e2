"""Cursors come back as they went out, within their filter only, and nothing else passes for one."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import Request, Response
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.http.paging import ForeignCursorError, PageQuery

ORDER = (datetime.fromisoformat, UUID, int)


def query(cursor: str | None = None, limit: int = 2, raw: bytes = b"") -> PageQuery:
    request = Request({"type": "http", "path": "/v1/things", "query_string": raw, "headers": [], "method": "GET",
                       "scheme": "http", "server": ("kit.test", 80), "root_path": ""})  # fmt: skip
    return PageQuery(limit, cursor, request, Response())


POSITIONS = st.tuples(
    st.datetimes(timezones=st.just(UTC)), st.uuids(), st.integers(min_value=-(2**63), max_value=2**63 - 1)
)


@settings(deadline=None)
@given(POSITIONS, st.dictionaries(st.sampled_from("abc"), st.one_of(st.none(), st.text(), st.integers())))
def test_a_cursor_leads_back_to_the_last_row_shown(position: tuple[Any, ...], filters: dict[str, Any]) -> None:
    first = query().bound_to("things", ORDER, **filters)
    rows, cursor = first.cut([None, None, None], position=lambda _: position)
    assert len(rows) == 2
    assert cursor is not None
    assert query(cursor).bound_to("things", ORDER, **filters).after == position
    with pytest.raises(ForeignCursorError):
        query(cursor).bound_to("others", ORDER, **filters)
    with pytest.raises(ForeignCursorError):
        query(cursor).bound_to("things", ORDER, **{**filters, "another": "filter"})
    with pytest.raises(ForeignCursorError):
        query(cursor).bound_to("things", ORDER[:2], **filters)


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))))
def test_nonsense_is_no_cursor(cursor: str) -> None:
    with pytest.raises(ForeignCursorError):
        query(cursor).bound_to("things", ORDER)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(st.lists(JSON_VALUES, max_size=4))
def test_a_forged_position_is_refused_or_has_the_right_types(parts: list[Any]) -> None:
    _, cursor = query(limit=1).bound_to("things", ORDER).cut([1, 2], lambda _: (datetime.now(UTC), UUID(int=1), 1))
    assert cursor is not None
    digest = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    forged = base64.urlsafe_b64encode(json.dumps([digest, *parts]).encode()).decode().rstrip("=")
    try:
        after = query(forged).bound_to("things", ORDER).after
    except ForeignCursorError:
        return
    assert after is not None
    assert [type(part) for part in after] == [datetime, UUID, int]


def test_the_link_keeps_the_filter_and_replaces_the_cursor() -> None:
    page = query(raw=b"name=%C3%A4+b&limit=2&cursor=old")
    _, cursor = page.bound_to("things", (int,)).cut([1, 2, 3], lambda row: (row,))
    link = page.response.headers["link"]
    assert link == f'</v1/things?name=%C3%A4+b&limit=2&cursor={cursor}>; rel="next"'


def test_the_last_page_has_no_next() -> None:
    page = query()
    assert page.bound_to("things", (int,)).cut([1, 2], lambda row: (row,)) == ([1, 2], None)
    assert "link" not in page.response.headers
