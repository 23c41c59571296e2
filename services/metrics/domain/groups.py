"""The rows of an answer: which groups stand in it although nothing happened there, their order and their names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from services.metrics.domain.sums import GroupBy
from shared.kernel.mitgliedskoerperschaften import BY_AGS, OUTSIDE, Traeger, of_traeger

TOTAL = "TOTAL"
WITHOUT_PROVIDER = "OHNE_ANBIETER"
BASE = "base"

DISABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "GEISTIG": "geistige Behinderung",
        "KOERPERLICH": "körperliche Behinderung",
        "SEELISCH": "seelische Behinderung",
    }
)

_TRAEGER_NAMES: Mapping[Traeger, str] = MappingProxyType(
    {
        Traeger.LVR: "Landschaftsverband Rheinland",
        Traeger.LWL: "Landschaftsverband Westfalen-Lippe",
    }
)
_OUTSIDE_NAME = "außerhalb von Nordrhein-Westfalen"
_WITHOUT_PROVIDER_NAME = "ohne Anbieter"
_BASE_NAME = "Basis"

# The sums know a comparison group by its part, the answer by its name.
_PART_OF_COMPARISON = "GROUP"


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """A WfbM or anderer Leistungsanbieter as the last event told of it; days inclusive, None = open."""

    id: str
    name: str
    valid_from: date
    valid_to: date | None

    def valid_between(self, first: date, last: date) -> bool:
        """Whether it is valid on at least one of these days."""
        return self.valid_from <= last and (self.valid_to is None or self.valid_to >= first)


@dataclass(frozen=True, slots=True)
class ComparedGroup:
    """The id and title of the comparison group an answer is grouped by."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Roster:
    """Everything that decides about the rows of one answer, as known in its snapshot."""

    traeger: Traeger
    group_by: GroupBy
    providers: Sequence[KnownProvider] = ()
    compared: ComparedGroup | None = None

    def always(self, first: date, last: date) -> list[str]:
        """The rows that a period has whatever happened in it.

        `first` to `last` are the days that make a provider stand in the answer (the window before it is cut, for
        pure stock figures its last day alone).
        """
        if self.group_by is GroupBy.PROVIDER:
            return [provider.id for provider in self.providers if provider.valid_between(first, last)]
        if self.group_by is GroupBy.MITGLIEDSKOERPERSCHAFT:
            return [entry.ags for entry in of_traeger(self.traeger)]
        if self.group_by is GroupBy.DISABILITY:
            return list(DISABILITIES)
        if self.group_by is GroupBy.COMPARISON_GROUP:
            return [self._compared.id, BASE]
        return [TOTAL]

    def groups(self, always: Sequence[str], found: Iterable[str]) -> Sequence[str]:
        """All rows of a period in their order; `found` are the groups whose sums are not zero."""
        if self.group_by in (GroupBy.PROVIDER, GroupBy.MITGLIEDSKOERPERSCHAFT):
            return sorted({*always, *found})
        return always

    def names(self) -> dict[str, str]:
        """The name of every group that can stand in the answer; a provider nobody told us about has none."""
        if self.group_by is GroupBy.TOTAL:
            return {TOTAL: _TRAEGER_NAMES[self.traeger]}
        if self.group_by is GroupBy.DISABILITY:
            return dict(DISABILITIES)
        if self.group_by is GroupBy.COMPARISON_GROUP:
            return {self._compared.id: self._compared.title, BASE: _BASE_NAME}
        if self.group_by is GroupBy.PROVIDER:
            known = {provider.id: provider.name for provider in self.providers}
            return {**known, WITHOUT_PROVIDER: _WITHOUT_PROVIDER_NAME}
        return {**{ags: entry.name for ags, entry in BY_AGS.items()}, OUTSIDE: _OUTSIDE_NAME}

    def group_of_sum(self, group: str) -> str:
        """How the answer calls a group of the sums."""
        if self.group_by is not GroupBy.COMPARISON_GROUP:
            return group
        return self._compared.id if group == _PART_OF_COMPARISON else BASE

    @property
    def _compared(self) -> ComparedGroup:
        assert self.compared is not None, "a comparison needs its group"
        return self.compared
