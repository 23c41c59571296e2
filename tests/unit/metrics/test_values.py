"""Values: exact fractions, rounded once, half away from zero, and how numerators and denominators are shown."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.values import Measured, Value, evaluate, rounded


@pytest.mark.parametrize(
    ("number", "decimals", "text"),
    [
        (Fraction(3800, 644), 4, "5.9006"),
        (Fraction(1, 8), 2, "0.13"),
        (Fraction(-1, 8), 2, "-0.13"),
        (Fraction(1, 20000), 4, "0.0001"),
        (Fraction(-1, 20000), 4, "-0.0001"),
        (Fraction(-1, 20001), 4, "0.0000"),
        (Fraction(0), 4, "0.0000"),
        (Fraction(5, 2), 0, "3"),
        (Fraction(-5, 2), 0, "-3"),
        (Fraction(99999, 100000), 4, "1.0000"),
        (Fraction(1000), 4, "1000.0000"),
    ],
)
def test_it_is_rounded_half_away_from_zero(number: Fraction, decimals: int, text: str) -> None:
    assert rounded(number.numerator, number.denominator, decimals) == text


@given(st.fractions(), st.integers(0, 6))
def test_the_rounded_number_is_the_nearest_and_never_a_negative_zero(number: Fraction, decimals: int) -> None:
    text = rounded(number.numerator, number.denominator, decimals)
    assert abs(Fraction(text) - number) <= Fraction(1, 2 * 10**decimals)
    assert len(text.partition(".")[2]) == decimals
    assert not (text.startswith("-") and Fraction(text) == 0)
    opposite = rounded(-number.numerator, number.denominator, decimals)
    assert opposite.removeprefix("-") == text.removeprefix("-")


@pytest.mark.parametrize(
    ("measured", "scale", "value"),
    [
        (Measured(38, 644), 100, Value(38, "644", None, None, "5.9006")),
        (Measured(0, 0), 100, Value(0, "0", None, None, None)),
        (Measured(0, 7), 100, Value(0, "7", None, None, "0.0000")),
        (Measured(3, 0), 100, Value(3, "0", None, None, None)),
        (Measured(38, None), 1, Value(38, "1", None, None, "38.0000")),
        (Measured(0, None), 1, Value(0, "1", None, None, "0.0000")),
        (Measured(1, 1000, 365), 1000, Value(1, "2.739726", 1000, 365, "365.0000")),
        (Measured(0, 0, 0), 1000, Value(0, "0.000000", 0, 0, None)),
        (Measured(0, 0, 92), 1000, Value(0, "0.000000", 0, 92, None)),
        (Measured(90, 30, 31), 100, Value(90, "0.967742", 30, 31, "9300.0000")),
        (Measured(733, 4), 1, Value(733, "4", None, None, "183.2500")),
    ],
)
def test_a_row_shows_exact_counts_and_means_with_six_decimals(measured: Measured, scale: int, value: Value) -> None:
    assert evaluate(measured, scale) == value


def test_the_displayed_mean_does_not_enter_the_value() -> None:
    # 1 / (3 / 9) = 3 exactly; through the displayed 0.333333 it would be 3.0000030…
    assert evaluate(Measured(1_000_000, 3, 9), 1).value == "3000000.0000"


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 40_000), st.sampled_from([1, 100, 1000]))
def test_a_value_is_the_exact_fraction_rounded_once(numerator: int, person_days: int, days: int, scale: int) -> None:
    shown = evaluate(Measured(numerator, person_days, days), scale)
    mean = Fraction(person_days, days)
    assert abs(Fraction(shown.denominator) - mean) <= Fraction(1, 2 * 10**6)
    if mean == 0:
        assert shown.value is None
    else:
        assert shown.value is not None
        assert abs(Fraction(shown.value) - scale * numerator / mean) <= Fraction(1, 2 * 10**4)
