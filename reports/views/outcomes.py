"""Cost and value per outcome: what a ticket resolved or a document read cost in AI spend, and what it is worth, where
the company counts them.

The cost is the AI spend (effective) of the outcome's model and team, or of all where it names none, on the days
that were counted, lie in the period and are billed; a count of several days is taken for as many of them as are all
three. Billed is a day up to the last with usage in the bills of what the outcome cost: of each that charged its model
and team within a month before that bill's own end. A bill of a cloud that says nothing of the month before the newest
day's may have stopped for good and ends nothing. Spend in
several currencies becomes one amount, each day's at its rate; what has no rate is told beside, and the cost is partial.
What outcomes are worth is what the company says of each, at the rate of the day; unknown unless it says so of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from aispend.clock import month_of
from aispend.money import exact_sum, rate
from analyzer.currency import ExchangeRates, exchange_rates
from analyzer.series import OWN
from reports.views.basis import Window, known_days
from reports.views.converted import in_one


@dataclass(frozen=True)
class OutcomeCost:
    """One outcome of a model and team. ``count`` in the days ``days`` of the period that were counted and are billed.

    ``known_to`` is the last day that is billed where more was counted in the period; None where all of it is billed.
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
    known_to: date | None


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

    What was counted after the last day that is billed is left out: what it cost nobody knows yet. Of each outcome that
    is the day its own bills end on, which :attr:`OutcomeCost.known_to` tells.
    """
    counted = bool(connection.scalar(text("SELECT EXISTS (SELECT FROM outcome_day)")))
    known = known_days(connection)
    if window is None or known is None or window.first >= known.end:
        return OutcomeCosts((), window, counted)
    window = Window(window.first, min(window.end, known.end))
    rates = exchange_rates(connection)
    found: list[OutcomeCost] = []
    oldest: list[date] = []
    goes_on = month_of(month_of(known.last) - timedelta(days=1))
    scope = {"first": window.first, "end": window.end, "known": known.end, "goes_on": goes_on, "own": OWN}
    values: dict[tuple[Any, ...], list[Row[Any]]] = {}
    for worth in connection.execute(text(_VALUES), scope):
        values.setdefault(tuple(worth[:3]), []).append(worth)
    rows = connection.execute(text(_COSTS), scope)
    for name, days in groupby(rows, key=lambda row: tuple(row[:3])):
        row, used = _outcome(list(days), values.get(name, ()), rates, home, currency)
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
    told = bool(worth) and all(row.value is not None for row in worth) and not value.unconverted
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
        known_to=one.until - timedelta(days=1) if one.is_cut else None,
    )
    return row, [used.oldest_rate for used in (cost, value) if used.oldest_rate]


_DECIMALS = 6
"""Of counts and values: a month is divided by its days."""

_ENDS = """
    bills AS (
        SELECT s.provider, s.scope,
               coalesce(max(charge_date) FILTER (WHERE charge_category = 'Usage'), max(charge_date)) + 1 AS until
        FROM spend_day JOIN slice s USING (slice_id)
        WHERE charge_date < :known AND s.provider <> :own
        GROUP BY s.provider, s.scope),
    paid AS (
        SELECT DISTINCT lower(d.model) AS model, lower(d.team) AS team, b.until
        FROM spend_day d JOIN slice s USING (slice_id) JOIN bills b ON b.provider = s.provider AND b.scope = s.scope
        WHERE d.is_ai AND d.charge_date < :known AND d.charge_date >= b.until - 31 AND b.until > :goes_on),
    known AS (
        SELECT n.outcome, n.model, n.team, coalesce(min(p.until), :known) AS until
        FROM (SELECT DISTINCT outcome, model, team FROM outcome_day WHERE day < :end AND end_day > :first) AS n
        LEFT JOIN paid p ON (n.model IS NULL OR p.model = lower(n.model)) AND (n.team IS NULL OR p.team = lower(n.team))
        GROUP BY n.outcome, n.model, n.team)"""
"""``known``: the day after the last that is billed, of each outcome counted in the period."""

_KNOWN_OF = """known k ON k.outcome = o.outcome AND k.model IS NOT DISTINCT FROM o.model
             AND k.team IS NOT DISTINCT FROM o.team"""

_VALUES = f"""
    WITH {_ENDS}
    SELECT o.outcome, o.model, o.team, CASE WHEN count <> 0 THEN currency END AS currency, d::date AS day,
           sum(CASE WHEN count = 0 THEN 0 ELSE count * value_each / (end_day - day) END) AS value
    FROM outcome_day o JOIN {_KNOWN_OF}
    CROSS JOIN LATERAL generate_series(day, end_day - 1, interval '1 day') AS d
    WHERE d >= :first AND d < least(:end, k.until)
    GROUP BY 1, 2, 3, 4, 5, o.value_each IS NULL"""

_COSTS = f"""
    WITH {_ENDS},
    counted AS (
        SELECT o.outcome, o.model, o.team, d::date AS day, k.until, d < k.until AS is_known,
               sum(count / (end_day - day)) AS count
        FROM outcome_day o JOIN {_KNOWN_OF}
        CROSS JOIN LATERAL generate_series(day, end_day - 1, interval '1 day') AS d
        WHERE d >= :first AND d < :end
        GROUP BY o.outcome, o.model, o.team, d, k.until),
    counts AS (
        SELECT outcome, model, team, until, round(coalesce(sum(count) FILTER (WHERE is_known), 0), 6) AS count,
               (count(*) FILTER (WHERE is_known))::int AS days, NOT bool_and(is_known) AS is_cut
        FROM counted GROUP BY outcome, model, team, until),
    costs AS (
        SELECT c.outcome, c.model, c.team, s.currency, c.day, sum(s.effective_cost) AS cost,
               bool_or(s.unknown_costs & 2 = 2) AS lacks
        FROM counted c
        JOIN spend_day s ON s.charge_date = c.day AND s.is_ai
             AND (c.model IS NULL OR lower(s.model) = lower(c.model))
             AND (c.team IS NULL OR lower(s.team) = lower(c.team))
        WHERE c.is_known
        GROUP BY c.outcome, c.model, c.team, s.currency, c.day)
    SELECT n.outcome, n.model, n.team, c.currency, n.count AS how_many, n.days, n.until, n.is_cut, c.day, c.cost,
           c.lacks
    FROM counts n LEFT JOIN costs c ON c.outcome = n.outcome AND c.model IS NOT DISTINCT FROM n.model
                                   AND c.team IS NOT DISTINCT FROM n.team
    ORDER BY n.outcome, n.model NULLS FIRST, n.team NULLS FIRST, c.currency, c.day"""
