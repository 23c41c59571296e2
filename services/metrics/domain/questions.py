"""What a caller asks for, and the rules by which the parameters of one question must fit together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from services.metrics.domain.periods import Period, last_completed_quarter, series, series_length
from services.metrics.domain.sums import Attribution, DateBasis, Filters, GroupBy
from services.metrics.domain.windows import DEFAULT_SINCE, Reach, Window, first_day, horizon
from shared.kernel.errors import FieldError, InvalidError
from shared.kernel.mitgliedskoerperschaften import BY_AGS, OUTSIDE

MAX_ROWS = 10_000
UNCONFINED = Filters()


class ParametersError(InvalidError):
    """Parameters that are each readable but do not fit together, or to the day they are asked on."""

    code = "invalid-parameters"
    title = "The parameters do not fit together"


class UnknownValueError(InvalidError):
    """A parameter names something that does not exist in this Träger."""

    code = "unknown-value"
    title = "A parameter names something that does not exist"


class TooManyRowsError(InvalidError):
    """An answer is never paged, so it has a bound."""

    code = "too-many-rows"
    title = "The answer would have too many rows"


@dataclass(frozen=True, slots=True)
class Grouping:
    """How the rows of an answer are formed and confined, and up to which day of knowledge."""

    group_by: GroupBy = GroupBy.TOTAL
    attribution: Attribution = Attribution.PROVIDER
    known_on: date | None = None
    filters: Filters = UNCONFINED
    comparison_group: str | None = None
    group_version: int | None = None


@dataclass(frozen=True, slots=True)
class PeriodChoice:
    """One period, or a series of one form, or neither (the last quarter that was complete)."""

    period: Period | None = None
    period_from: Period | None = None
    period_to: Period | None = None


@dataclass(frozen=True, slots=True)
class WindowChoice:
    """Which window, since when, which cohort, and by which date flows count."""

    window: Window | None = None
    since: Period | None = None
    cohort_from: Period | None = None
    cohort_to: Period | None = None
    date_basis: DateBasis = DateBasis.EFFECTIVE


def parameter(name: str) -> str:
    """How a problem points to a query parameter."""
    return f"/query/{name}"


def unknown(name: str, message: str) -> UnknownValueError:
    """A refusal of a value that names nothing."""
    return UnknownValueError(message, errors=[FieldError(parameter(name), "unknown-value", message)])


def refuse(name: str, code: str, message: str) -> ParametersError:
    """A refusal that one parameter is the reason for."""
    return ParametersError(message, errors=[FieldError(parameter(name), code, message)])


def check_grouping(grouping: Grouping) -> None:
    """Refuse groupings and filters that have no meaning together (definitions, attribution)."""
    faults = list(_grouping_faults(grouping))
    if faults:
        raise ParametersError("Some parameters exclude each other.", errors=faults)


def known_until(grouping: Grouping, today: date) -> date:
    """The day up to which things are known: `known_on`, else today. A later day is refused."""
    if grouping.known_on is None:
        return today
    if grouping.known_on > today:
        raise refuse("known_on", "in-the-future", f"nobody knows more than is known today; not after {today}")
    return grouping.known_on


def chosen_periods(choice: PeriodChoice, known: date) -> tuple[Period, ...]:
    """The periods of the answer; without a choice the last quarter complete on the evening of `known`."""
    if choice.period_from is not None or choice.period_to is not None:
        return _chosen_series(choice)
    period = choice.period or last_completed_quarter(known)
    if period is None:
        raise refuse("period", "required", "no quarter was complete on that day; name a period")
    return (period,)


def window_reaches(periods: Sequence[Period], window: Window, since: Period | None, known: date) -> tuple[Reach, ...]:
    """The days of each period under a window. CUMULATIVE refuses a `since` that begins after the period's end."""
    begin = since or DEFAULT_SINCE
    reaches = tuple(
        Reach(str(period), first_day(window, period.last, begin), period.last, horizon(period.last, known))
        for period in periods
    )
    if any(reach.first > reach.end for reach in reaches):
        message = f"CUMULATIVE begins with `since` ({begin}), which must not begin after the end of a period"
        raise refuse("since", "after-period", message)
    return reaches


def last_day_reaches(periods: Sequence[Period], known: date) -> tuple[Reach, ...]:
    """The last day of each period: all that a figure made of stocks looks at."""
    return tuple(day_reach(str(period), period.last, known) for period in periods)


def day_reach(name: str, day: date, known: date) -> Reach:
    """One day, cut at what is known."""
    return Reach(name, day, day, horizon(day, known))


@dataclass(frozen=True, slots=True)
class Cohort:
    """The Übergänge from `first` to `last` (not yet cut at the horizon)."""

    first: date
    last: date


def chosen_cohort(choice: WindowChoice, periods: Sequence[Period]) -> Cohort:
    """The cohort, which must lie before the end of each period."""
    if choice.cohort_from is None or choice.cohort_to is None:
        missing = [name for name in ("cohort_from", "cohort_to") if getattr(choice, name) is None]
        faults = [
            FieldError(parameter(name), "required", "this figure looks at a cohort of periods") for name in missing
        ]
        raise ParametersError("The cohort is missing.", errors=faults)
    cohort = Cohort(choice.cohort_from.first, choice.cohort_to.last)
    if cohort.last < cohort.first:
        raise refuse("cohort_to", "order", "the cohort must not end before it begins")
    if any(cohort.last > period.last for period in periods):
        raise refuse("cohort_to", "after-period", "the cohort must not end after a period of the answer")
    return cohort


def cohort_reaches(periods: Sequence[Period], cohort: Cohort, known: date) -> tuple[Reach, ...]:
    """From the first day of the cohort to the end of each period."""
    return tuple(Reach(str(period), cohort.first, period.last, horizon(period.last, known)) for period in periods)


def without_disability(filters: Filters) -> Filters:
    """The filters of a denominator that stays the whole stock."""
    return replace(filters, disability=None)


def _grouping_faults(grouping: Grouping) -> Iterator[FieldError]:
    ags = grouping.filters.mitgliedskoerperschaft
    if ags is not None and ags not in BY_AGS and ags != OUTSIDE:
        yield FieldError(parameter("mitgliedskoerperschaft"), "unknown-ags", "one of the 53 AGS, or 99999")
    if grouping.attribution is not Attribution.PROVIDER:
        only = "only with attribution=PROVIDER"
        if grouping.group_by in (GroupBy.PROVIDER, GroupBy.COMPARISON_GROUP):
            yield FieldError(parameter("group_by"), "attribution", f"{grouping.group_by} {only}")
        if grouping.filters.provider_id is not None:
            yield FieldError(parameter("provider_id"), "attribution", only)
        if grouping.filters.provider_kind is not None:
            yield FieldError(parameter("provider_kind"), "attribution", only)
    if grouping.group_by is GroupBy.COMPARISON_GROUP:
        if grouping.comparison_group is None:
            yield FieldError(parameter("comparison_group"), "required", "required with group_by=COMPARISON_GROUP")
    elif grouping.comparison_group is not None:
        yield FieldError(parameter("comparison_group"), "grouping", "only with group_by=COMPARISON_GROUP")
    if grouping.group_version is not None and grouping.comparison_group is None:
        yield FieldError(parameter("group_version"), "grouping", "only with comparison_group")


def _chosen_series(choice: PeriodChoice) -> tuple[Period, ...]:
    if choice.period is not None:
        raise refuse("period", "series", "either period, or period_from and period_to")
    if choice.period_from is None or choice.period_to is None:
        missing = "period_from" if choice.period_from is None else "period_to"
        raise refuse(missing, "required", "a series needs period_from and period_to")
    if choice.period_from.form is not choice.period_to.form:
        raise refuse("period_to", "form", "period_from and period_to must have the same form")
    length = series_length(choice.period_from, choice.period_to)
    if length < 1:
        raise refuse("period_to", "order", "a series must not end before it begins")
    if length > MAX_ROWS:
        raise TooManyRowsError(f"At most {MAX_ROWS} rows; ask for fewer periods or groups.")
    return series(choice.period_from, choice.period_to)
