"""What a request alone shows to be wrong with a fact or a registration: the 422 side of the rules."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from uuid import UUID

from services.cases.domain.cell import Phase, Registration
from services.cases.domain.errors import InvalidRegistrationError
from services.cases.domain.facts import ATTRIBUTES, PERSON_ATTRIBUTES, Fact, Instrument, Kind, Reason
from services.cases.domain.providers import Provider
from shared.kernel.errors import FieldError
from shared.kernel.mitgliedskoerperschaften import BY_AGS, OUTSIDE, Traeger

EARLIEST = date(1970, 1, 1)
HORIZON = timedelta(days=366)
"""How far ahead of the recording a fact may become effective."""

ENTRY_REASONS = frozenset({Reason.VORBESCHAEFTIGUNG, Reason.AUFNAHME_VON_AUSSEN, Reason.WIEDERAUFNAHME})
EXIT_REASONS = frozenset(Reason) - ENTRY_REASONS
RETURN_PHASES = frozenset({Phase.ARBEITSBEREICH, Phase.BBB})


@dataclass(frozen=True, slots=True)
class KindAttributes:
    """Which attributes a kind needs and which it may have, whatever the phase. `decided_on` every kind may have."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


KIND_ATTRIBUTES: Mapping[Kind, KindAttributes] = MappingProxyType(
    {
        Kind.ZUGANG_EV: KindAttributes(("provider_id",), ("zugangsweg", *PERSON_ATTRIBUTES)),
        Kind.ZUGANG_BBB: KindAttributes(("provider_id",), ("zugangsweg", *PERSON_ATTRIBUTES)),
        Kind.EINTRITT_BBB: KindAttributes((), ("provider_id",)),
        Kind.ZUGANG_ARBEITSBEREICH: KindAttributes(
            (), ("provider_id", "place", "reason", "zugangsweg", *PERSON_ATTRIBUTES)
        ),
        Kind.PLATZWECHSEL: KindAttributes(("place",)),
        Kind.ANBIETERWECHSEL: KindAttributes(("provider_id",), ("place",)),
        Kind.MERKMALSAENDERUNG: KindAttributes((), PERSON_ATTRIBUTES),
        Kind.UEBERGANG: KindAttributes(("instrument",)),
        Kind.WERKSTATTALTERNATIVE: KindAttributes(("decided_on",), ("zugangsweg", *PERSON_ATTRIBUTES)),
        Kind.FOERDERENDE: KindAttributes(),
        Kind.FOLGEFOERDERUNG: KindAttributes(("decided_on",)),
        Kind.RUECKKEHR: KindAttributes(("provider_id",), ("place", "to_phase", *PERSON_ATTRIBUTES)),
        Kind.AUFNAHME_ZUVERDIENST: KindAttributes((), PERSON_ATTRIBUTES),
        Kind.ABGANG: KindAttributes(("reason",), ("initiator",)),
    }
)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """The same as quick comparisons: all of `forbidden` must be missing, none of `required`."""

    forbidden: tuple[str, ...]
    read_forbidden: Callable[[Fact], Any]
    required: tuple[str, ...]


def _compile(kind: Kind) -> _Compiled:
    own = KIND_ATTRIBUTES[kind]
    forbidden = tuple(name for name in ATTRIBUTES if name not in {"decided_on", *own.required, *own.optional})
    return _Compiled(forbidden, attrgetter(*forbidden), own.required)


_COMPILED = {kind: _compile(kind) for kind in Kind}
_NOTHING = {kind: (None,) * len(_COMPILED[kind].forbidden) for kind in Kind}


def check_fact(
    fact: Fact, pointer: str, traeger: Traeger, providers: Mapping[UUID, Provider], day: date
) -> list[FieldError]:
    """The faults of one added or amended fact, recorded on `day`; `pointer` is the fact's place in the request."""
    compiled = _COMPILED[fact.kind]
    clean = (
        compiled.read_forbidden(fact) == _NOTHING[fact.kind]
        and all(getattr(fact, name) is not None for name in compiled.required)
        and EARLIEST <= fact.effective_on <= day + HORIZON
        and (fact.decided_on is None or fact.decided_on <= day)
        and (fact.provider_id is None or fact.provider_id in providers)
        and (fact.kind not in _CONDITIONAL or not any(_CONDITIONAL[fact.kind](fact)))
        and (fact.payer_mk is None or _pays(fact.payer_mk, traeger))
        and (fact.residence_mk is None or _is_residence(fact.residence_mk))
    )
    if clean:
        return []
    return [
        FieldError(f"{pointer}/{name}", code, message)
        for name, code, message in _faults(fact, compiled, traeger, providers, day)
    ]


Fault = tuple[str, str, str]


def _faults(
    fact: Fact, compiled: _Compiled, traeger: Traeger, providers: Mapping[UUID, Provider], day: date
) -> Iterator[Fault]:
    for name in compiled.forbidden:
        if getattr(fact, name) is not None:
            yield name, "not-allowed", f"{fact.kind} has no {name}"
    for name in compiled.required:
        if getattr(fact, name) is None:
            yield name, "required", f"{fact.kind} needs {name}"
    if not EARLIEST <= fact.effective_on <= day + HORIZON:
        yield "effective_on", "out-of-range", f"{EARLIEST} to {HORIZON.days} days after the day of recording"
    if fact.decided_on is not None and fact.decided_on > day:
        yield "decided_on", "in-the-future", "not after the day of recording"
    if fact.provider_id is not None and fact.provider_id not in providers:
        yield "provider_id", "unknown-provider", "a provider of the own Träger"
    if fact.kind in _CONDITIONAL:
        yield from _CONDITIONAL[fact.kind](fact)
    if fact.payer_mk is not None and not _pays(fact.payer_mk, traeger):
        yield "payer_mk", "unknown-ags", f"the AGS of a Mitgliedskörperschaft of the {traeger}"
    if fact.residence_mk is not None and not _is_residence(fact.residence_mk):
        yield "residence_mk", "unknown-ags", f"one of the 53 AGS, or {OUTSIDE} for outside"


def _entry_reason(fact: Fact) -> Iterator[Fault]:
    if fact.reason is not None and fact.reason not in ENTRY_REASONS:
        yield "reason", "not-allowed", "VORBESCHAEFTIGUNG, AUFNAHME_VON_AUSSEN or WIEDERAUFNAHME"


def _exit_reason(fact: Fact) -> Iterator[Fault]:
    if fact.reason is not None and fact.reason not in EXIT_REASONS:
        yield "reason", "not-allowed", "RENTE, TOD, KUENDIGUNG, UMZUG, TAGESSTRUKTUR, VERZICHT or SONSTIGE"


def _some_attribute(fact: Fact) -> Iterator[Fault]:
    if all(getattr(fact, name) is None for name in PERSON_ATTRIBUTES):
        yield "payer_mk", "required", "MERKMALSAENDERUNG needs payer_mk, residence_mk, disability or kombi"


def _decision_of_budget(fact: Fact) -> Iterator[Fault]:
    if fact.decided_on is None and fact.instrument in (
        Instrument.BUDGET_FUER_ARBEIT,
        Instrument.BUDGET_FUER_AUSBILDUNG,
    ):
        yield "decided_on", "required", "an Übergang with a budget needs the date of the Bescheid"


def _return_target(fact: Fact) -> Iterator[Fault]:
    if fact.to_phase is not None and fact.to_phase not in RETURN_PHASES:
        yield "to_phase", "not-allowed", "ARBEITSBEREICH or BBB"
    if fact.to_phase is Phase.BBB and fact.place is not None:
        yield "place", "not-allowed", "only in ARBEITSBEREICH"


_CONDITIONAL: Mapping[Kind, Callable[[Fact], Iterator[Fault]]] = {
    Kind.ZUGANG_ARBEITSBEREICH: _entry_reason,
    Kind.ABGANG: _exit_reason,
    Kind.MERKMALSAENDERUNG: _some_attribute,
    Kind.UEBERGANG: _decision_of_budget,
    Kind.RUECKKEHR: _return_target,
}
"""Faults that depend on two attributes of a fact, or on the value of one."""


def check_registration(registration: Registration, traeger: Traeger, pointer: str = "") -> None:
    """What a case may be registered with. Raises `InvalidRegistrationError`."""
    errors = []
    if not _pays(registration.payer_mk, traeger):
        message = f"the AGS of a Mitgliedskörperschaft of the {traeger}"
        errors.append(FieldError(f"{pointer}/payer_mk", "unknown-ags", message))
    if not _is_residence(registration.residence_mk):
        message = f"one of the 53 AGS, or {OUTSIDE} for outside"
        errors.append(FieldError(f"{pointer}/residence_mk", "unknown-ags", message))
    if errors:
        raise InvalidRegistrationError("The case cannot be registered like this.", errors=errors)


def _pays(ags: str, traeger: Traeger) -> bool:
    """Whether the AGS is that of a Mitgliedskörperschaft of the Träger (§ 98 SGB IX)."""
    entry = BY_AGS.get(ags)
    return entry is not None and entry.traeger is traeger


def _is_residence(ags: str) -> bool:
    return ags == OUTSIDE or ags in BY_AGS
