"""Query parameters of values, stocks and flows, and what they mean to the domain."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.metrics.domain.comparison import ID_LENGTH, ID_PATTERN
from services.metrics.domain.listings import FlowChoice, StockChoice
from services.metrics.domain.questions import Grouping, PeriodChoice, WindowChoice
from services.metrics.domain.sums import Attribution, DateBasis, Filters, GroupBy
from services.metrics.domain.windows import Window
from services.metrics.schemas.types import (
    Ags,
    Disability,
    Instrument,
    Kind,
    Maybe,
    PeriodText,
    Phase,
    Place,
    PositionText,
    ProviderKind,
    Truth,
    VersionNumber,
)
from shared.http.parameters import Day, Id

GroupId = Annotated[str, Field(max_length=ID_LENGTH, pattern=ID_PATTERN)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GroupingQuery(_Parameters):
    """How rows are formed and confined, and what is known."""

    group_by: GroupBy = Field(GroupBy.TOTAL, description="What the rows stand for")
    attribution: Attribution = Field(
        Attribution.PROVIDER,
        description="Whose a movement or stay is: the provider's, the payer's or the residence's",
    )
    known_on: Maybe[Day] = Field(
        None, description="As it would have been answered on the evening of this day; not after today"
    )
    provider_id: Maybe[Id] = Field(None, description="Only this provider; with attribution PROVIDER")
    provider_kind: Maybe[ProviderKind] = Field(
        None, description="Only providers of this kind; with attribution PROVIDER"
    )
    mitgliedskoerperschaft: Maybe[Ags] = Field(None, description="Only this AGS, by the key of the attribution")
    disability: Maybe[Disability] = Field(
        None, description="Only this disability; for `anteil_behinderungsart_*` it confines the numerator alone"
    )
    comparison_group: Maybe[GroupId] = Field(
        None, description="The group to compare with `base`; required with, and only with, COMPARISON_GROUP"
    )
    group_version: Maybe[VersionNumber] = Field(
        None, description="A version of the comparison group; default: current"
    )
    min_position: Maybe[PositionText] = Field(
        None,
        description="Wait up to 5 seconds until this event is counted (an `Event-Position`); covers its part only",
    )

    def grouping(self) -> Grouping:
        """The same for the domain."""
        return Grouping(
            self.group_by,
            self.attribution,
            self.known_on,
            Filters(self.provider_id, self.provider_kind, self.mitgliedskoerperschaft, self.disability),
            self.comparison_group,
            self.group_version,
        )


class PeriodQuery(GroupingQuery):
    """… and over which days."""

    period: Maybe[PeriodText] = Field(
        None, description="`2021-11`, `2021-Q4` or `2021`; default: the last quarter completed", examples=["2021-Q4"]
    )
    period_from: Maybe[PeriodText] = Field(None, description="First period of a series; not with `period`")
    period_to: Maybe[PeriodText] = Field(None, description="Last period of a series, in the form of `period_from`")
    window: Maybe[Window] = Field(None, description="Days before the end E of a period that count; see the catalogue")
    since: Maybe[PeriodText] = Field(
        None, description="First period of the window CUMULATIVE, default 2020-Q1; ignored by other windows"
    )
    date_basis: DateBasis = Field(
        DateBasis.EFFECTIVE, description="Which date puts a flow into a window: of effect or of decision"
    )

    def periods(self) -> PeriodChoice:
        """The periods for the domain."""
        return PeriodChoice(self.period, self.period_from, self.period_to)

    def windows(self) -> WindowChoice:
        """The window for the domain."""
        return WindowChoice(self.window, self.since, date_basis=self.date_basis)


class ValuesQuery(PeriodQuery):
    """Parameters of a key figure."""

    cohort_from: Maybe[PeriodText] = Field(
        None, description="First period of the cohort; required by `rueckkehrquote_kohorte`, ignored by others"
    )
    cohort_to: Maybe[PeriodText] = Field(None, description="Last period of the cohort, not after the end of a period")

    def windows(self) -> WindowChoice:
        return WindowChoice(self.window, self.since, self.cohort_from, self.cohort_to, self.date_basis)


class FlowsQuery(PeriodQuery):
    """Parameters of plain flows; the window is the period itself unless another one is named."""

    kind: list[Kind] = Field(default_factory=list, max_length=14, description="Kinds of movement; default: all")
    instrument: Maybe[Instrument] = Field(None, description="Only movements with this instrument")
    from_phase: Maybe[Phase] = Field(None, description="Only movements out of this phase")
    from_place: Maybe[Place] = Field(None, description="Only movements out of this place of the Arbeitsbereich")

    def choice(self) -> FlowChoice:
        """The movements for the domain."""
        return FlowChoice(frozenset(self.kind), self.instrument, self.from_phase, self.from_place)


class StocksQuery(GroupingQuery):
    """Parameters of plain stocks."""

    phase: list[Phase] = Field(default_factory=list, max_length=8, description="Phases; default: all")
    place: Maybe[Place] = Field(None, description="Only with phase=ARBEITSBEREICH alone")
    kombi: Maybe[Truth] = Field(
        None, description="With or without parallel Soziale Teilhabe; only with phase=ARBEITSBEREICH alone"
    )
    on: Maybe[Day] = Field(None, description="The day; default: today, or `known_on`")

    def choice(self) -> StockChoice:
        """The cells for the domain."""
        return StockChoice(frozenset(self.phase), self.place, self.kombi, self.on)
