"""What the days left of a budget's period will cost: forecast, and what is known of them beforehand.

Assumes     Daily cost in the budget's currency, clouds apart from the company's own costs.
Method      Cost of clouds by :mod:`analyzer.forecast`, its band learned from the sums of past forecasts over the same
            days ahead. The known changes of ``forecast_steps`` that the budget covers are added, and own costs of days
            to come as written down: the same as :mod:`analyzer.forecast_run` adds, so that both say the same.
Cases       With less than two weeks of history the days left are expected to cost what the days of the period did, by
            the profile of weekdays (*burn rate*), without a band. Own costs alone are certain, and so is what has
            ended.
            Which steps a budget covers, and how much of each: :mod:`analyzer.budget_steps`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from aispend.money import COST_QUANTUM, exact_sum
from analyzer.forecast_steps import KnownStep, steps_ahead
from analyzer.remembered import Remembered

_LEAST_HISTORY = 14


@dataclass(frozen=True)
class Path:
    """The days left of a period: expected cost of each, and P10 and P90 of their sum where there is a band."""

    days: tuple[Decimal, ...]
    low: Decimal | None
    high: Decimal | None
    method: Literal["forecast", "burn rate"]

    def with_known(self, costs: Sequence[Decimal]) -> Path:
        """The same with a certain cost added to each day."""
        whole = exact_sum(costs)
        return replace(
            self,
            days=tuple(exact_sum(day) for day in zip(self.days, costs, strict=True)),
            low=None if self.low is None else self.low + whole,
            high=None if self.high is None else self.high + whole,
        )


def burn_path(spent: Sequence[Decimal], weights: Sequence[Decimal]) -> Path | None:
    """The days left at the pace of the days spent, by the same profile; None before the first day."""
    known = exact_sum(weights[: len(spent)])
    if not known:
        return None
    pace = exact_sum(spent) / known
    days = tuple((pace * weight).quantize(COST_QUANTUM) for weight in weights[len(spent) :])
    return Path(days, None, None, "burn rate")


def forecast_path(
    usage: Sequence[Decimal],
    fees: Sequence[Decimal],
    first: date,
    changes: Sequence[Decimal],
    remembered: Remembered | None = None,
    *,
    skipped: int = 0,
) -> Path | None:
    """The next days by :mod:`analyzer.forecast`; None where there is too little history.

    ``changes``: what known steps add to each of these days (:func:`changes_ahead`).
    ``skipped``: how many of them lie before the period, and are in no figure of it.
    """
    import numpy as np

    from analyzer.forecast import DAILY, History, forecast_each
    from analyzer.forecast_remembered import remembering

    days = len(changes)
    history = History(np.array([float(one) for one in usage]), np.array([float(one) for one in fees]), first)
    charged = history.since_first_charge()
    if days == 0 or (len(charged) < _LEAST_HISTORY and charged.silent(DAILY) is None):
        return None
    (found,) = forecast_each([history], days, DAILY, projector=remembering(remembered or Remembered()))
    expected = tuple(_money(float(value)) + change for value, change in zip(found.values, changes, strict=True))
    expected = expected[skipped:]
    width = found.width_of_total(skipped, days)
    if width is None:
        return Path(expected, None, None, "forecast")
    total = exact_sum(expected)
    least = min(_money(found.lowest(days - skipped)), total)
    return Path(expected, max(total - _money(width), least), total + _money(width), "forecast")


def certain_path(changes: Sequence[Decimal]) -> Path:
    """The next days of what no cloud bills: known steps alone."""
    whole = exact_sum(changes)
    return Path(tuple(changes), whole, whole, "forecast")


def changes_ahead(steps: Sequence[KnownStep], first: date, days: int) -> tuple[Decimal, ...]:
    """What the steps add to each of ``days`` from ``first``."""
    return tuple(_money(float(value)) for value in steps_ahead(steps, first, days))


def fits(value: str, pattern: str) -> bool:
    """Whether a name fits a shell glob, whatever its case."""
    return fnmatch.fnmatchcase(value.lower(), pattern.lower())


def _money(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(COST_QUANTUM)
