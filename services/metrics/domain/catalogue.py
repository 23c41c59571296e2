"""The key figures. Rendered to `docs/key-figures.md`; a changed definition is a new row with the next version."""

from dataclasses import replace
from datetime import date

from services.metrics.domain.definitions import Catalogue, Days, Definition, FigureTerm, Formula
from services.metrics.domain.sums import Aggregate
from services.metrics.domain.windows import Window

_BTHG = date(2018, 1, 1)
"""§ 61 SGB IX (Budget für Arbeit) has been in force since this day."""

_NTA = "Evaluation des Modells „neue Teilhabe am Arbeitsleben“ (nTA) 2020-2022"
_UEBERGANG_LAW = "§ 219 Abs. 1, § 61 SGB IX"
_ALTERNATIVE_LAW = "§ 185 SGB IX, LWL-Richtlinien Teil II § 6, LVR aktion inklusion Teil II"


def _flow(measure: str, text: str, days: Days = Days.WINDOW) -> FigureTerm:
    return FigureTerm(f"F:{measure}", Aggregate.FLOW, f"F({text})", days)


def _stock(measure: str, text: str) -> FigureTerm:
    return FigureTerm(f"S:{measure}", Aggregate.STOCK, f"S({text}) on E")


def _mean(measure: str, text: str) -> FigureTerm:
    return FigureTerm(f"S:{measure}", Aggregate.PERSON_DAYS, f"mean S({text})")


def _quota(numerator: FigureTerm, denominator: FigureTerm, scale: int = 100) -> Formula:
    return Formula((numerator,), (denominator,), scale)


def _share_of_disability(stock: FigureTerm) -> Formula:
    of_one = replace(stock, text=stock.text.replace(")", ", one disability)"))
    return Formula((of_one,), (stock,), 100, share_of_disability=True)


def _count(term: FigureTerm) -> Formula:
    return Formula((term,), default_window=Window.YEAR)


def _first(figure_id: str, title: str, formula: Formula, basis: str, source: str) -> Definition:
    return Definition(figure_id, 1, _BTHG, title, formula, basis, source)


_ALTERNATIVE = _flow("WERKSTATTALTERNATIVE", "WERKSTATTALTERNATIVE")
_ZUGANG = _flow("ZUGANG_EV_BBB", "ZUGANG_EV, ZUGANG_BBB")
_UEBERGANG = _flow("UEBERGANG_AUS_AB", "UEBERGANG from ARBEITSBEREICH, any instrument")
_UEBERGANG_BFA = _flow("UEBERGANG_BFA_AUS_AB", "UEBERGANG from ARBEITSBEREICH, instrument BUDGET_FUER_ARBEIT")
_UEBERGANG_BFA_AAP = _flow(
    "UEBERGANG_BFA_AUS_AAP", "UEBERGANG from ARBEITSBEREICH, place AAP_*, instrument BUDGET_FUER_ARBEIT"
)
_UEBERGANG_BFA_INTERN = _flow(
    "UEBERGANG_BFA_AUS_INTERN", "UEBERGANG from ARBEITSBEREICH, place INTERN, instrument BUDGET_FUER_ARBEIT"
)
_UEBERGANG_COHORT = _flow(
    "UEBERGANG_AUS_AB", "UEBERGANG from ARBEITSBEREICH in the cohort, any instrument", Days.COHORT
)
_RUECKKEHR_AB = _flow("RUECKKEHR_NACH_UEBERGANG_AUS_AB", "RUECKKEHR, Übergang from ARBEITSBEREICH")
_RUECKKEHR_COHORT = _flow(
    "RUECKKEHR_NACH_UEBERGANG_AUS_AB",
    "RUECKKEHR up to E, Übergang from ARBEITSBEREICH in the cohort",
    Days.SINCE_COHORT,
)
_SPAETZUGANG = _flow("SPAETZUGANG", "ZUGANG_EV, ZUGANG_BBB with alternative_on")
_DURATION = FigureTerm(
    "F:UEBERGANG_AUS_AB", Aggregate.DURATION, "days from from_since to effective_on, " + _UEBERGANG.text
)
_STOCK_AB = _stock("ARBEITSBEREICH", "ARBEITSBEREICH")
_STOCK_AAP = _stock("AAP", "ARBEITSBEREICH, AAP_*")
_STOCK_KOMBI = _stock("KOMBI", "ARBEITSBEREICH, kombi")
_STOCK_EV_BBB = _stock("EV_BBB", "EV, BBB")
_STOCK_BFA = _stock("BFA", "BUDGET_FUER_ARBEIT, WERKSTATTALTERNATIVE")
_MEAN_AB = _mean("ARBEITSBEREICH", "ARBEITSBEREICH")
_MEAN_AAP = _mean("AAP", "ARBEITSBEREICH, AAP_*")
_MEAN_INTERN = _mean("INTERN", "ARBEITSBEREICH, INTERN")

KEY_FIGURES = Catalogue(
    (
        _first(
            "foerderquote_1",
            "Förderquote I: Werkstattalternativen je Zugang in Eingangsverfahren und Berufsbildungsbereich",
            _quota(_ALTERNATIVE, _ZUGANG),
            f"{_ALTERNATIVE_LAW}; § 57 SGB IX",
            f"{_NTA}, 4.2.2, Abb. 5 und Fußnote 11",
        ),
        _first(
            "foerderquote_2",
            "Förderquote II: Werkstattalternativen zum Bestand in Eingangsverfahren und Berufsbildungsbereich",
            _quota(_ALTERNATIVE, _STOCK_EV_BBB),
            f"{_ALTERNATIVE_LAW}; § 57 SGB IX",
            f"{_NTA}, 4.2.2, Abb. 6",
        ),
        _first(
            "uebergangsdichte",
            "Übergangsdichte: Übergänge mit Budget für Arbeit je 1.000 Beschäftigte im Arbeitsbereich",
            _quota(_UEBERGANG_BFA, _MEAN_AB, 1000),
            f"{_UEBERGANG_LAW}; § 58 SGB IX",
            f"{_NTA}, 4.2.3, Abb. 7",
        ),
        _first(
            "uebergangsdichte_alle",
            "Übergangsdichte: alle Übergänge je 1.000 Beschäftigte im Arbeitsbereich",
            _quota(_UEBERGANG, _MEAN_AB, 1000),
            "§ 219 Abs. 1, §§ 61, 61a SGB IX; § 58 SGB IX",
            f"nach der {_NTA}, 4.2.3, ohne Beschränkung auf das Budget für Arbeit",
        ),
        _first(
            "uebergaenge_je_zugang",
            "Übergänge mit Budget für Arbeit je Zugang in Eingangsverfahren und Berufsbildungsbereich",
            _quota(_UEBERGANG_BFA, _ZUGANG),
            f"{_UEBERGANG_LAW}; § 57 SGB IX",
            f"{_NTA}, 4.2.3, letzter Absatz",
        ),
        _first(
            "wechselquote_aap",
            "Wechselquote ausgelagerter Arbeitsplätze: Übergänge mit Budget für Arbeit zum mittleren Bestand",
            _quota(_UEBERGANG_BFA_AAP, _MEAN_AAP),
            "§ 219 Abs. 1 Satz 5 und 6, § 61 SGB IX",
            f"{_NTA}, 4.2.4, Abb. 8",
        ),
        _first(
            "wechselquote_intern",
            "Wechselquote interner Arbeitsplätze: Übergänge mit Budget für Arbeit zum mittleren Bestand",
            _quota(_UEBERGANG_BFA_INTERN, _MEAN_INTERN),
            _UEBERGANG_LAW,
            f"Gegenstück zur Wechselquote ausgelagerter Arbeitsplätze, {_NTA}, 4.2.4",
        ),
        _first(
            "kombiquote",
            "Kombiquote: Beschäftigte im Arbeitsbereich mit gleichzeitiger Sozialer Teilhabe",
            _quota(_STOCK_KOMBI, _STOCK_AB),
            "§§ 58, 113 SGB IX",
            f"{_NTA}, 4.2.5, Abb. 9",
        ),
        _first(
            "aap_quote",
            "Anteil der Beschäftigten im Arbeitsbereich auf ausgelagerten Arbeitsplätzen (beim LVR: BiAp)",
            _quota(_STOCK_AAP, _STOCK_AB),
            "§ 219 Abs. 1 Satz 5 und 6 SGB IX",
            f"{_NTA}, 4.2.4",
        ),
        _first(
            "anteil_behinderungsart_wfbm",
            "Anteil einer Behinderungsart an den Beschäftigten im Arbeitsbereich",
            _share_of_disability(_STOCK_AB),
            "§ 58 SGB IX",
            f"{_NTA}, 4.2.1, Abb. 3",
        ),
        _first(
            "anteil_behinderungsart_bfa",
            "Anteil einer Behinderungsart an den Personen mit Budget für Arbeit oder Werkstattalternative",
            _share_of_disability(_STOCK_BFA),
            f"§ 61 SGB IX; {_ALTERNATIVE_LAW}",
            f"{_NTA}, 4.2.1, Abb. 4",
        ),
        _first(
            "rueckkehrquote",
            "Rückkehrquote: Rückkehren nach einem Übergang aus dem Arbeitsbereich je Übergang",
            _quota(_RUECKKEHR_AB, _UEBERGANG),
            "§ 220 Abs. 3 SGB IX",
            f"nach der {_NTA}, 9.3.2",
        ),
        _first(
            "rueckkehrquote_kohorte",
            "Rückkehrquote einer Kohorte: Rückkehren bis E je Übergang aus dem Arbeitsbereich in der Kohorte",
            _quota(_RUECKKEHR_COHORT, _UEBERGANG_COHORT),
            "§ 220 Abs. 3 SGB IX",
            f"nach der {_NTA}, 9.3.2, auf eine feste Kohorte bezogen",
        ),
        _first(
            "spaetzugangsquote",
            "Spätzugangsquote: Zugänge nach einer Werkstattalternative je Werkstattalternative",
            _quota(_SPAETZUGANG, _ALTERNATIVE),
            f"{_ALTERNATIVE_LAW}; § 57 SGB IX",
            f"nach der {_NTA}, 9.3.2",
        ),
        _first(
            "verweildauer_bis_uebergang",
            "Mittlere Verweildauer im Arbeitsbereich bis zum Übergang, in Tagen",
            Formula((_DURATION,), (_UEBERGANG,), default_window=Window.YEAR),
            "§ 219 Abs. 1 SGB IX",
            "eigene Kennzahl, ohne veröffentlichtes Gegenstück",
        ),
        _first(
            "anzahl_zugang_ev_bbb",
            "Zugänge in Eingangsverfahren und Berufsbildungsbereich",
            _count(_ZUGANG),
            "§ 57 SGB IX",
            f"{_NTA}, 4.2.2",
        ),
        _first(
            "anzahl_uebergang",
            "Übergänge aus dem Arbeitsbereich mit Budget für Arbeit",
            _count(_UEBERGANG_BFA),
            _UEBERGANG_LAW,
            f"{_NTA}, 4.2.3",
        ),
        _first(
            "anzahl_alternative",
            "Werkstattalternativen",
            _count(_ALTERNATIVE),
            _ALTERNATIVE_LAW,
            f"{_NTA}, 4.2.2",
        ),
        _first(
            "anzahl_rueckkehr",
            "Rückkehren in die Werkstatt",
            _count(_flow("RUECKKEHR", "RUECKKEHR")),
            "§ 220 Abs. 3 SGB IX",
            f"nach der {_NTA}, 9.3.2",
        ),
        _first(
            "bestand_ev_bbb",
            "Bestand in Eingangsverfahren und Berufsbildungsbereich",
            _count(_STOCK_EV_BBB),
            "§ 57 SGB IX",
            f"{_NTA}, 4.2.2",
        ),
        _first(
            "bestand_arbeitsbereich",
            "Bestand im Arbeitsbereich",
            _count(_STOCK_AB),
            "§ 58 SGB IX",
            f"{_NTA}, 4.2.3",
        ),
        _first(
            "bestand_aap",
            "Bestand auf ausgelagerten Arbeitsplätzen (beim LVR: BiAp)",
            _count(_STOCK_AAP),
            "§ 219 Abs. 1 Satz 5 und 6 SGB IX",
            f"{_NTA}, 4.2.4",
        ),
        _first(
            "bestand_bfa",
            "Bestand mit Budget für Arbeit oder Werkstattalternative",
            _count(_STOCK_BFA),
            f"§ 61 SGB IX; {_ALTERNATIVE_LAW}",
            f"{_NTA}, 7.2.3 und Fußnote 28",
        ),
    )
)
