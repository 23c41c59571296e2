"""Shapes of the catalogue, of values, and of plain stocks and flows."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from services.metrics.domain.definitions import Definition
from services.metrics.domain.questions import MAX_ROWS
from services.metrics.domain.rendering import terms_in_words
from services.metrics.schemas.types import Count, GroupKey, GroupName, Provisional
from services.metrics.service.answers import Answer, Row
from services.metrics.service.snapshots import AsOf

KnownOn = Annotated[date | None, Field(description="The day of knowledge asked for; null = everything known")]
PeriodOut = Annotated[str, Field(max_length=7, examples=["2021-Q4"])]


class KpiOut(BaseModel):
    """The version of a key figure in force today: scale × numerator / denominator."""

    id: str = Field(max_length=64, examples=["foerderquote_1"])
    version: int = Field(ge=1, json_schema_extra={"format": "int32"})
    valid_from: date
    title: str = Field(max_length=200, description="For people, in German")
    numerator: str = Field(max_length=200, description="As a formula: F flow, S stock, E last day of the period")
    denominator: str = Field(max_length=200, description="As a formula; 1 for plain counts")
    scale: int = Field(ge=1, json_schema_extra={"format": "int32"})
    default_window: str = Field(max_length=20, description="LAST_DAY for figures of stocks alone")
    basis: str = Field(max_length=300, description="Legal basis")
    source: str = Field(max_length=300, description="Where the definition comes from")

    @classmethod
    def of(cls, definition: Definition) -> "KpiOut":
        """The shape of a definition."""
        formula = definition.formula
        return cls.model_construct(
            id=definition.id,
            version=definition.version,
            valid_from=definition.valid_from,
            title=definition.title,
            numerator=terms_in_words(formula.numerator),
            denominator=terms_in_words(formula.denominator),
            scale=formula.scale,
            default_window=formula.echoed_window(None),
            basis=definition.basis,
            source=definition.source,
        )


class KpisOut(BaseModel):
    """All key figures."""

    items: list[KpiOut] = Field(max_length=1_000)


class AsOfOut(BaseModel):
    """How current an answer is."""

    recorded_until: datetime | None = Field(
        description="`time` of the newest event that is counted; null before the first"
    )
    parked: Count = Field(description="Events that could not be counted and wait for somebody")

    @classmethod
    def of(cls, current: AsOf) -> "AsOfOut":
        """The shape of it."""
        return cls.model_construct(recorded_until=current.recorded_until, parked=current.parked)


class ValueOut(BaseModel):
    """One group in one period."""

    group: GroupKey
    group_name: GroupName
    period: PeriodOut
    numerator: Count
    denominator: str = Field(
        max_length=40,
        pattern=r"^-?[0-9]+(\.[0-9]{6})?$",
        description="Exact for counts, 6 decimals for means, 1 for plain counts",
        examples=["644"],
    )
    person_days: Count | None = Field(description="Of the mean stock; null where there is no mean")
    days: Count | None = Field(description="Calendar days of the window up to the horizon; null without a mean")
    value: str | None = Field(
        max_length=40,
        pattern=r"^-?[0-9]+\.[0-9]{4}$",
        description="Rounded once, half away from zero; null where the denominator is 0",
        examples=["5.9006"],
    )
    provisional: Provisional
    suppressed: bool = Field(
        description="Whether the value is withheld to protect people; never for internal figures"
    )


class ValuesFrame(BaseModel):
    """What an answer about a key figure says before its rows."""

    kpi: str = Field(max_length=64, examples=["foerderquote_1"])
    version: int = Field(ge=1, json_schema_extra={"format": "int32"}, description="Of the definition")
    window: str = Field(max_length=20, description="As asked or by default; LAST_DAY, COHORT where it has no meaning")
    known_on: KnownOn
    as_of: AsOfOut


class ValuesOut(ValuesFrame):
    """The values of a key figure, by period and group."""

    items: list[ValueOut] = Field(max_length=MAX_ROWS)

    @classmethod
    def of(cls, definition: Definition, answer: Answer) -> "ValuesOut":
        """The shape of an answer."""
        return cls.model_validate({**frame_of(definition, answer), "items": _items(answer, value_of)})


class StockOut(BaseModel):
    """How many people there are in one group on a day."""

    group: GroupKey
    group_name: GroupName
    on: date = Field(description="The day asked for; counted on it, or on the last day known")
    count: Count
    provisional: Provisional


class StocksOut(BaseModel):
    """Stocks by group."""

    known_on: KnownOn
    as_of: AsOfOut
    items: list[StockOut] = Field(max_length=MAX_ROWS)

    @classmethod
    def of(cls, answer: Answer) -> "StocksOut":
        """The shape of an answer."""
        return cls.model_validate({**_frame(answer), "items": _items(answer, _stock)})


class FlowOut(BaseModel):
    """How many movements there are in one group in one period."""

    group: GroupKey
    group_name: GroupName
    period: PeriodOut
    count: Count
    provisional: Provisional


class FlowsOut(BaseModel):
    """Flows by period and group."""

    window: str = Field(max_length=20, description="As asked; by default the period itself")
    known_on: KnownOn
    as_of: AsOfOut
    items: list[FlowOut] = Field(max_length=MAX_ROWS)

    @classmethod
    def of(cls, answer: Answer) -> "FlowsOut":
        """The shape of an answer."""
        return cls.model_validate({**_frame(answer), "items": _items(answer, _flow)})


# Rows are given to pydantic as plain dictionaries, all at once: an object of a model for each of thousands of rows
# costs ten times as much.


def _frame(answer: Answer) -> dict[str, object]:
    return {"window": answer.window, "known_on": answer.known_on, "as_of": AsOfOut.of(answer.as_of)}


def _items(answer: Answer, shown: Callable[[Row], dict[str, object]]) -> list[dict[str, object]]:
    return [shown(row) for row in answer.rows]


def frame_of(definition: Definition, answer: Answer) -> dict[str, object]:
    """The members of `ValuesFrame`."""
    return {"kpi": definition.id, "version": definition.version, **_frame(answer)}


def value_of(row: Row) -> dict[str, object]:
    """The members of `ValueOut`."""
    value = row.value
    return {
        "group": row.group,
        "group_name": row.group_name,
        "period": row.period,
        "numerator": value.numerator,
        "denominator": value.denominator,
        "person_days": value.person_days,
        "days": value.days,
        "value": value.value,
        "provisional": row.provisional,
        "suppressed": False,
    }


def _stock(row: Row) -> dict[str, object]:
    return {
        "group": row.group,
        "group_name": row.group_name,
        "on": row.period,
        "count": row.value.numerator,
        "provisional": row.provisional,
    }


def _flow(row: Row) -> dict[str, object]:
    return {
        "group": row.group,
        "group_name": row.group_name,
        "period": row.period,
        "count": row.value.numerator,
        "provisional": row.provisional,
    }
