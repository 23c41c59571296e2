"""Types that several shapes use."""

from typing import Annotated

from pydantic import Field

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

Version = Annotated[int, Field(ge=0, le=2**31 - 1, json_schema_extra={"format": "int32"}, examples=[2])]
