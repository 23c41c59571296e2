"""The key figures: what is counted above and below the line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.recount import model
from tests.recount.model import Cell, Movement

FlowRule = Callable[[Movement], int]
CellRule = Callable[[Cell], bool]


@dataclass(frozen=True, slots=True)
class Flow:
    """Movements with a date in the window, each with the weight the rule gives it (0: not counted)."""

    rule: FlowRule
    like_uebergang: bool = False


@dataclass(frozen=True, slots=True)
class Stock:
    """People in a cell on the last day."""

    rule: CellRule


@dataclass(frozen=True, slots=True)
class Mean:
    """Days that people spent in a cell inside the window, by the number of its days."""

    rule: CellRule


Part = Flow | Stock | Mean


@dataclass(frozen=True, slots=True)
class Figure:
    """`share` marks the figures whose disability restricts the numerator alone; a count has no `below`."""

    above: Part
    below: Part | None
    scale: int
    window: str
    share: bool = False

    @property
    def stocks_only(self) -> bool:
        return isinstance(self.above, Stock) and (self.below is None or isinstance(self.below, Stock))


def _kinds(*kinds: str) -> FlowRule:
    return lambda m: int(m.kind in kinds)


def _from_arbeitsbereich(instrument: str | None = None, places: tuple[str, ...] = model.PLACES) -> FlowRule:
    def rule(m: Movement) -> int:
        if m.kind != "UEBERGANG" or m.source is None or m.source.phase != model.ARBEITSBEREICH:
            return 0
        return int((instrument is None or m.instrument == instrument) and m.source.place in places)

    return rule


def _phases(*phases: str) -> CellRule:
    return lambda cell: cell.phase in phases


def _in_arbeitsbereich(places: tuple[str, ...]) -> CellRule:
    return lambda cell: cell.phase == model.ARBEITSBEREICH and cell.place in places


def _returned(m: Movement) -> int:
    came_from = None if m.uebergang_from is None else m.uebergang_from.phase
    return int(m.kind == "RUECKKEHR" and came_from == model.ARBEITSBEREICH)


def _late(m: Movement) -> int:
    return int(m.kind in ("ZUGANG_EV", "ZUGANG_BBB") and m.alternative_on is not None)


def _stay(m: Movement) -> int:
    if not _from_arbeitsbereich()(m):
        return 0
    assert m.from_since is not None
    return (m.effective_on - m.from_since).days


def _kombi(cell: Cell) -> bool:
    return cell.phase == model.ARBEITSBEREICH and cell.kombi


AAP = ("AAP_EINZEL", "AAP_GRUPPE")
_BFA = "BUDGET_FUER_ARBEIT"
_ALTERNATIVEN = Flow(_kinds("WERKSTATTALTERNATIVE"))
_ZUGAENGE = Flow(_kinds("ZUGANG_EV", "ZUGANG_BBB"))
_UEBERGAENGE = Flow(_from_arbeitsbereich(_BFA))
_UEBERGAENGE_ALLE = Flow(_from_arbeitsbereich())
_AB = _phases(model.ARBEITSBEREICH)
_BUDGETS = _phases(model.BUDGET_FUER_ARBEIT, model.WERKSTATTALTERNATIVE)
_EV_BBB = _phases(model.EV, model.BBB)
_ON_AAP = _in_arbeitsbereich(AAP)

COHORT = "rueckkehrquote_kohorte"

FIGURES: Mapping[str, Figure] = {
    "foerderquote_1": Figure(_ALTERNATIVEN, _ZUGAENGE, 100, "CUMULATIVE"),
    "foerderquote_2": Figure(_ALTERNATIVEN, Stock(_EV_BBB), 100, "CUMULATIVE"),
    "uebergangsdichte": Figure(_UEBERGAENGE, Mean(_AB), 1000, "CUMULATIVE"),
    "uebergangsdichte_alle": Figure(_UEBERGAENGE_ALLE, Mean(_AB), 1000, "CUMULATIVE"),
    "uebergaenge_je_zugang": Figure(_UEBERGAENGE, _ZUGAENGE, 100, "CUMULATIVE"),
    "wechselquote_aap": Figure(Flow(_from_arbeitsbereich(_BFA, AAP)), Mean(_ON_AAP), 100, "CUMULATIVE"),
    "wechselquote_intern": Figure(
        Flow(_from_arbeitsbereich(_BFA, ("INTERN",))), Mean(_in_arbeitsbereich(("INTERN",))), 100, "CUMULATIVE"
    ),
    "kombiquote": Figure(Stock(_kombi), Stock(_AB), 100, "LAST_DAY"),
    "aap_quote": Figure(Stock(_ON_AAP), Stock(_AB), 100, "LAST_DAY"),
    "anteil_behinderungsart_wfbm": Figure(Stock(_AB), Stock(_AB), 100, "LAST_DAY", share=True),
    "anteil_behinderungsart_bfa": Figure(Stock(_BUDGETS), Stock(_BUDGETS), 100, "LAST_DAY", share=True),
    "rueckkehrquote": Figure(Flow(_returned, like_uebergang=True), _UEBERGAENGE_ALLE, 100, "CUMULATIVE"),
    COHORT: Figure(Flow(_returned, like_uebergang=True), _UEBERGAENGE_ALLE, 100, "COHORT"),
    "spaetzugangsquote": Figure(Flow(_late), _ALTERNATIVEN, 100, "CUMULATIVE"),
    "verweildauer_bis_uebergang": Figure(Flow(_stay), _UEBERGAENGE_ALLE, 1, "YEAR"),
    "anzahl_zugang_ev_bbb": Figure(_ZUGAENGE, None, 1, "YEAR"),
    "anzahl_uebergang": Figure(_UEBERGAENGE, None, 1, "YEAR"),
    "anzahl_alternative": Figure(_ALTERNATIVEN, None, 1, "YEAR"),
    "anzahl_rueckkehr": Figure(Flow(_kinds("RUECKKEHR")), None, 1, "YEAR"),
    "bestand_ev_bbb": Figure(Stock(_EV_BBB), None, 1, "LAST_DAY"),
    "bestand_arbeitsbereich": Figure(Stock(_AB), None, 1, "LAST_DAY"),
    "bestand_aap": Figure(Stock(_ON_AAP), None, 1, "LAST_DAY"),
    "bestand_bfa": Figure(Stock(_BUDGETS), None, 1, "LAST_DAY"),
}
