"""Types that several shapes use. A query parameter has one spelling only."""

import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from services.metrics.domain.periods import PATTERN, Period, parse_period
from shared.contracts.position import InvalidPositionError, Position

_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)

Phase = Literal[
    "EV",
    "BBB",
    "ARBEITSBEREICH",
    "BUDGET_FUER_ARBEIT",
    "BUDGET_FUER_AUSBILDUNG",
    "WERKSTATTALTERNATIVE",
    "ALLGEMEINER_ARBEITSMARKT",
    "ZUVERDIENST",
]
Place = Literal["INTERN", "AAP_EINZEL", "AAP_GRUPPE"]
Instrument = Literal["BUDGET_FUER_ARBEIT", "BUDGET_FUER_AUSBILDUNG", "OHNE_BUDGET"]
Disability = Literal["GEISTIG", "KOERPERLICH", "SEELISCH"]
ProviderKind = Literal["WFBM", "ANDERER_LEISTUNGSANBIETER"]
Kind = Literal[
    "ZUGANG_EV",
    "ZUGANG_BBB",
    "EINTRITT_BBB",
    "ZUGANG_ARBEITSBEREICH",
    "PLATZWECHSEL",
    "ANBIETERWECHSEL",
    "MERKMALSAENDERUNG",
    "UEBERGANG",
    "WERKSTATTALTERNATIVE",
    "FOERDERENDE",
    "FOLGEFOERDERUNG",
    "RUECKKEHR",
    "AUFNAHME_ZUVERDIENST",
    "ABGANG",
]


class _NeverWritten:
    """A parameter that may be absent; no text stands for that, so the document knows no null."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        (written,) = [option for option in found.pop("anyOf") if option != {"type": "null"}]
        return {**written, **found}


Written = TypeVar("Written")
Maybe = Annotated[Written | None, _NeverWritten()]
"""`Maybe[Day]`: a query parameter that may be absent."""


def _period(value: Any) -> Any:
    period = parse_period(value) if isinstance(value, str) else value
    if period is None:
        raise ValueError("Must be a year 2021, a quarter 2021-Q4 or a month 2021-11.")
    return period


def _position(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return Position.parse(value)
    except InvalidPositionError:
        raise ValueError("Must be {epoch}.{part}.{seq}, as Event-Position tells it.") from None


def _truth(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("Must be true or false.")
    return value


def _whole_number(value: Any) -> Any:
    if isinstance(value, str) and not _WHOLE_NUMBER.fullmatch(value):
        raise ValueError("Must be a whole number from 1.")
    return value


PeriodText = Annotated[
    Period,
    BeforeValidator(_period),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "maxLength": 7}),
]
"""A month, quarter or year."""

PositionText = Annotated[
    Position,
    BeforeValidator(_position),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[A-Za-z0-9_-]{1,64}\.(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,17})$",
            "maxLength": 100,
        }
    ),
]
"""A place in an event log."""

Truth = Annotated[bool, BeforeValidator(_truth)]
VersionNumber = Annotated[
    int,
    BeforeValidator(_whole_number),
    WithJsonSchema({"type": "integer", "format": "int32", "minimum": 1, "maximum": 999_999_999}),
]

Ags = Annotated[
    str,
    Field(
        pattern="^[0-9]{5}$",
        max_length=5,
        description="Amtlicher Gemeindeschlüssel of a Mitgliedskörperschaft, five digits; 99999 = outside NRW",
    ),
]
Count = Annotated[int, Field(json_schema_extra={"format": "int64"})]
GroupName = Annotated[
    str | None,
    Field(max_length=200, description="For people, in German; null for a provider nobody has told us about"),
]
GroupKey = Annotated[
    str,
    Field(
        max_length=64,
        description="`TOTAL`, an AGS, a provider or `OHNE_ANBIETER`, a disability, the comparison group or `base`",
    ),
]
Provisional = Annotated[bool, Field(description="Whether the period was not over on the day of knowledge")]
