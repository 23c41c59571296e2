"""The key figures in words: for the catalogue of the API, and as a page (`docs/key-figures.md`)."""

from collections.abc import Iterator, Sequence

from services.metrics.domain.catalogue import KEY_FIGURES
from services.metrics.domain.definitions import Definition, FigureTerm
from services.metrics.domain.windows import DEFAULT_SINCE

PLAIN_COUNT = "1"


def terms_in_words(terms: Sequence[FigureTerm]) -> str:
    """A numerator or denominator as a formula; that of a plain count is 1."""
    return " + ".join(term.text for term in terms) or PLAIN_COUNT


def key_figures_markdown() -> str:
    """The page, generated from the catalogue; a test compares it with the file that is checked in."""
    return "\n".join([*_head(), *_table(), "", *_origins(), "", *_reading()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Key figures"
    yield ""
    yield "Generated from `services/metrics/domain/catalogue.py`. A changed definition is a new row with the next"
    yield "version; `GET /v1/kpis` shows the version in force. Value = scale × numerator / denominator."
    yield ""


def _table() -> Iterator[str]:
    yield "| id | version | numerator | denominator | scale | default window |"
    yield "|---|---|---|---|---|---|"
    for figure in KEY_FIGURES.definitions:
        formula = figure.formula
        columns = (
            f"`{figure.id}`",
            str(figure.version),
            terms_in_words(formula.numerator),
            terms_in_words(formula.denominator),
            str(formula.scale),
            f"`{formula.echoed_window(None)}`",
        )
        yield f"| {' | '.join(columns)} |"


def _origins() -> Iterator[str]:
    yield "## Titles, legal basis, source"
    yield ""
    yield "| id | title | in force from | legal basis | source |"
    yield "|---|---|---|---|---|"
    for figure in KEY_FIGURES.definitions:
        yield f"| {' | '.join(_origin(figure))} |"


def _origin(figure: Definition) -> tuple[str, ...]:
    return f"`{figure.id}`", figure.title, figure.valid_from.isoformat(), figure.basis, figure.source


def _reading() -> Iterator[str]:
    yield "## How to read it"
    yield ""
    yield "- F(…): movements of these kinds in the window, corrections taken back. S(…): people in these phases on a"
    yield "  day. E: last day of the period. mean S(…): person-days divided by the calendar days of the window."
    yield "- Everything is cut at the horizon: E, today, or the day of `known_on`, whichever comes first."
    yield f"- `CUMULATIVE` begins with `since`, by default {DEFAULT_SINCE}. Figures made of stocks alone have no"
    yield "  window and say `LAST_DAY`; the cohort says `COHORT`."
    yield "- `AAP_*`: `AAP_EINZEL` and `AAP_GRUPPE`, ausgelagerte Arbeitsplätze (at the LVR: BiAp)."
    yield "- A value is an exact fraction, rounded once to 4 decimals, half away from zero; empty where the"
    yield "  denominator is 0."
