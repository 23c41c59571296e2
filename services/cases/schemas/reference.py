"""Shapes of reference data: the 53 Mitgliedskörperschaften and the rule table."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

from services.cases.domain.cell import Phase
from services.cases.domain.checks import KIND_ATTRIBUTES
from services.cases.domain.facts import Kind
from services.cases.domain.rules import RULES, SELECTOR_OF, Past, PlaceRule, ProviderRule, Rule, Target
from services.cases.schemas.values import Ags
from shared.kernel.mitgliedskoerperschaften import Mitgliedskoerperschaft, Modellregion, Traeger

PhaseOrNone = Phase | Literal["NONE"]
"""A phase, or NONE: in no cell."""


class MitgliedskoerperschaftOut(BaseModel):
    """A Mitgliedskörperschaft of a Landschaftsverband."""

    ags: Ags
    name: str = Field(max_length=100, examples=["Münster"])
    traeger: Traeger
    kind: str = Field(max_length=50, examples=["kreisfreie Stadt"])
    short: str = Field(max_length=5, description="Short name, as on number plates", examples=["MS"])
    modellregion: Modellregion = Field(description="Part it took in the nTA model of the LWL")

    @classmethod
    def of(cls, entry: Mitgliedskoerperschaft) -> "MitgliedskoerperschaftOut":
        """The shape of a Mitgliedskörperschaft."""
        return cls(
            ags=entry.ags,
            name=entry.name,
            traeger=entry.traeger,
            kind=entry.kind,
            short=entry.short,
            modellregion=entry.modellregion,
        )


class MitgliedskoerperschaftenOut(BaseModel):
    """All 53."""

    items: list[MitgliedskoerperschaftOut] = Field(max_length=53)


class ConditionOut(BaseModel):
    """What must (`present`), or must not, have happened before."""

    past: Past
    present: bool
    text: str = Field(max_length=200)


class SelectorOut(BaseModel):
    """The attribute that chooses between rows of a kind, and the values this row is for; null = not given."""

    attribute: str = Field(max_length=30)
    values: list[str | None] = Field(max_length=10)


class RuleOut(BaseModel):
    """A row of the rule table: a kind of movement, where it starts and leads, and what it needs."""

    kind: Kind
    from_phases: list[PhaseOrNone] = Field(max_length=len(Phase) + 1, description="NONE: in no cell")
    to_phase: Phase | Literal["SAME", "NONE"] = Field(description="SAME: it stays, NONE: in no cell")
    selector: SelectorOut | None
    conditions: list[ConditionOut] = Field(max_length=10)
    provider: ProviderRule = Field(description="Whether the movement names a provider")
    place: PlaceRule = Field(description="Whether the movement names a place")
    required: list[str] = Field(max_length=20, description="Attributes the kind always needs")
    optional: list[str] = Field(max_length=20, description="Attributes it may have; decided_on stands everywhere")
    basis: str = Field(max_length=200, description="Legal basis; §§ without a law are those of the SGB IX")

    @classmethod
    def of(cls, rule: Rule) -> "RuleOut":
        """The shape of a row."""
        attributes = KIND_ATTRIBUTES[rule.kind]
        needed = ("decided_on",) if "decided_on" not in attributes.required else ()
        return cls(
            kind=rule.kind,
            from_phases=["NONE" if phase is None else phase for phase in rule.sources],
            to_phase=rule.target if isinstance(rule.target, Phase) else _TARGETS[rule.target],
            selector=_selector(rule),
            conditions=[ConditionOut(past=c.past, present=c.present, text=c.text) for c in rule.conditions],
            provider=rule.provider,
            place=rule.place,
            required=list(attributes.required),
            optional=[*attributes.optional, *needed],
            basis=rule.basis,
        )


class AllowedMovementsOut(BaseModel):
    """The rows of the rule table that start from a phase, or all."""

    items: list[RuleOut] = Field(max_length=200)

    @classmethod
    def starting_from(cls, phase: PhaseOrNone | None) -> "AllowedMovementsOut":
        """The rows for a phase, `NONE`, or (None) all of them."""
        rows = [RuleOut.of(rule) for rule in RULES]
        return cls(items=[row for row in rows if phase is None or phase in row.from_phases])


_TARGETS: Mapping[Target, Literal["SAME", "NONE"]] = {Target.SAME: "SAME", Target.NONE: "NONE"}


def _selector(rule: Rule) -> SelectorOut | None:
    name = SELECTOR_OF.get(rule.kind)
    if name is None:
        return None
    return SelectorOut(attribute=name, values=[None if value is None else value.value for value in rule.selectors])
