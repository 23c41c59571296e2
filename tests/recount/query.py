"""The parameters of a question, read as the HTTP contract defines them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tests.recount import model, periods, reference
from tests.recount.definitions import COHORT, Figure
from tests.recount.periods import Period
from tests.recount.worlds import Books, Member

GROUPINGS = ("TOTAL", "MITGLIEDSKOERPERSCHAFT", "PROVIDER", "DISABILITY", "COMPARISON_GROUP")
ATTRIBUTIONS = ("PROVIDER", "PAYER", "RESIDENCE")
DATE_BASES = ("EFFECTIVE", "DECIDED")
PROVIDER_KINDS = ("WFBM", "ANDERER_LEISTUNGSANBIETER")
DEFAULT_SINCE = periods.parse("2020-Q1")

Params = Mapping[str, str]


class UnanswerableError(Exception):
    """A question with parameters that do not go together (422)."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows of the books count; all must hold."""

    provider: str | None
    provider_kind: str | None
    mk: str | None
    disability: str | None


@dataclass(frozen=True, slots=True)
class Query:
    """A question that can be answered."""

    group_by: str
    periods: Sequence[Period]
    window: str
    since: Period
    attribution: str
    date_basis: str
    known_on: date | None
    filters: Filters
    members: Sequence[Member]
    cohort: tuple[Period, Period] | None


def _one_of(params: Params, name: str, allowed: Sequence[str], default: str) -> str:
    value = params.get(name, default)
    if value not in allowed:
        raise UnanswerableError(name)
    return value


def _period(text: str) -> Period:
    try:
        return periods.parse(text)
    except ValueError as error:
        raise UnanswerableError(text) from error


def read(params: Params, figure: Figure, kpi: str, books: Books, today: date, refs: Mapping[str, str]) -> Query:
    """Read the parameters of a key figure; `refs` turns provider ids into references. Raises UnanswerableError."""
    known_on = read_known_on(params, today)
    asked = read_periods(params, known_on or today)
    window = _one_of(params, "window", periods.WINDOWS, figure.window if figure.window in periods.WINDOWS else "YEAR")
    if kpi == COHORT:
        window = "COHORT"
    elif figure.stocks_only:
        window = "LAST_DAY"
    since = read_since(params, window, asked)
    group_by, attribution, members = read_grouping(params, books)
    filters = read_filters(params, attribution, books, refs)
    if figure.share and filters.disability is None and group_by != "DISABILITY":
        raise UnanswerableError("disability")
    return Query(
        group_by=group_by,
        periods=asked,
        window=window,
        since=since,
        attribution=attribution,
        date_basis=read_date_basis(params),
        known_on=known_on,
        filters=filters,
        members=members,
        cohort=_cohort(params, asked) if kpi == COHORT else None,
    )


def read_since(params: Params, window: str, asked: Sequence[Period]) -> Period:
    """Where a cumulation begins; without one it does not matter."""
    if window != "CUMULATIVE":
        return DEFAULT_SINCE
    since = _period(params.get("since", DEFAULT_SINCE.text))
    if any(since.first > period.last for period in asked):
        raise UnanswerableError("since")
    return since


def read_date_basis(params: Params) -> str:
    """Which date of a movement counts."""
    return _one_of(params, "date_basis", DATE_BASES, "EFFECTIVE")


def read_known_on(params: Params, today: date) -> date | None:
    """The day of knowledge, not after today; None if not given."""
    if "known_on" not in params:
        return None
    known_on = date.fromisoformat(params["known_on"])
    if known_on > today:
        raise UnanswerableError("known_on")
    return known_on


def read_periods(params: Params, evening: date) -> list[Period]:
    """One period, a series, or the last quarter completed."""
    series = [params[name] for name in ("period_from", "period_to") if name in params]
    if "period" in params:
        if series:
            raise UnanswerableError("period and series")
        return [_period(params["period"])]
    if not series:
        return [periods.last_completed_quarter(evening)]
    if len(series) == 1:
        raise UnanswerableError("half a series")
    first, last = _period(series[0]), _period(series[1])
    if first.months != last.months or first > last:
        raise UnanswerableError("series")
    found = [first]
    while found[-1] != last:
        found.append(found[-1].following())
    return found


def read_grouping(params: Params, books: Books) -> tuple[str, str, Sequence[Member]]:
    """Grouping, attribution and the members of the comparison group if it is one."""
    group_by = _one_of(params, "group_by", GROUPINGS, "TOTAL")
    attribution = _one_of(params, "attribution", ATTRIBUTIONS, "PROVIDER")
    if group_by in ("PROVIDER", "COMPARISON_GROUP") and attribution != "PROVIDER":
        raise UnanswerableError("attribution")
    if (group_by == "COMPARISON_GROUP") != ("comparison_group" in params):
        raise UnanswerableError("comparison_group")
    if group_by != "COMPARISON_GROUP":
        return group_by, attribution, ()
    if params["comparison_group"] != books.group:
        raise UnanswerableError("comparison_group")
    version = params.get("group_version", str(len(books.group_versions)))
    if version not in {str(number + 1) for number in range(len(books.group_versions))}:
        raise UnanswerableError("group_version")
    return group_by, attribution, books.group_versions[int(version) - 1]


def read_filters(params: Params, attribution: str, books: Books, refs: Mapping[str, str]) -> Filters:
    """The filters on rows."""
    provider = None
    if "provider_id" in params:
        provider = refs.get(params["provider_id"])
        if provider not in books.providers:
            raise UnanswerableError("provider_id")
    kind = params.get("provider_kind")
    if kind not in (None, *PROVIDER_KINDS):
        raise UnanswerableError("provider_kind")
    if attribution != "PROVIDER" and (provider is not None or kind is not None):
        raise UnanswerableError("attribution")
    mk = params.get("mitgliedskoerperschaft")
    if mk is not None and mk not in reference.ALL_AGS:
        raise UnanswerableError("mitgliedskoerperschaft")
    disability = params.get("disability")
    if disability not in (None, *model.DISABILITIES):
        raise UnanswerableError("disability")
    return Filters(provider, kind, mk, disability)


def _cohort(params: Params, asked: Sequence[Period]) -> tuple[Period, Period]:
    if "cohort_from" not in params or "cohort_to" not in params:
        raise UnanswerableError("cohort")
    first, last = _period(params["cohort_from"]), _period(params["cohort_to"])
    if last.last < first.first or any(last.last > period.last for period in asked):
        raise UnanswerableError("cohort")
    return first, last
