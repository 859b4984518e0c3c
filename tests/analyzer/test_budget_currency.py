"""A budget's days in its own currency, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from analyzer.budget_currency import DailyCost, in_currency
from analyzer.currency import ExchangeRates

D = Decimal
OCTOBER, NOVEMBER = date(2026, 10, 30), date(2026, 11, 1)


def daily(usage: dict[str, list[str]], *lacking: str) -> DailyCost:
    """Usage from 30 October on; fees are a tenth of it."""
    amounts = {code: [D(cost) for cost in costs] for code, costs in usage.items()}
    fees = {code: [cost / 10 for cost in costs] for code, costs in amounts.items()}
    return DailyCost(OCTOBER, amounts, fees, frozenset(lacking), max(map(len, usage.values())))


def test_days_without_a_rate_stand_apart_and_history_takes_the_first() -> None:
    """Rates begin on 2 November: of the period only the 1st has none; two days of October count at 2."""
    rates = ExchangeRates.of([("EUR", "USD", date(2026, 11, 2), D(2)), ("EUR", "USD", date(2026, 11, 3), D(3))])
    found = in_currency(daily({"USD": ["1"] * 5, "EUR": ["10"] * 5}), "USD", NOVEMBER, rates)
    assert found.usage == [D(21), D(21), D(1), D(21), D(31)]
    assert found.fees == [cost / 10 for cost in found.usage]
    assert found.unconverted == {"EUR": D(11)}


def test_without_any_rate_nothing_is_added() -> None:
    found = in_currency(daily({"USD": ["1"] * 3, "EUR": ["10"] * 3}, "EUR"), "USD", NOVEMBER, ExchangeRates.of([]))
    assert (found.usage, found.unconverted, found.partly_unknown) == ([D(1)] * 3, {"EUR": D(11)}, False)


def test_what_is_unknown_of_a_converted_currency_is_unknown() -> None:
    rates = ExchangeRates.of([("EUR", "USD", OCTOBER, D(2))])
    assert in_currency(daily({"EUR": ["10"] * 3}, "EUR"), "USD", NOVEMBER, rates).partly_unknown
    assert not in_currency(daily({"EUR": ["10"] * 3}), "USD", NOVEMBER, rates).partly_unknown


@given(st.lists(st.decimals("-1000", "1000", places=6), min_size=3, max_size=3), st.integers(0, 4))
def test_every_amount_of_the_period_is_counted_or_named(costs: list[Decimal], begins: int) -> None:
    """At a rate of one, what is counted and what stands apart is all there is, whenever the rate begins."""
    rates = ExchangeRates.of([("EUR", "USD", date(2026, 11, 1 + begins), D(1))])
    given_ = daily({"EUR": ["5", "5", *map(str, costs)]})
    found = in_currency(given_, "USD", NOVEMBER, rates)
    counted = sum(found.usage[2:], D(0)) + sum(found.fees[2:], D(0))
    assert counted + found.unconverted.get("EUR", D(0)) == sum(costs, D(0)) * D("1.1")
