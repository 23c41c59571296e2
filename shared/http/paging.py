"""Pages of a collection: `limit`, an opaque `cursor`, `{"items": […], "next_cursor": …}` and `Link: rel="next"`.

    async def list_cases(page: Paging, phase: Phase | None, cases: Cases) -> Page[CaseOut]:
        scope = page.bound_to("cases", order=(datetime.fromisoformat, UUID), phase=phase)
        rows = await cases.find(phase=phase, after=scope.after, limit=scope.limit + 1)
        rows, cursor = scope.cut(rows, position=lambda case: (case.registered_at, case.id))
        return Page(items=[CaseOut.of(case) for case in rows], next_cursor=cursor)

A cursor holds the position of the last row in the order of the collection and a digest of filter and order. It is
no secret: it only says where to go on, row-level security says what may be seen.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shared.kernel.errors import Category, DomainError

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_MAX_CURSOR = 512
Item = TypeVar("Item")
Row = TypeVar("Row")


class ForeignCursorError(DomainError):
    """The cursor is broken, or belongs to another filter."""

    category = Category.MALFORMED
    code = "cursor-not-valid"
    title = "The cursor is not valid here"


class Page(BaseModel, Generic[Item]):
    """One page of a collection."""

    items: list[Item] = Field(max_length=MAX_LIMIT)
    next_cursor: str | None = Field(max_length=_MAX_CURSOR, description="Where to go on; null on the last page")


@dataclass(frozen=True, slots=True)
class PageScope:
    """A page within one filter and order: from where, and how many."""

    limit: int
    after: tuple[Any, ...] | None
    """The position of the last row of the page before; None on the first."""
    digest: str
    request: Request
    response: Response

    def cut(self, rows: Sequence[Row], position: Callable[[Row], Sequence[Any]]) -> tuple[Sequence[Row], str | None]:
        """From `limit + 1` rows asked for: the rows of this page and the cursor of the next; sets the Link header."""
        if len(rows) <= self.limit:
            return rows, None
        shown = rows[: self.limit]
        cursor = _encode(self.digest, position(shown[-1]))
        query = [(name, value) for name, value in self.request.query_params.multi_items() if name != "cursor"]
        target = f"{self.request.url.path}?{urlencode([*query, ('cursor', cursor)])}"
        self.response.headers["Link"] = f'<{target}>; rel="next"'
        return shown, cursor


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The paging parameters of a request, before they are bound to a filter."""

    limit: int
    cursor: str | None
    request: Request
    response: Response

    def bound_to(self, collection: str, order: Sequence[Callable[[str], Any]], **filters: Any) -> PageScope:
        """The page within a filter. `order` reads the parts of a position back from text, such as `UUID`.

        Raises `ForeignCursorError` (400).
        """
        digest = _digest(collection, filters)
        after = None if self.cursor is None else _decode(self.cursor, digest, order)
        return PageScope(self.limit, after, digest, self.request, self.response)


async def _page_query(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of a page")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(description="`next_cursor` of the page before", json_schema_extra={"maxLength": _MAX_CURSOR}),
    ] = None,
) -> PageQuery:
    return PageQuery(limit, cursor, request, response)


Paging = Annotated[PageQuery, Depends(_page_query)]
"""For a signature: `page: Paging`."""


def _digest(collection: str, filters: dict[str, Any]) -> str:
    text = json.dumps([collection, sorted(filters.items())], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _encode(digest: str, position: Sequence[Any]) -> str:
    text = json.dumps([digest, *map(_text_of, position)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _text_of(part: Any) -> str:
    return part.isoformat() if isinstance(part, date) else str(part)


def _decode(cursor: str, digest: str, order: Sequence[Callable[[str], Any]]) -> tuple[Any, ...]:
    try:
        padded = cursor[: _MAX_CURSOR + 1] + "=" * (-len(cursor) % 4)
        found, *position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if found != digest or not all(isinstance(part, str) and part.isprintable() for part in position):
            raise ForeignCursorError(_START_AGAIN)
        return tuple(read(part) for read, part in zip(order, position, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError):  # base64, JSON, shape, or a part out of range
        raise ForeignCursorError(_START_AGAIN) from None


_START_AGAIN = "Start again without a cursor; one holds for its own filter and order only."
