"""From exact sums to what an answer shows: fractions to the end, one rounding, half away from zero."""

from dataclasses import dataclass
from fractions import Fraction

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


def rounded(number: Fraction, decimals: int) -> str:
    """A decimal string with exactly so many decimals, rounded half away from zero; zero never has a sign."""
    scaled = number * 10**decimals
    magnitude = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    sign = "-" if number < 0 and magnitude else ""
    if not decimals:
        return f"{sign}{magnitude}"
    whole, fraction = divmod(magnitude, 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}}"


def evaluate(measured: Measured, scale: int) -> Value:
    """Value = scale × numerator / denominator as an exact fraction. A displayed mean never enters it."""
    numerator = measured.numerator
    if measured.denominator is None:
        return Value(numerator, COUNT_DENOMINATOR, None, None, rounded(Fraction(scale * numerator), VALUE_DECIMALS))
    if measured.days is None:
        shown, mean = str(measured.denominator), Fraction(measured.denominator)
        person_days = None
    else:
        mean = Fraction(measured.denominator, measured.days) if measured.days else Fraction(0)
        shown, person_days = rounded(mean, MEAN_DECIMALS), measured.denominator
    value = rounded(scale * numerator / mean, VALUE_DECIMALS) if mean else None
    return Value(numerator, shown, person_days, measured.days, value)
