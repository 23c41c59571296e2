"""What a key figure is: data. Every figure is evaluated along one path (`figures`), none has a function of its own.

New versions are added to the catalogue and never replace a row, so an old answer can be explained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.metrics.domain.measures import Condition
from services.metrics.domain.sums import Aggregate
from services.metrics.domain.windows import COHORT, LAST_DAY, Window
from shared.kernel.errors import NotFoundError


class UnknownFigureError(NotFoundError):
    """No key figure has this id."""

    code = "unknown-figure"
    title = "There is no such key figure"


class Days(StrEnum):
    """Which days a term looks at, all cut at the horizon."""

    WINDOW = "WINDOW"
    COHORT = "COHORT"
    SINCE_COHORT = "SINCE_COHORT"


@dataclass(frozen=True, slots=True)
class FigureTerm:
    """One condition under one aggregate, over the window unless it belongs to a cohort.

    SINCE_COHORT are the days from the first of the cohort to the end of the period; the flow is then confined to
    movements whose Übergang lies in the cohort. `text` says the same to people.
    """

    measure: str | Condition
    aggregate: Aggregate
    text: str
    days: Days = Days.WINDOW


@dataclass(frozen=True, slots=True)
class Formula:
    """How a number comes about: `scale × numerator / denominator`, both sums of terms.

    An empty denominator makes it a plain count. With `share_of_disability` the filter `disability` confines the
    numerator alone and must be given.
    """

    numerator: tuple[FigureTerm, ...]
    denominator: tuple[FigureTerm, ...] = ()
    scale: int = 1
    default_window: Window = Window.CUMULATIVE
    share_of_disability: bool = False

    @property
    def terms(self) -> tuple[FigureTerm, ...]:
        """All terms, those of the numerator first."""
        return self.numerator + self.denominator

    @property
    def of_stocks_alone(self) -> bool:
        """Whether it looks at the last day only, so that no window has a meaning."""
        return all(term.aggregate is Aggregate.STOCK for term in self.terms)

    @property
    def of_a_cohort(self) -> bool:
        """Whether it follows the Übergänge of a cohort."""
        return any(term.days is not Days.WINDOW for term in self.terms)

    @property
    def of_a_mean(self) -> bool:
        """Whether the denominator is a mean stock: person-days by calendar days."""
        return any(term.aggregate is Aggregate.PERSON_DAYS for term in self.denominator)

    def echoed_window(self, asked: Window | None) -> str:
        """What an answer says about its window."""
        if self.of_a_cohort:
            return COHORT
        if self.of_stocks_alone:
            return LAST_DAY
        return (asked or self.default_window).value


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a key figure. `basis` names the statute, `source` where the definition comes from."""

    id: str
    version: int
    valid_from: date
    title: str
    formula: Formula
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All versions of all key figures."""

    definitions: tuple[Definition, ...]

    def on(self, day: date) -> list[Definition]:
        """The version of each figure in force on a day, in the order of the catalogue."""
        return [self._in_force(versions, day) for versions in self._by_id().values()]

    def find(self, figure_id: str, day: date) -> Definition:
        """The version of one figure in force on a day; before its first version that one. `UnknownFigureError`."""
        versions = [definition for definition in self.definitions if definition.id == figure_id]
        if not versions:
            raise UnknownFigureError("GET /v1/kpis lists the key figures there are.")
        return self._in_force(versions, day)

    def _by_id(self) -> dict[str, list[Definition]]:
        versions: dict[str, list[Definition]] = {}
        for definition in self.definitions:
            versions.setdefault(definition.id, []).append(definition)
        return versions

    @staticmethod
    def _in_force(versions: Sequence[Definition], day: date) -> Definition:
        begun = [definition for definition in versions if definition.valid_from <= day]
        return max(begun, key=lambda one: one.version) if begun else min(versions, key=lambda one: one.version)
