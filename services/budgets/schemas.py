"""What goes out. Every documented member is always there, null or empty where it does not apply yet."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.budgets.domain.model import Act, Instrument, State
from services.budgets.service import GrantWithHistory
from shared.kernel.mitgliedskoerperschaften import Traeger

_INT32: dict[str, JsonValue] = {"format": "int32"}

_EXAMPLE: dict[str, JsonValue] = {
    "id": "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10",
    "version": 1,
    "tenant": "LWL",
    "case_id": "019ab2f4-8b02-7d3a-9c77-51c2b0a4e6f1",
    "instrument": "BUDGET_FUER_ARBEIT",
    "state": "VORSCHLAG",
    "approved_version": None,
    "start": "2026-03-01",
    "end": None,
    "terms": [],
    "wages": [],
    "interruptions": [],
    "opened_by_fact": "019ab2f4-8b5d-7e10-b1aa-7c1e0f6d2b9c",
    "kassenzeichen": None,
    "history": [{"at": "2026-02-16T09:30:00Z", "by": "cases", "act": "OPENED", "comment": None}],
}


class HistoryOut(BaseModel):
    """One act on a grant. Acts of movements are by `cases`."""

    at: datetime
    by: str = Field(max_length=255)
    act: Act
    comment: str | None = Field(max_length=500)


class GrantOut(BaseModel):
    """A grant: what a Träger pays for one stay in a funded phase. Days are inclusive on both sides, null is open."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    id: UUID
    version: int = Field(ge=1, lt=2**31, json_schema_extra=_INT32, description="Number of the ETag")
    tenant: Traeger
    case_id: UUID
    instrument: Instrument
    state: State
    approved_version: int | None = Field(description="The version that pays; null before the first approval")
    start: date
    end: date | None = Field(description="Last funded day; the day before `start` if none is left")
    terms: list[dict[str, Any]] = Field(max_length=1000)
    wages: list[dict[str, Any]] = Field(max_length=1000)
    interruptions: list[dict[str, Any]] = Field(max_length=1000)
    opened_by_fact: UUID | None
    kassenzeichen: str | None = Field(max_length=50)
    history: list[HistoryOut] = Field(max_length=10_000)

    @classmethod
    def of(cls, found: GrantWithHistory) -> "GrantOut":
        """The grant as it is shown."""
        grant = found.grant
        return cls(
            id=grant.id,
            version=grant.version,
            tenant=grant.traeger,
            case_id=grant.case_id,
            instrument=grant.instrument,
            state=grant.state,
            approved_version=None,
            start=grant.start,
            end=grant.end,
            terms=[],
            wages=[],
            interruptions=[],
            opened_by_fact=grant.opened_by_fact,
            kassenzeichen=None,
            history=[
                HistoryOut(at=row.at.astimezone(UTC), by=row.by, act=row.act, comment=row.comment)
                for row in found.history
            ],
        )
