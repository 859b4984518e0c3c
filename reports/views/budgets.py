"""Budgets in their present period: spent, due, expected, and the state that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, case, select

from aispend.schema import budget_status

BUDGET_STATES = ("critical", "warn", "ok")


@dataclass(frozen=True)
class BudgetThreshold:
    """A percentage of a budget: the day it was reached, or that it is expected on; neither: not in this period."""

    percent: Decimal
    reached_on: date | None
    expected_on: date | None


@dataclass(frozen=True)
class BudgetStatus:
    """One budget as of the last analysis; money in ``currency``, days UTC, ``known_to`` exclusive.

    ``unconverted`` holds cost to date that has no exchange rate, in none of the other figures. ``burn_rate`` is actual
    over what was due (None, too, where a bill it covers is behind others), ``burn_short`` and ``burn_long`` of the last
    days over what is allowed for them; ``threshold`` is the highest percentage reached, ``thresholds`` are all of them,
    the least first.
    """

    name: str
    period_start: date
    period_end: date
    period: str
    covers: str
    cost: str
    amount: Decimal
    currency: str
    known_to: date | None
    actual: Decimal
    expected_to_date: Decimal
    burn_rate: Decimal | None
    burn_short: Decimal | None
    burn_short_days: int
    burn_long: Decimal | None
    burn_long_days: int
    burn_state: str
    forecast_p10: Decimal | None
    forecast_p50: Decimal | None
    forecast_p90: Decimal | None
    forecast_method: str | None
    exhausted_on: date | None
    threshold: Decimal | None
    thresholds: tuple[BudgetThreshold, ...]
    state: str
    reason: str
    unconverted: Mapping[str, str]
    partly_unknown: bool
    computed_at: datetime


def budgets(connection: Connection) -> tuple[BudgetStatus, ...]:
    """All budgets, the worst state first."""
    b = budget_status.c
    order = case({state: number for number, state in enumerate(BUDGET_STATES)}, value=b.state)
    rows = connection.execute(select(*(b[one.name] for one in fields(BudgetStatus))).order_by(order, b.name))
    return tuple(
        BudgetStatus(**dict(row) | {"thresholds": tuple(_threshold(one) for one in row["thresholds"])})
        for row in rows.mappings().all()
    )


def _threshold(stored: Mapping[str, str | None]) -> BudgetThreshold:
    reached, expected = (
        None if stored[name] is None else date.fromisoformat(str(stored[name]))
        for name in ("reached_on", "expected_on")
    )
    return BudgetThreshold(Decimal(str(stored["percent"])), reached, expected)
