"""Which of the changes known beforehand a budget covers, and how much of each.

Assumes     Steps and ends of commitments as :mod:`analyzer.forecast_steps` gives them.
Method      A budget by provider, model and team takes in what is said to be of these: the same as the forecast of that
            cut. By account, service, region, stage, resource, SKU or tag: of a commitment the difference of
            the very charges the budget covers (its unused part falls away where it was charged); of a step written
            down the share that the budget covers of what its provider, model and team cost in the last 28 known days.
Cases       A step that names neither provider, model nor team, or what has cost nothing yet, cannot be placed that
            way; one whose currency has no rate cannot be counted. Those are named. A step of another model, team or
            provider than the budget's, or of one it does not name though the budget does, is not its own.
Drawbacks   Those of :mod:`analyzer.step_owners`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from sqlalchemy import Connection

from aispend.watching import Budget, BudgetMatch
from analyzer.budget_cover import Covered
from analyzer.budget_path import fits
from analyzer.currency import ExchangeRates, rounded
from analyzer.forecast_steps import Ahead, KnownStep, changes_of_clouds
from analyzer.step_owners import OWNERS, share_of

_OTHER_FIELDS = tuple(name for name in BudgetMatch.model_fields if name not in OWNERS)


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
            [*theirs, *(one for one in ahead.told_by_bills if is_said_to_be_of(budget, one))], currency, rates, upto
        )
    ending = changes_of_clouds(connection, ahead.known_to, ahead.end, cover.by_day + cover.by_charge, cover.parameters)
    parts: list[KnownStep] = []
    left_out: list[str] = []
    for step in theirs:
        share = share_of(
            connection,
            step,
            ahead.known_to,
            source=cover.source,
            only=cover.by_day,
            parameters=cover.parameters,
            currency=currency,
            rates=rates,
        )
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
    for name in OWNERS:
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
