"""Which of the changes known beforehand a budget covers, and how much of each.

Assumes     Steps and ends of commitments as :mod:`analyzer.forecast_steps` gives them.
Method      A budget by provider, model and team takes in what is said to be of these: the same as the forecast of that
            cut. By account, service, region, stage, resource, SKU or tag: of a commitment the difference of
            the very charges the budget covers (its unused part falls away where it was charged); of a step written
            down the share that the budget covers of what its provider, model and team cost in the last 28 known days.
Cases       A step that names neither provider, model nor team, or what has cost nothing yet, cannot be placed that
            way; one whose currency has no rate cannot be counted. Those are named. A step of another model, team or
            provider than the budget's, or of one it does not name though the budget does, is not its own.
Drawbacks   A step is taken to fall where the cost of its owner fell so far: a new account takes none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, text

from aispend.foresight import Step
from aispend.watching import Budget, BudgetMatch
from analyzer.budget_cover import Covered
from analyzer.budget_path import fits
from analyzer.currency import ExchangeRates, rounded
from analyzer.forecast_steps import STEP_DAYS, KnownStep, commitments_that_end, steps_written_down

_OF_STEPS = ("provider", "model", "team")
_OTHER_FIELDS = tuple(name for name in BudgetMatch.model_fields if name not in _OF_STEPS)


@dataclass(frozen=True)
class Ahead:
    """All that is known to change between two days: steps written down, and commitments that end."""

    known_to: date
    end: date
    written: Sequence[KnownStep]
    ending: Sequence[KnownStep]

    @classmethod
    def look(cls, connection: Connection, steps: Iterable[Step], known_to: date, end: date, currency: str) -> Ahead:
        """From ``known_to`` up to ``end``; ``currency`` is that of steps that name none."""
        written = steps_written_down(steps, known_to, currency)
        return cls(known_to, end, written, commitments_that_end(connection, known_to, end))


@dataclass(frozen=True)
class Placed:
    """The steps of one budget, in its currency, and why of those that might be its own and cannot be placed."""

    steps: list[KnownStep]
    left_out: list[str]


def place_steps(
    connection: Connection,
    budget: Budget,
    ahead: Ahead,
    cover: Covered,
    *,
    currency: str,
    rates: ExchangeRates,
    upto: date,
) -> Placed:
    """Those of ``ahead`` that ``budget`` covers (``cover``), at the rate in force when they begin to count.

    ``upto``: the day after the budget's last known one.
    """
    theirs = [step for step in ahead.written if is_said_to_be_of(budget, step)]
    if not any(getattr(budget.match, name) for name in _OTHER_FIELDS):
        return in_currency(
            [*theirs, *(one for one in ahead.ending if is_said_to_be_of(budget, one))], currency, rates, upto
        )
    ending = commitments_that_end(
        connection, ahead.known_to, ahead.end, cover.by_day + cover.by_charge, cover.parameters
    )
    parts: list[KnownStep] = []
    left_out: list[str] = []
    for step in theirs:
        share = _share(connection, step, ahead.known_to, cover, currency=currency, rates=rates)
        if share is None:
            left_out.append(step.why)
        elif share:
            parts.append(replace(step, amount=rounded(Fraction(step.amount) * share)))
    placed = in_currency([*parts, *ending], currency, rates, upto)
    return Placed(placed.steps, list(dict.fromkeys([*left_out, *placed.left_out])))


def is_said_to_be_of(budget: Budget, step: KnownStep) -> bool:
    """Whether the provider, model and team of a step fit those of a budget, and both are AI spend or need not be."""
    if budget.ai_only and not step.is_ai:
        return False
    for name in _OF_STEPS:
        pattern, owner = getattr(budget.match, name), step.owners.get(name)
        if pattern and (owner is None or not fits(owner, pattern)):
            return False
    return True


def in_currency(steps: Iterable[KnownStep], currency: str, rates: ExchangeRates, upto: date) -> Placed:
    """``steps`` at the rate in force when they begin to count; those without one are left out."""
    found: list[KnownStep] = []
    without: list[str] = []
    for step in steps:
        quote = rates.quote(step.currency, currency, max(step.first, upto))
        if quote is None:
            without.append(step.why)
        else:
            found.append(replace(step, amount=rounded(Fraction(step.amount) * quote.rate), currency=currency))
    return Placed(found, list(dict.fromkeys(without)))


def _share(
    connection: Connection, step: KnownStep, known_to: date, cover: Covered, *, currency: str, rates: ExchangeRates
) -> Fraction | None:
    """Part of the cost of a step's owners, 0 to 1, that is covered; None where nothing says it."""
    owners = {name: owner for name in _OF_STEPS if (owner := step.owners.get(name)) is not None}
    if not owners:
        return None
    parameters: dict[str, Any] = {f"its_{name}": owner for name, owner in owners.items()}
    parameters |= {"since": known_to - timedelta(days=STEP_DAYS), "known_to": known_to}
    its_own = "".join(f" AND d.{name} = :its_{name}" for name in owners) + (
        " AND d.is_ai" if step.is_ai else " AND NOT d.is_ai"
    )
    whole, of_it = (
        _converted(connection.execute(text(_SPENT.format(source=source, only=only)), given), currency, known_to, rates)
        for source, only, given in (
            ("spend_day", its_own, parameters),
            (cover.source, its_own + cover.by_day, {**cover.parameters, **parameters}),
        )
    )
    return min(max(of_it / whole, Fraction(0)), Fraction(1)) if whole > 0 else None


def _converted(spent: Iterable[Sequence[Any]], currency: str, day: date, rates: ExchangeRates) -> Fraction:
    """All amounts together, without those that have no rate."""
    total = Fraction(0)
    for code, cost in spent:
        quote = rates.quote(code, currency, day)
        if quote is not None and cost is not None:
            total += Fraction(cost) * quote.rate
    return total


_SPENT = """
    SELECT d.currency, sum(coalesce(d.effective_cost,
                                    CASE WHEN NOT 'effective_cost' = ANY(b.columns_known) THEN d.billed_cost END))
    FROM {source} AS d JOIN slice b USING (slice_id)
    WHERE d.charge_date >= :since AND d.charge_date < :known_to AND coalesce(d.charge_category, 'Usage') = 'Usage'{only}
    GROUP BY 1"""
