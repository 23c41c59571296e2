"""The catalogue of key figures against the table of the definitions, written by hand here."""

from dataclasses import replace
from datetime import date

import pytest

from services.metrics.domain.catalogue import KEY_FIGURES
from services.metrics.domain.definitions import Catalogue, Days, FigureTerm, UnknownFigureError
from services.metrics.domain.measures import CONDITIONS, Moves, Stays
from services.metrics.domain.sums import Aggregate, Term
from services.metrics.domain.windows import Window

TODAY = date(2026, 1, 1)

# id -> (numerator, denominator, scale, echoed window); `#` days in phase, `~` person-days, `@` stock on E
EXPECTED = {
    "foerderquote_1": ("F:WERKSTATTALTERNATIVE", "F:ZUGANG_EV_BBB", 100, "CUMULATIVE"),
    "foerderquote_2": ("F:WERKSTATTALTERNATIVE", "@S:EV_BBB", 100, "CUMULATIVE"),
    "uebergangsdichte": ("F:UEBERGANG_BFA_AUS_AB", "~S:ARBEITSBEREICH", 1000, "CUMULATIVE"),
    "uebergangsdichte_alle": ("F:UEBERGANG_AUS_AB", "~S:ARBEITSBEREICH", 1000, "CUMULATIVE"),
    "uebergaenge_je_zugang": ("F:UEBERGANG_BFA_AUS_AB", "F:ZUGANG_EV_BBB", 100, "CUMULATIVE"),
    "wechselquote_aap": ("F:UEBERGANG_BFA_AUS_AAP", "~S:AAP", 100, "CUMULATIVE"),
    "wechselquote_intern": ("F:UEBERGANG_BFA_AUS_INTERN", "~S:INTERN", 100, "CUMULATIVE"),
    "kombiquote": ("@S:KOMBI", "@S:ARBEITSBEREICH", 100, "LAST_DAY"),
    "aap_quote": ("@S:AAP", "@S:ARBEITSBEREICH", 100, "LAST_DAY"),
    "anteil_behinderungsart_wfbm": ("@S:ARBEITSBEREICH", "@S:ARBEITSBEREICH", 100, "LAST_DAY"),
    "anteil_behinderungsart_bfa": ("@S:BFA", "@S:BFA", 100, "LAST_DAY"),
    "rueckkehrquote": ("F:RUECKKEHR_NACH_UEBERGANG_AUS_AB", "F:UEBERGANG_AUS_AB", 100, "CUMULATIVE"),
    "rueckkehrquote_kohorte": ("F:RUECKKEHR_NACH_UEBERGANG_AUS_AB", "F:UEBERGANG_AUS_AB", 100, "COHORT"),
    "spaetzugangsquote": ("F:SPAETZUGANG", "F:WERKSTATTALTERNATIVE", 100, "CUMULATIVE"),
    "verweildauer_bis_uebergang": ("#F:UEBERGANG_AUS_AB", "F:UEBERGANG_AUS_AB", 1, "YEAR"),
    "anzahl_zugang_ev_bbb": ("F:ZUGANG_EV_BBB", "", 1, "YEAR"),
    "anzahl_uebergang": ("F:UEBERGANG_BFA_AUS_AB", "", 1, "YEAR"),
    "anzahl_alternative": ("F:WERKSTATTALTERNATIVE", "", 1, "YEAR"),
    "anzahl_rueckkehr": ("F:RUECKKEHR", "", 1, "YEAR"),
    "bestand_ev_bbb": ("@S:EV_BBB", "", 1, "LAST_DAY"),
    "bestand_arbeitsbereich": ("@S:ARBEITSBEREICH", "", 1, "LAST_DAY"),
    "bestand_aap": ("@S:AAP", "", 1, "LAST_DAY"),
    "bestand_bfa": ("@S:BFA", "", 1, "LAST_DAY"),
}

MARKS = {Aggregate.FLOW: "", Aggregate.STOCK: "@", Aggregate.PERSON_DAYS: "~", Aggregate.DURATION: "#"}


def _written(terms: tuple[FigureTerm, ...]) -> str:
    return "+".join(f"{MARKS[term.aggregate]}{term.measure}" for term in terms)


def test_it_is_the_table_of_the_definitions() -> None:
    actual = {
        figure.id: (
            _written(figure.formula.numerator),
            _written(figure.formula.denominator),
            figure.formula.scale,
            figure.formula.echoed_window(None),
        )
        for figure in KEY_FIGURES.on(TODAY)
    }
    assert actual == EXPECTED


def test_every_term_is_one_that_the_sums_can_answer() -> None:
    for figure in KEY_FIGURES.definitions:
        for term in figure.formula.terms:
            assert Term(term.measure, term.aggregate).condition in CONDITIONS.values()


def test_only_the_cohort_figure_follows_a_cohort_and_only_the_shares_confine_the_numerator_alone() -> None:
    cohort = {figure.id for figure in KEY_FIGURES.definitions if figure.formula.of_a_cohort}
    shares = {figure.id for figure in KEY_FIGURES.definitions if figure.formula.share_of_disability}
    assert cohort == {"rueckkehrquote_kohorte"}
    assert shares == {"anteil_behinderungsart_wfbm", "anteil_behinderungsart_bfa"}
    days = [term.days for term in KEY_FIGURES.find("rueckkehrquote_kohorte", TODAY).formula.terms]
    assert days == [Days.SINCE_COHORT, Days.COHORT]


def test_the_conditions_behind_the_figures_are_those_of_the_definitions() -> None:
    """The names are ours; what they stand for is compared with the words of the definitions."""
    aap = frozenset({"AAP_EINZEL", "AAP_GRUPPE"})
    assert CONDITIONS["S:EV_BBB"] == Stays(frozenset({"EV", "BBB"}))
    assert CONDITIONS["S:ARBEITSBEREICH"] == Stays(frozenset({"ARBEITSBEREICH"}))
    assert CONDITIONS["S:AAP"] == Stays(frozenset({"ARBEITSBEREICH"}), aap)
    assert CONDITIONS["S:INTERN"] == Stays(frozenset({"ARBEITSBEREICH"}), frozenset({"INTERN"}))
    assert CONDITIONS["S:KOMBI"] == Stays(frozenset({"ARBEITSBEREICH"}), None, True)
    assert CONDITIONS["S:BFA"] == Stays(frozenset({"BUDGET_FUER_ARBEIT", "WERKSTATTALTERNATIVE"}))
    uebergang, bfa = frozenset({"UEBERGANG"}), frozenset({"BUDGET_FUER_ARBEIT"})
    ab = frozenset({"ARBEITSBEREICH"})
    assert CONDITIONS["F:UEBERGANG_BFA_AUS_AB"] == Moves(uebergang, bfa, ab)
    assert CONDITIONS["F:UEBERGANG_BFA_AUS_AAP"] == Moves(uebergang, bfa, ab, aap)
    intern = CONDITIONS["F:UEBERGANG_BFA_AUS_INTERN"]
    assert intern == Moves(uebergang, bfa, ab, frozenset({"INTERN"}))
    assert CONDITIONS["F:UEBERGANG_AUS_AB"] == Moves(uebergang, None, ab)
    zugang = frozenset({"ZUGANG_EV", "ZUGANG_BBB"})
    assert CONDITIONS["F:ZUGANG_EV_BBB"] == Moves(zugang)
    assert CONDITIONS["F:SPAETZUGANG"] == Moves(zugang, after_alternative=True)
    assert CONDITIONS["F:RUECKKEHR"] == Moves(frozenset({"RUECKKEHR"}))
    assert CONDITIONS["F:RUECKKEHR_NACH_UEBERGANG_AUS_AB"] == Moves(frozenset({"RUECKKEHR"}), uebergang_phases=ab)
    assert CONDITIONS["F:WERKSTATTALTERNATIVE"] == Moves(frozenset({"WERKSTATTALTERNATIVE"}))


@pytest.mark.parametrize("asked", list(Window))
def test_a_window_is_echoed_unless_it_has_no_meaning(asked: Window) -> None:
    assert KEY_FIGURES.find("uebergangsdichte", TODAY).formula.echoed_window(asked) == asked
    assert KEY_FIGURES.find("foerderquote_2", TODAY).formula.echoed_window(asked) == asked
    assert KEY_FIGURES.find("kombiquote", TODAY).formula.echoed_window(asked) == "LAST_DAY"
    assert KEY_FIGURES.find("rueckkehrquote_kohorte", TODAY).formula.echoed_window(asked) == "COHORT"


class TestVersions:
    first = KEY_FIGURES.find("kombiquote", TODAY)
    catalogue = Catalogue((first, replace(first, version=2, valid_from=date(2027, 1, 1), title="neu")))

    def test_the_version_in_force_on_the_day_answers(self) -> None:
        assert self.catalogue.find("kombiquote", date(2026, 12, 31)).version == 1
        assert self.catalogue.find("kombiquote", date(2027, 1, 1)).version == 2
        assert [one.version for one in self.catalogue.on(date(2027, 1, 1))] == [2]

    def test_before_its_first_version_that_one_answers(self) -> None:
        assert self.catalogue.find("kombiquote", date(1999, 1, 1)).version == 1

    def test_an_unknown_id_is_refused(self) -> None:
        with pytest.raises(UnknownFigureError):
            self.catalogue.find("kombi", TODAY)


def test_versions_of_a_figure_are_numbered_without_a_gap() -> None:
    for figure in KEY_FIGURES.definitions:
        versions = [one.version for one in KEY_FIGURES.definitions if one.id == figure.id]
        assert versions == list(range(1, len(versions) + 1))
