"""Types that take one spelling only: for query parameters, and inside of every `RequestModel`.

Pydantic reads days and instants from numbers too, and from texts that look like one. Here a day is `YYYY-MM-DD`
and an instant is RFC 3339 with its offset from UTC.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, WithJsonSchema

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def read_day(value: Any) -> Any:
    """A day from its text; what is no text stays for the type to judge. Raises `ValueError`."""
    if not isinstance(value, str):
        return value
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("Must be a date of the calendar, YYYY-MM-DD.")


def read_instant(value: Any) -> Any:
    """An instant in UTC from its text; what is no text stays for the type to judge. Raises `ValueError`."""
    if not isinstance(value, str):
        return value
    try:
        if _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("Must be an instant of RFC 3339, such as 2024-02-29T12:00:00Z.")


def _read_id(value: Any) -> Any:
    if isinstance(value, str) and not _ID.fullmatch(value):
        raise ValueError("Must be a UUID in its canonical form.")
    return value


Day = Annotated[date, BeforeValidator(read_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A day in a query, `YYYY-MM-DD`."""

Instant = Annotated[
    datetime, BeforeValidator(read_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""An instant in a query, RFC 3339 with offset; it arrives in UTC."""

Id = Annotated[UUID, BeforeValidator(_read_id), WithJsonSchema({"type": "string", "format": "uuid"})]
"""An id in a query, in its canonical form."""
