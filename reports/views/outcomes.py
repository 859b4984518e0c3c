"""Cost per outcome: what a ticket resolved or a document read cost in AI spend, where the company counts them.

The cost is the AI spend (effective) of the outcome's model and team, or of all where it names none, on the days
that were counted and lie in the period; a count of several days is taken for as many of them as lie in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text

from aispend.money import rate
from reports.views.basis import Window


@dataclass(frozen=True)
class OutcomeCost:
    """One outcome of a model and team. ``count`` in the days ``days`` of the period that were counted.

    ``cost_per_outcome`` is None where nothing was counted, or where no cost is known. ``partly_unknown``: some
    charge in it has no effective cost.
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


@dataclass(frozen=True)
class OutcomeCosts:
    """Rows by outcome, and the period; ``counted`` tells whether any outcome was ever loaded."""

    rows: tuple[OutcomeCost, ...]
    window: Window | None
    counted: bool


def outcome_costs(connection: Connection, window: Window | None) -> OutcomeCosts:
    """Cost per outcome over ``window``."""
    counted = bool(connection.scalar(text("SELECT EXISTS (SELECT FROM outcome_day)")))
    if window is None:
        return OutcomeCosts((), None, counted)
    found = [
        OutcomeCost(
            outcome=row.outcome,
            model=row.model,
            team=row.team,
            currency=row.currency,
            count=row.how_many,
            days=row.days,
            effective_cost=row.cost,
            cost_per_outcome=rate(row.cost, row.how_many) if row.cost is not None and row.how_many else None,
            partly_unknown=bool(row.lacks),
        )
        for row in connection.execute(text(_COSTS), {"first": window.first, "end": window.end})
    ]
    return OutcomeCosts(tuple(found), window, counted)


_COSTS = """
    WITH counted AS (
        SELECT outcome, model, team, d::date AS day, sum(count / (end_day - day)) AS count
        FROM outcome_day CROSS JOIN LATERAL generate_series(day, end_day - 1, interval '1 day') AS d
        WHERE d >= :first AND d < :end
        GROUP BY outcome, model, team, d),
    counts AS (SELECT outcome, model, team, round(sum(count), 6) AS count, count(*)::int AS days
               FROM counted GROUP BY outcome, model, team),
    costs AS (
        SELECT c.outcome, c.model, c.team, s.currency, sum(s.effective_cost) AS cost,
               bool_or(s.unknown_costs & 2 = 2) AS lacks
        FROM counted c
        JOIN spend_day s ON s.charge_date = c.day AND s.is_ai
             AND (c.model IS NULL OR lower(s.model) = lower(c.model))
             AND (c.team IS NULL OR lower(s.team) = lower(c.team))
        GROUP BY c.outcome, c.model, c.team, s.currency)
    SELECT n.outcome, n.model, n.team, c.currency, n.count AS how_many, n.days, c.cost, c.lacks
    FROM counts n LEFT JOIN costs c ON c.outcome = n.outcome AND c.model IS NOT DISTINCT FROM n.model
                                   AND c.team IS NOT DISTINCT FROM n.team
    ORDER BY n.outcome, n.model NULLS FIRST, n.team NULLS FIRST, c.currency"""
