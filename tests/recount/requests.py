"""What the request alone shows to be wrong with a change, before any timeline is looked at."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, timedelta

from tests.recount import model, reference
from tests.recount.model import Fact, Provider

ATTRIBUTES = frozenset({"payer_mk", "residence_mk", "disability", "kombi"})
_ALWAYS = frozenset({"ref", "kind", "effective_on", "entry", "decided_on"})
HORIZON = timedelta(days=366)
FIRST_DAY = date(1970, 1, 1)

MAY_CARRY: Mapping[str, frozenset[str]] = {
    "ZUGANG_EV": ATTRIBUTES | {"provider", "zugangsweg"},
    "ZUGANG_BBB": ATTRIBUTES | {"provider", "zugangsweg"},
    "EINTRITT_BBB": frozenset({"provider"}),
    "ZUGANG_ARBEITSBEREICH": ATTRIBUTES | {"provider", "zugangsweg", "place", "reason"},
    "PLATZWECHSEL": frozenset({"place"}),
    "ANBIETERWECHSEL": frozenset({"provider", "place"}),
    "MERKMALSAENDERUNG": ATTRIBUTES,
    "UEBERGANG": frozenset({"instrument"}),
    "WERKSTATTALTERNATIVE": ATTRIBUTES | {"zugangsweg"},
    "FOERDERENDE": frozenset(),
    "FOLGEFOERDERUNG": frozenset(),
    "RUECKKEHR": ATTRIBUTES | {"provider", "place", "to_phase"},
    "AUFNAHME_ZUVERDIENST": ATTRIBUTES,
    "ABGANG": frozenset({"reason", "initiator"}),
}
"""Which attributes a kind can carry at all (which of them it may carry here depends on the timeline)."""

MUST_CARRY: Mapping[str, frozenset[str]] = {
    "ZUGANG_EV": frozenset({"provider"}),
    "ZUGANG_BBB": frozenset({"provider"}),
    "PLATZWECHSEL": frozenset({"place"}),
    "ANBIETERWECHSEL": frozenset({"provider"}),
    "UEBERGANG": frozenset({"instrument"}),
    "WERKSTATTALTERNATIVE": frozenset({"decided_on"}),
    "FOLGEFOERDERUNG": frozenset({"decided_on"}),
    "RUECKKEHR": frozenset({"provider"}),
    "ABGANG": frozenset({"reason"}),
}

REASONS: Mapping[str, frozenset[str]] = {
    "ZUGANG_ARBEITSBEREICH": frozenset({"VORBESCHAEFTIGUNG", "AUFNAHME_VON_AUSSEN", "WIEDERAUFNAHME"}),
    "ABGANG": frozenset({"RENTE", "TOD", "KUENDIGUNG", "UMZUG", "TAGESSTRUKTUR", "VERZICHT", "SONSTIGE"}),
}
VALUES: Mapping[str, frozenset[str]] = {
    "place": frozenset(model.PLACES),
    "instrument": frozenset({"BUDGET_FUER_ARBEIT", "BUDGET_FUER_AUSBILDUNG", "OHNE_BUDGET"}),
    "zugangsweg": frozenset(
        {
            "FOERDERSCHULE",
            "ALLGEMEINE_SCHULE",
            "ARBEITSLOSIGKEIT",
            "ANDERER_REHATRAEGER",
            "AUSBILDUNG",
            "SONSTIGER",
        }
    ),
    "initiator": frozenset({"PERSON", "ANBIETER", "TRAEGER"}),
    "to_phase": frozenset({model.ARBEITSBEREICH, model.BBB}),
    "disability": frozenset(model.DISABILITIES),
}


def fault(fact: Fact, providers: Mapping[str, Provider], traeger: str, recorded_on: date) -> str | None:
    """Why a fact as told cannot be accepted whatever the timeline is; None if it can."""
    told = {f.name for f in fields(Fact) if getattr(fact, f.name) is not None} - _ALWAYS
    if fact.kind not in MAY_CARRY:
        return "unknown kind"
    if told - MAY_CARRY[fact.kind]:
        return "an attribute this kind cannot carry"
    if any(getattr(fact, name) is None for name in MUST_CARRY.get(fact.kind, ())):
        return "an attribute this kind needs is missing"
    if fact.kind == "MERKMALSAENDERUNG" and not told:
        return "no attribute to change"
    if fact.kind == "UEBERGANG" and fact.instrument != "OHNE_BUDGET" and fact.decided_on is None:
        return "a budget is decided on a day"
    if fact.kind == "RUECKKEHR" and fact.to_phase == model.BBB and fact.place is not None:
        return "no place in BBB"
    return _value_fault(fact, providers, traeger) or _day_fault(fact, recorded_on)


def _value_fault(fact: Fact, providers: Mapping[str, Provider], traeger: str) -> str | None:
    for name, allowed in VALUES.items():
        if getattr(fact, name) not in allowed | {None}:
            return f"unknown {name}"
    if fact.reason not in REASONS.get(fact.kind, frozenset()) | {None}:
        return "unknown reason"
    if fact.provider is not None and fact.provider not in providers:
        return "unknown provider"
    if fact.payer_mk is not None and fact.payer_mk not in reference.MEMBERS[traeger]:
        return "the payer is not of this Träger"
    if fact.residence_mk is not None and fact.residence_mk not in reference.ALL_AGS:
        return "unknown residence"
    return None


def _day_fault(fact: Fact, recorded_on: date) -> str | None:
    if not FIRST_DAY <= fact.effective_on <= recorded_on + HORIZON:
        return "effective_on off the calendar"
    if fact.decided_on is not None and fact.decided_on > recorded_on:
        return "decided in the future"
    return None
