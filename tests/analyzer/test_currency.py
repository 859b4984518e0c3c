"""Exchange rates by hand: in force, inverse, through a third currency, unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from analyzer.currency import ExchangeRates, Quote

D = Decimal
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
RATES = ExchangeRates.of(
    [("EUR", "USD", NOVEMBER, D("1.20")), ("EUR", "USD", OCTOBER, D("1.25")), ("GBP", "EUR", OCTOBER, D("1.6"))]
)


def test_a_rate_holds_until_the_next() -> None:
    assert RATES.quote("EUR", "USD", date(2026, 10, 31)) == Quote(Fraction("1.25"), OCTOBER)
    assert RATES.quote("EUR", "USD", NOVEMBER) == Quote(Fraction("1.20"), NOVEMBER)


def test_the_opposite_pair_is_the_inverse() -> None:
    assert RATES.quote("USD", "EUR", OCTOBER) == Quote(Fraction(4, 5), OCTOBER)


def test_through_a_third_currency_as_old_as_its_older_part() -> None:
    """1.6 EUR to the pound at 1.20 USD to the euro: 1.92; the pound's rate is of October."""
    assert RATES.quote("GBP", "USD", NOVEMBER) == Quote(Fraction("1.92"), OCTOBER)


def test_before_the_first_rate_and_for_unknown_currencies_there_is_none() -> None:
    assert RATES.quote("EUR", "USD", date(2026, 9, 30)) is None
    assert RATES.quote("JPY", "USD", NOVEMBER) is None


def test_a_currency_is_itself() -> None:
    assert RATES.quote("JPY", "JPY", OCTOBER) == Quote(Fraction(1), OCTOBER)


@given(st.decimals("0.0001", "10000", places=6), st.dates(OCTOBER, NOVEMBER))
def test_there_and_back_is_the_same_amount(rate: Decimal, day: date) -> None:
    rates = ExchangeRates.of([("EUR", "USD", OCTOBER, rate)])
    there, back = rates.quote("EUR", "USD", day), rates.quote("USD", "EUR", day)
    assert there is not None
    assert back is not None
    assert there.rate * back.rate == 1


def test_of_one_day_a_persons_rate_goes_before_a_bills_in_either_direction() -> None:
    given = [("EUR", "USD", OCTOBER, D("1.25"))]
    billed = [("USD", "EUR", OCTOBER, D("0.9")), ("EUR", "USD", OCTOBER, D("1.1"))]
    rates = ExchangeRates.of(given, billed)
    assert rates.quote("EUR", "USD", OCTOBER) == Quote(Fraction("1.25"), OCTOBER)
    assert rates.quote("USD", "EUR", OCTOBER) == Quote(Fraction(4, 5), OCTOBER)


def test_a_newer_rate_of_either_direction_takes_over() -> None:
    rates = ExchangeRates.of([("EUR", "USD", OCTOBER, D("1.25"))], [("USD", "EUR", NOVEMBER, D("0.5"))])
    assert rates.quote("EUR", "USD", date(2026, 10, 31)) == Quote(Fraction("1.25"), OCTOBER)
    assert rates.quote("EUR", "USD", NOVEMBER) == Quote(Fraction(2), NOVEMBER)


def test_of_two_bills_the_first_counts_for_a_day() -> None:
    rates = ExchangeRates.of((), [("EUR", "USD", OCTOBER, D("1.2")), ("EUR", "USD", OCTOBER, D("1.3"))])
    assert rates.quote("EUR", "USD", OCTOBER) == Quote(Fraction("1.2"), OCTOBER)
