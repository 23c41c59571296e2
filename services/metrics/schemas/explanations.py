"""Shapes of explanations: the rows of values, each with the movements behind it."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.domain.definitions import Definition
from services.metrics.domain.figures import Side
from services.metrics.domain.questions import MAX_ROWS
from services.metrics.schemas.figures import ValueOut, ValuesFrame, frame_of, value_of
from services.metrics.schemas.types import Count, Kind
from services.metrics.service.explanations import Behind, Explanation


class BehindOut(BaseModel):
    """One signed movement in one of the two numbers of a row."""

    side: Side
    weight: Count = Field(
        description="What it adds; all weights of a side add up to it (DENOMINATOR: or person_days)"
    )
    case_id: UUID
    fact_id: UUID
    kind: Kind
    sign: int = Field(ge=-1, le=1, json_schema_extra={"format": "int32"}, description="1 recorded, -1 taken back")
    effective_on: date
    decided_on: date | None
    recorded_at: datetime = Field(description="When it was recorded or taken back")


class ExplainedOut(ValueOut):
    """One group in one period, and what its numbers consist of."""

    movements: list[BehindOut] = Field(max_length=MAX_ROWS, description="Numerator first, then by day")


class ExplanationOut(ValuesFrame):
    """The values of a key figure with the movements behind them, all of one moment."""

    items: list[ExplainedOut] = Field(max_length=MAX_ROWS)

    @classmethod
    def of(cls, definition: Definition, explanation: Explanation) -> "ExplanationOut":
        """The shape of an explanation."""
        answer = explanation.answer
        items = [
            {**value_of(row), "movements": [_behind(entry) for entry in explanation.of(row)]} for row in answer.rows
        ]
        return cls.model_validate({**frame_of(definition, answer), "items": items})


def _behind(entry: Behind) -> dict[str, object]:
    effect = entry.effect
    return {
        "side": entry.side,
        "weight": effect.weight,
        "case_id": effect.case_id,
        "fact_id": effect.fact_id,
        "kind": effect.kind,
        "sign": effect.sign,
        "effective_on": effect.effective_on,
        "decided_on": effect.decided_on,
        "recorded_at": effect.recorded_at,
    }
