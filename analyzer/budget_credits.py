"""What took cost off a budget: credits, adjustments and what was given back, by charge category.

Assumes     Rows as :mod:`analyzer.budget_cover` finds them; categories of FOCUS.
Method      The rows below zero of the days known, each day at its exchange rate, as all cost of a budget.
Cases       Where net spend is below zero a share of the budget says nothing: the amounts are told, and what took
            it there.
Drawbacks   A row that holds a charge and a larger credit of one day, category and owner counts as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from aispend.money import exact_sum, in_words
from analyzer.budget_cover import Covered
from analyzer.budget_currency import DailyCost, in_currency
from analyzer.currency import ExchangeRates

_WORDS: Mapping[str, str] = {
    "Credit": "credits",
    "Adjustment": "adjustments",
    "Purchase": "purchases given back",
    "Tax": "tax given back",
    "Usage": "corrected usage",
}


def taken_off(
    connection: Connection, cover: Covered, cost: str, *, first: date, upto: date, currency: str, rates: ExchangeRates
) -> dict[str, Decimal]:
    """By charge category, what of ``cost`` (a column) is below zero from ``first`` up to, not including, ``upto``."""
    statement = _BELOW_ZERO.format(source=cover.source, column=cost, only=cover.by_day)
    days = (upto - first).days
    found: dict[str, dict[str, list[Decimal]]] = {}
    for category, code, day, amount in connection.execute(
        text(statement), {**cover.parameters, "since": first, "upto": upto}
    ):
        found.setdefault(category, {}).setdefault(code, [Decimal(0)] * days)[(day - first).days] = amount
    return {
        category: exact_sum(
            in_currency(DailyCost(first, usage, _nothing(usage), frozenset(), days), currency, first, rates).usage
        )
        for category, usage in found.items()
    }


def _nothing(usage: Mapping[str, list[Decimal]]) -> dict[str, list[Decimal]]:
    return {code: [Decimal(0)] * len(costs) for code, costs in usage.items()}


def below_zero(actual: Decimal, credited: Mapping[str, Decimal]) -> str:
    """Net spend to date below zero, in words: what was charged, and what took it off, the most first."""
    charged = exact_sum((actual, *(amount.copy_negate() for amount in credited.values())))
    parts = [
        f"{in_words(amount)} of {_WORDS.get(category, category.lower())}"
        for category, amount in sorted(credited.items(), key=lambda one: one[1])
    ]
    return f"net spend is below zero, {in_words(actual)}: {', '.join([f'{in_words(charged)} charged', *parts])}"


_BELOW_ZERO = """
    SELECT coalesce(d.charge_category, 'Usage'), d.currency, d.charge_date, sum(d.cost)
    FROM (SELECT d.*,
                 coalesce(d.{column}, CASE WHEN NOT '{column}' = ANY(b.columns_known) THEN d.billed_cost END) AS cost
          FROM {source} AS d JOIN slice b USING (slice_id)
          WHERE d.charge_date >= :since AND d.charge_date < :upto{only}) AS d
    WHERE d.cost < 0
    GROUP BY 1, 2, 3"""
