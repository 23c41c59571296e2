"""From exact sums to what an answer shows: fractions to the end, one rounding, half away from zero."""

from dataclasses import dataclass

VALUE_DECIMALS = 4
MEAN_DECIMALS = 6
COUNT_DENOMINATOR = "1"


@dataclass(frozen=True, slots=True)
class Measured:
    """The sums behind one row. `days` is None where the denominator is no mean, `denominator` None for plain counts.

    The denominator of a mean is in person-days; divided by the calendar days of the window it is the mean stock.
    """

    numerator: int
    denominator: int | None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """One row as it is shown. `value` is None where the denominator is 0."""

    numerator: int
    denominator: str
    person_days: int | None
    days: int | None
    value: str | None


def rounded(numerator: int, denominator: int, decimals: int) -> str:
    """An exact fraction as a decimal string, rounded once, half away from zero; zero never has a sign.

    `denominator` is positive.
    """
    magnitude = (2 * abs(numerator) * 10**decimals + denominator) // (2 * denominator)
    sign = "-" if numerator < 0 and magnitude else ""
    if not decimals:
        return f"{sign}{magnitude}"
    whole, fraction = divmod(magnitude, 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}}"


def evaluate(measured: Measured, scale: int) -> Value:
    """Value = scale × numerator / denominator as an exact fraction. A displayed mean never enters it."""
    numerator, denominator, days = measured.numerator, measured.denominator, measured.days
    if denominator is None:
        return Value(numerator, COUNT_DENOMINATOR, None, None, rounded(scale * numerator, 1, VALUE_DECIMALS))
    if days is None:
        return Value(numerator, str(denominator), None, None, _quotient(scale * numerator, denominator))
    mean = rounded(denominator, days or 1, MEAN_DECIMALS)
    return Value(numerator, mean, denominator, days, _quotient(scale * numerator * days, denominator))


def _quotient(numerator: int, denominator: int) -> str | None:
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    return rounded(numerator, denominator, VALUE_DECIMALS) if denominator else None
