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
class BudgetStatus:
    """One budget as of the last analysis; money in ``currency``, days UTC, ``known_to`` exclusive.

    ``unconverted`` holds cost to date that has no exchange rate, in none of the other figures. ``burn_rate`` is actual
    over what was due; ``threshold`` the highest percentage reached.
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
    forecast_p10: Decimal | None
    forecast_p50: Decimal | None
    forecast_p90: Decimal | None
    forecast_method: str | None
    exhausted_on: date | None
    threshold: Decimal | None
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
    return tuple(BudgetStatus(*row) for row in rows)
