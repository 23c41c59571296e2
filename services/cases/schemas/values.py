"""Types that several shapes use."""

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, WithJsonSchema

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)

Ags = Annotated[
    str,
    Field(
        pattern="^[0-9]{5}$",
        max_length=5,
        description="Amtlicher Gemeindeschlüssel of a Mitgliedskörperschaft, five digits",
        examples=["05515"],
    ),
]
"""The form of an AGS; which ones exist is a rule of the domain."""

ExternalRef = Annotated[
    str, Field(min_length=1, max_length=200, description="The caller's own reference", examples=["fall-2024-0001"])
]

Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        description="Why; kept with the command, never in events",
        examples=["Bescheid berichtigt"],
    ),
]

EXAMPLE_ID = "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"

Version = Annotated[int, Field(ge=0, le=2**31 - 1, json_schema_extra={"format": "int32"}, examples=[2])]


def _instant(value: Any) -> Any:
    if isinstance(value, str) and not _INSTANT.fullmatch(value):
        raise ValueError("Must be an instant of RFC 3339, such as 2026-03-01T08:00:00Z.")
    return value


Instant = Annotated[
    AwareDatetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""An instant in a query: no day, no number and no local time passes for one."""
