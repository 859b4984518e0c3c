"""Months and their state, what was published of them, what changed since, and what is yet to come.

Estimates of what is yet to come (``accruals``) are of billed cost and stand beside the ledger, never in it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, text

from aispend.money import exact_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aispend.settings import Agreement
    from analyzer.accruals import Accrual
    from analyzer.agreements import Drawdown

State = Literal["open", "provisional", "final", "closed", "restated"]
_UNFINISHED = {"open", "provisional"}
_LEAST_FINAL: tuple[State, ...] = ("open", "provisional", "restated", "final", "closed")


@dataclass(frozen=True)
class MonthState:
    """A billing month in one currency, on the billing axis, tax included, as the ledger has it now.

    ``state`` is that of its least final bill; a closed month with a bill that came later is *restated*.
    ``accrued`` estimates the billed cost yet to come; None where the month is done, or nothing is
    there to estimate from.
    ``adjusted`` is the billed cost booked since it was closed, None where it is not closed.
    """

    month: date
    state: State
    currency: str
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    accrued: Decimal | None
    published: Decimal | None
    adjusted: Decimal | None
    adjustments: int
    version: int | None
    closed_at: datetime | None
    closed_by: str | None
    note: str | None
    forced_reason: str | None
    reopened: int
    """How many versions of it were opened again."""


@dataclass(frozen=True)
class ClosedAmount:
    """An amount by every cut of a published version; of an adjustment where ``adjustment`` is not 0."""

    month: date
    version: int
    adjustment: int
    provider: str
    scope: str
    account: str | None
    service: str | None
    model: str | None
    team: str | None
    stage: str
    charge_category: str | None
    is_ai: bool
    currency: str
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    list_cost: Decimal | None
    contracted_cost: Decimal | None
    found_at: datetime | None = None
    kind: str | None = None
    cause: str | None = None
    author: str | None = None


def months(connection: Connection) -> tuple[MonthState, ...]:
    """Every loaded month, and closed ones of which nothing is loaded any more; newest first."""
    standing = {row["month"]: dict(row) for row in connection.execute(text(_STANDING)).mappings()}
    states: dict[date, set[str]] = defaultdict(set)
    for month, state in connection.execute(text("SELECT period, state FROM slice WHERE kind = 'bill'")):
        states[month].add(state)
    spent = {(row["month"], row["currency"]): row for row in connection.execute(text(_SPENT)).mappings()}
    booked = {(row["month"], row["currency"]): row for row in connection.execute(text(_BOOKED)).mappings()}
    accrued = _accrued(connection)
    rows = []
    for month, currency in sorted({*spent, *booked}, key=lambda key: (-key[0].toordinal(), key[1])):
        closing = standing.get(month)
        now: Any = spent.get((month, currency)) or {}
        then: Any = booked.get((month, currency)) or {}
        rows.append(
            MonthState(
                month=month,
                state=_state(states[month], closed=closing is not None),
                currency=currency,
                billed_cost=now.get("billed_cost"),
                effective_cost=now.get("effective_cost"),
                accrued=accrued.get((month, currency), Decimal(0) if states[month] & _UNFINISHED else None),
                published=then.get("published"),
                adjusted=then.get("adjusted"),
                adjustments=closing["adjustments"] if closing else 0,
                version=closing["version"] if closing else None,
                closed_at=closing["closed_at"] if closing else None,
                closed_by=closing["closed_by"] if closing else None,
                note=closing["note"] if closing else None,
                forced_reason=closing["forced_reason"] if closing else None,
                reopened=connection.scalar(text(_REOPENED), {"month": month}) or 0,
            )
        )
    return tuple(rows)


def published(connection: Connection, month: date) -> tuple[ClosedAmount, ...]:
    """What was published of a closed month: the version that stands. Empty where it is not closed."""
    rows = connection.execute(text(_AMOUNTS.format(which="a.adjustment = 0")), {"month": month}).mappings()
    return tuple(ClosedAmount(**row) for row in rows)


def adjustments(connection: Connection, month: date | None = None) -> tuple[ClosedAmount, ...]:
    """What changed since months were closed, with its cause, of ``month`` or of all; oldest first."""
    rows = connection.execute(text(_AMOUNTS.format(which="a.adjustment > 0")), {"month": month}).mappings()
    return tuple(ClosedAmount(**row) for row in rows)


def accruals(connection: Connection, month: date | None = None) -> tuple[Accrual, ...]:
    """Estimates of tax, support and fees that open and provisional months have yet to be billed for."""
    from analyzer.accruals import accruals as estimates  # the other views start faster without the analyzer

    return tuple(estimates(connection, month))


def agreements(connection: Connection, terms: Sequence[Agreement]) -> tuple[Drawdown, ...]:
    """How far each spend agreement is drawn down, and where that leads."""
    from analyzer.agreements import drawdowns

    return tuple(drawdowns(connection, terms))


def _state(states: set[str], *, closed: bool) -> State:
    if closed:
        return "closed" if states == {"closed"} else "restated"
    return next((name for name in _LEAST_FINAL if name in states), "open")


def _accrued(connection: Connection) -> dict[tuple[date, str], Decimal | None]:
    """Per month and currency; None where one of its bills has nothing to estimate from."""
    found: dict[tuple[date, str], list[Decimal | None]] = defaultdict(list)
    for estimate in accruals(connection):
        found[estimate.month, estimate.currency].append(estimate.amount)
    return {
        key: None if None in amounts else exact_sum(amount for amount in amounts if amount is not None)
        for key, amounts in found.items()
    }


_STANDING = """
    SELECT c.*, (SELECT count(*) FROM closing_adjustment j WHERE j.closing_id = c.closing_id) AS adjustments
    FROM closing c WHERE c.reopened_at IS NULL"""

_REOPENED = "SELECT count(*) FROM closing WHERE month = :month AND reopened_at IS NOT NULL"

_SPENT = """
    SELECT billing_month AS month, currency, sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost
    FROM spend_day GROUP BY 1, 2"""

_BOOKED = """
    SELECT c.month, a.currency, sum(a.billed_cost) FILTER (WHERE a.adjustment = 0) AS published,
           coalesce(sum(a.billed_cost) FILTER (WHERE a.adjustment > 0), 0) AS adjusted
    FROM closing c JOIN closing_amount a USING (closing_id)
    WHERE c.reopened_at IS NULL GROUP BY 1, 2"""

_AMOUNTS = """
    SELECT c.month, c.version, a.adjustment, a.provider, a.scope, a.account, a.service, a.model, a.team, a.stage,
           a.charge_category, a.is_ai, a.currency, a.billed_cost, a.effective_cost, a.list_cost, a.contracted_cost,
           j.found_at, j.kind, j.cause, j.author
    FROM closing c JOIN closing_amount a USING (closing_id)
    LEFT JOIN closing_adjustment j USING (closing_id, adjustment)
    WHERE c.reopened_at IS NULL AND {which} AND (CAST(:month AS date) IS NULL OR c.month = :month)
    ORDER BY c.month, a.adjustment, a.ordinal"""
