"""A small world with figures that can be counted by hand.

Providers: A (WfbM, Münster, open), B (anderer Leistungsanbieter, Herford, valid to 30 June 2021), N (WfbM, Bochum,
valid from 1 March 2022), R (WfbM, Köln, registered by the LVR).

| person | day | recorded | what |
|---|---|---|---|
| p1 geistig, Münster | 2020-02-10 | same day | ZUGANG_EV at A |
| | 2020-05-10 | | EINTRITT_BBB |
| | 2020-08-01 | | ZUGANG_ARBEITSBEREICH, INTERN |
| | 2021-03-15 | 2021-03-20 | UEBERGANG with BUDGET_FUER_ARBEIT, decided 2021-02-20 |
| | 2021-10-01 | | RUECKKEHR to A, INTERN |
| p2 seelisch, payer Münster, lives outside | 2020-05-01 | 2020-05-02 | ZUGANG_BBB at B |
| | 2020-04-01 | 2021-11-05 | … corrected to this day |
| p3 körperlich, Herford | 2021-01-01 | same day | WERKSTATTALTERNATIVE, decided 2020-12-20 |
| | 2021-07-01 | | ABGANG |
| p4 geistig, Münster, kombi | 2019-01-01 | | ZUGANG_ARBEITSBEREICH at A, AAP_EINZEL |
| p5 LVR, Köln | 2020-03-01 | | ZUGANG_EV at R |
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from shared.contracts.cases_v1 import Cell, Movement, ProviderChanged
from shared.kernel.clock import berlin_noon
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.metrics.api.log import Case, Log

NOW = datetime(2022, 2, 14, 9, 30, tzinfo=UTC)


def provider(
    name: str, mk: str, kind: str = "WFBM", *, valid_from: str = "1990-01-01", valid_to: str | None = None
) -> ProviderChanged:
    """A provider."""
    until = None if valid_to is None else date.fromisoformat(valid_to)
    return ProviderChanged(new_id(), 1, name, kind, mk, date.fromisoformat(valid_from), until)


@dataclass(frozen=True, slots=True)
class Story:
    """The ids that tests ask for."""

    a: str
    b: str
    n: str
    r: str


def tell(log: Log) -> Story:
    """Write the story."""
    a = provider("Werkstatt A", "05515")
    b = provider("Anbieter B", "05758", "ANDERER_LEISTUNGSANBIETER", valid_to="2021-06-30")
    n = provider("Werkstatt N", "05911", valid_from="2022-03-01")
    r = provider("Werkstatt R", "05315")
    for traeger, one in ((Traeger.LWL, a), (Traeger.LWL, b), (Traeger.LWL, n), (Traeger.LVR, r)):
        log.provider(traeger, one, berlin_noon(date(2018, 1, 1)))
    _p1(log, a)
    _p2(log, b)
    p3 = Case(log, payer_mk="05758", residence_mk="05758", disability="KOERPERLICH")
    alternative = p3.cell("WERKSTATTALTERNATIVE")
    p3.record(
        "2021-01-01", [p3.moved("WERKSTATTALTERNATIVE", "2021-01-01", None, alternative, decided_on="2020-12-20")]
    )
    left = p3.moved("ABGANG", "2021-07-01", alternative, None, reason="SONSTIGE", from_since="2021-01-01")
    p3.record("2021-07-01", [left])
    p4 = Case(log, kombi=True)
    aap = p4.cell("ARBEITSBEREICH", a, "AAP_EINZEL")
    p4.record("2019-01-01", [p4.moved("ZUGANG_ARBEITSBEREICH", "2019-01-01", None, aap)])
    p5 = Case(log, Traeger.LVR, payer_mk="05315", residence_mk="05315")
    p5.record("2020-03-01", [p5.moved("ZUGANG_EV", "2020-03-01", None, p5.cell("EV", r))])
    return Story(*(str(one.provider_id) for one in (a, b, n, r)))


def _p1(log: Log, a: ProviderChanged) -> None:
    p1 = Case(log)
    ev, bbb = p1.cell("EV", a), p1.cell("BBB", a)
    ab, job = p1.cell("ARBEITSBEREICH", a, "INTERN"), p1.cell("BUDGET_FUER_ARBEIT")
    p1.record("2020-02-10", [p1.moved("ZUGANG_EV", "2020-02-10", None, ev)])
    p1.record("2020-05-10", [p1.moved("EINTRITT_BBB", "2020-05-10", ev, bbb, from_since="2020-02-10")])
    p1.record("2020-08-01", [p1.moved("ZUGANG_ARBEITSBEREICH", "2020-08-01", bbb, ab, from_since="2020-05-10")])
    p1.record("2021-03-20", [_uebergang(p1, ab, job)])
    back = p1.moved(
        "RUECKKEHR", "2021-10-01", job, ab,
        from_since="2021-03-15", uebergang_on="2021-03-15", uebergang_from=ab,
    )  # fmt: skip
    p1.record("2021-10-01", [back])


def _uebergang(p1: Case, ab: Cell, job: Cell) -> Movement:
    return p1.moved(
        "UEBERGANG", "2021-03-15", ab, job,
        instrument="BUDGET_FUER_ARBEIT", decided_on="2021-02-20", from_since="2020-08-01",
    )  # fmt: skip


def _p2(log: Log, b: ProviderChanged) -> None:
    p2 = Case(log, residence_mk="99999", disability="SEELISCH")
    first = p2.moved("ZUGANG_BBB", "2020-05-01", None, p2.cell("BBB", b))
    p2.record("2020-05-02", [first])
    p2.record("2021-11-05", [p2.moved("ZUGANG_BBB", "2020-04-01", None, p2.cell("BBB", b))], [first])
