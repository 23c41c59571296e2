"""Shapes of freshness."""

from datetime import datetime

from pydantic import BaseModel, Field

from services.metrics.schemas.types import Count
from services.metrics.service.arrivals import Freshness, ProducerState


class PartOut(BaseModel):
    """One part of a log: the last number counted here, and the last one there is."""

    part: int = Field(ge=0, lt=12, json_schema_extra={"format": "int32"})
    folded: Count
    head: Count | None = Field(description="null if the producer does not answer within 300 ms")


class ProducerOut(BaseModel):
    """One producer of events, asked at this moment."""

    source: str = Field(max_length=64, examples=["/cases"])
    epoch: str | None = Field(max_length=64, description="Of its log; null if it is silent and nothing was read yet")
    parts: list[PartOut] = Field(max_length=12)
    pending: Count | None = Field(description="Committed there, not numbered yet; null if it does not answer")

    @classmethod
    def of(cls, state: ProducerState) -> "ProducerOut":
        """The shape of a producer's state."""
        parts = [PartOut.model_construct(part=part.part, folded=part.folded, head=part.head) for part in state.parts]
        return cls.model_construct(source=state.source, epoch=state.epoch, parts=parts, pending=state.pending)


class FreshnessOut(BaseModel):
    """How far the figures of the Träger are behind what has been recorded."""

    lag_events: Count | None = Field(description="Events not counted yet; null if a producer does not answer")
    parked: Count = Field(description="Events that could not be counted and wait for somebody")
    recorded_until: datetime | None = Field(description="`time` of the newest event that is counted")
    producers: list[ProducerOut] = Field(max_length=10)

    @classmethod
    def of(cls, state: Freshness) -> "FreshnessOut":
        """The shape of it."""
        return cls.model_construct(
            lag_events=state.lag,
            parked=state.as_of.parked,
            recorded_until=state.as_of.recorded_until,
            producers=[ProducerOut.of(producer) for producer in state.producers],
        )
