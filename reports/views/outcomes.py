"""Cost and value per outcome: what a ticket resolved or a document read cost in AI spend, and what it is worth, where
the company counts them.

The cost is the AI spend (effective) of the outcome's model and team, or of all where it names none, on the days
that were counted and lie in the period; a count of several days is taken for as many of them as lie in it. Spend in
several currencies becomes one amount, each day's at its rate; what has no rate is told beside, and the cost is partial.
What outcomes are worth is what the company says of each, at the rate of the day; unknown unless it says so of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from aispend.money import exact_sum, rate
from analyzer.currency import ExchangeRates, exchange_rates
from reports.views.basis import Window, known_days
from reports.views.converted import in_one


@dataclass(frozen=True)
class OutcomeCost:
    """One outcome of a model and team. ``count`` in the days ``days`` of the period that were counted.

    ``cost_per_outcome`` is None where nothing was counted, or where no cost is known. ``partly_unknown``: some
    charge in it has no effective cost. ``original`` is the cost as billed, by currency; ``unconverted`` what of it is
    not in ``effective_cost`` for want of an exchange rate: the costs are too low by it.

    ``value`` is what they are worth together and ``value_each`` one of them, in ``currency``: None where that is not
    known of all of them, or not in this currency. ``net_value`` is value less cost, None where either is not known in
    full but for ``partly_unknown``.
    """

    outcome: str
    model: str | None
    team: str | None
    currency: str | None
    count: Decimal
    days: int
    effective_cost: Decimal | None
    cost_per_outcome: Decimal | None
    partly_unknown: bool
    original: Mapping[str, Decimal]
    unconverted: Mapping[str, Decimal]
    value: Decimal | None
    value_each: Decimal | None
    net_value: Decimal | None


@dataclass(frozen=True)
class OutcomeCosts:
    """One row an outcome, model and team, and the period; ``counted`` tells whether any outcome was ever loaded.

    ``oldest_rate`` is the day the oldest exchange rate used is from; None where nothing was converted.
    """

    rows: tuple[OutcomeCost, ...]
    window: Window | None
    counted: bool
    oldest_rate: date | None = None


def outcome_costs(
    connection: Connection, window: Window | None, *, home: str, currency: str | None = None
) -> OutcomeCosts:
    """Cost per outcome over ``window``: in ``currency`` if asked, else what is in several currencies in ``home``.

    What was counted after the last day that is billed is left out: what it cost nobody knows yet.
    """
    counted = bool(connection.scalar(text("SELECT EXISTS (SELECT FROM outcome_day)")))
    known = known_days(connection)
    if window is None or known is None or window.first >= known.end:
        return OutcomeCosts((), window, counted)
    window = Window(window.first, min(window.end, known.end))
    rates = exchange_rates(connection)
    found: list[OutcomeCost] = []
    oldest: list[date] = []
    scope = {"first": window.first, "end": window.end}
    values: dict[tuple[Any, ...], list[Row[Any]]] = {}
    for worth in connection.execute(text(_VALUES), scope):
        values.setdefault(tuple(worth[:3]), []).append(worth)
    rows = connection.execute(text(_COSTS), scope)
    for name, days in groupby(rows, key=lambda row: tuple(row[:3])):
        row, used = _outcome(list(days), values[name], rates, home, currency)
        found.append(row)
        oldest += used
    return OutcomeCosts(tuple(found), window, counted, min(oldest, default=None))


def _outcome(
    days: Sequence[Row[Any]], worth: Sequence[Row[Any]], rates: ExchangeRates, home: str, asked: str | None
) -> tuple[OutcomeCost, list[date]]:
    """One outcome from its costs and values by currency and day, and the days of the oldest rates used."""
    one = days[0]
    told_in = {row.currency for row in (*days, *worth) if row.currency is not None}
    currency = asked or (home if len(told_in) > 1 else next(iter(told_in), None))
    amounts = [(row.currency, row.day, row.cost) for row in days if row.cost is not None]
    cost = in_one(rates, currency or home, amounts)
    value = in_one(rates, currency or home, [(row.currency, row.day, row.value) for row in worth if row.value])
    told = all(row.value is not None for row in worth) and not value.unconverted
    amount = round(value.amount or Decimal(0), _DECIMALS) if told else None
    spent = None if cost.unconverted else cost.amount
    row = OutcomeCost(
        outcome=one.outcome,
        model=one.model,
        team=one.team,
        currency=currency if told_in else None,
        count=one.how_many,
        days=one.days,
        effective_cost=cost.amount,
        cost_per_outcome=rate(cost.amount, one.how_many) if cost.amount is not None and one.how_many else None,
        partly_unknown=any(row.lacks for row in days),
        original=cost.original,
        unconverted=cost.unconverted,
        value=amount,
        value_each=rate(amount, one.how_many) if amount is not None and one.how_many else None,
        net_value=None if amount is None or spent is None else exact_sum((amount, -spent)),
    )
    return row, [used.oldest_rate for used in (cost, value) if used.oldest_rate]


_DECIMALS = 6
"""Of counts and values: a month is divided by its days."""

_VALUES = """
    SELECT outcome, model, team, CASE WHEN count <> 0 THEN currency END AS currency, d::date AS day,
           sum(CASE WHEN count = 0 THEN 0 ELSE count * value_each / (end_day - day) END) AS value
    FROM outcome_day CROSS JOIN LATERAL generate_series(day, end_day - 1, interval '1 day') AS d
    WHERE d >= :first AND d < :end
    GROUP BY 1, 2, 3, 4, 5, outcome_day.value_each IS NULL"""

_COSTS = """
    WITH counted AS (
        SELECT outcome, model, team, d::date AS day, sum(count / (end_day - day)) AS count
        FROM outcome_day CROSS JOIN LATERAL generate_series(day, end_day - 1, interval '1 day') AS d
        WHERE d >= :first AND d < :end
        GROUP BY outcome, model, team, d),
    counts AS (SELECT outcome, model, team, round(sum(count), 6) AS count, count(*)::int AS days
               FROM counted GROUP BY outcome, model, team),
    costs AS (
        SELECT c.outcome, c.model, c.team, s.currency, c.day, sum(s.effective_cost) AS cost,
               bool_or(s.unknown_costs & 2 = 2) AS lacks
        FROM counted c
        JOIN spend_day s ON s.charge_date = c.day AND s.is_ai
             AND (c.model IS NULL OR lower(s.model) = lower(c.model))
             AND (c.team IS NULL OR lower(s.team) = lower(c.team))
        GROUP BY c.outcome, c.model, c.team, s.currency, c.day)
    SELECT n.outcome, n.model, n.team, c.currency, n.count AS how_many, n.days, c.day, c.cost, c.lacks
    FROM counts n LEFT JOIN costs c ON c.outcome = n.outcome AND c.model IS NOT DISTINCT FROM n.model
                                   AND c.team IS NOT DISTINCT FROM n.team
    ORDER BY n.outcome, n.model NULLS FIRST, n.team NULLS FIRST, c.currency, c.day"""
