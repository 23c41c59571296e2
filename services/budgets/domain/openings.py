"""Which movements open a grant: the table, with the basis of each row.

A row that names phases opens only from these: from EV and BBB the Agentur für Arbeit or the Rentenversicherung pays
a Budget für Ausbildung (§ 63 Abs. 3 SGB IX), so no grant of ours begins there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.budgets.domain.model import FUNDED_PHASES, Instrument, Movement, Phase
from shared.kernel.mitgliedskoerperschaften import Traeger

BOTH = frozenset(Traeger)
FROM_WORKSHOP = frozenset({Phase.EV, Phase.BBB, Phase.ARBEITSBEREICH})


@dataclass(frozen=True, slots=True)
class Opening:
    """A kind of movement (with an instrument, where the kind has several) that opens a grant."""

    kind: str
    movement_instrument: str | None
    from_phases: frozenset[Phase] | None
    """None: whatever phase the movement may start from, none included."""
    traeger: frozenset[Traeger]
    grant: Instrument
    basis: str


OPENINGS: tuple[Opening, ...] = (
    Opening("UEBERGANG", "BUDGET_FUER_ARBEIT", FROM_WORKSHOP, BOTH, Instrument.BUDGET_FUER_ARBEIT, "§ 61 SGB IX"),
    Opening(
        "UEBERGANG",
        "BUDGET_FUER_AUSBILDUNG",
        frozenset({Phase.ARBEITSBEREICH}),
        BOTH,
        Instrument.BUDGET_FUER_AUSBILDUNG,
        "§ 61a SGB IX",
    ),
    Opening("FOLGEFOERDERUNG", None, None, BOTH, Instrument.BUDGET_FUER_ARBEIT, "§ 61 SGB IX"),
    Opening(
        "WERKSTATTALTERNATIVE",
        None,
        None,
        BOTH,
        Instrument.WERKSTATTALTERNATIVE,
        "LWL-Richtlinie Teil II § 6; LVR aktion inklusion Teil II",
    ),
    Opening("AUFNAHME_ZUVERDIENST", None, None, frozenset({Traeger.LVR}), Instrument.ZUVERDIENST, "LVR Zuverdienst"),
)

KINDS_THAT_CLOSE = frozenset(
    {
        "FOERDERENDE",
        "FOLGEFOERDERUNG",
        "RUECKKEHR",
        "ABGANG",
        "WERKSTATTALTERNATIVE",
        "ZUGANG_EV",
        "ZUGANG_BBB",
        "ZUGANG_ARBEITSBEREICH",
        "AUFNAHME_ZUVERDIENST",
    }
)
"""Kinds that can lead out of a funded phase; the cells say whether one does."""

KINDS_OF_INTEREST = KINDS_THAT_CLOSE | {opening.kind for opening in OPENINGS}


def opened_by(movement: Movement, traeger: Traeger, table: Iterable[Opening] = OPENINGS) -> Instrument | None:
    """The instrument whose grant a movement opens, or None."""
    start = movement.before.phase if movement.before is not None else None
    for row in table:
        if (
            row.kind == movement.kind
            and row.movement_instrument in (None, movement.instrument)
            and (row.from_phases is None or start in row.from_phases)
            and traeger in row.traeger
        ):
            return row.grant
    return None


def phase_entered_by(movement: Movement) -> Phase | None:
    """The funded phase that a movement leads into, with or without a grant of ours, or None."""
    if movement.after is None or movement.after.phase not in FUNDED_PHASES:
        return None
    if movement.before is not None and movement.before.phase is movement.after.phase:
        return None
    return movement.after.phase


def phase_left_by(movement: Movement) -> Phase | None:
    """The funded phase that a movement leads out of, or None."""
    if movement.before is None or movement.before.phase not in FUNDED_PHASES:
        return None
    if movement.after is not None and movement.after.phase is movement.before.phase:
        return None
    return movement.before.phase
