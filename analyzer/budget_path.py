"""What the days left of a budget's period will cost: forecast, and what is known of them beforehand.

Assumes     Daily cost in the budget's currency, clouds apart from the company's own costs.
Method      Cost of clouds by :mod:`analyzer.forecast`, its band learned from the sums of past forecasts over the same
            days ahead. The known changes of ``forecast_steps`` that the budget covers are added, and own costs of days
            to come as written down: the same as :mod:`analyzer.forecast_run` adds, so that both say the same.
Cases       With less than two weeks of history the days left are expected to cost what the days of the period did, by
            the profile of weekdays (*burn rate*), without a band. Own costs alone are certain, and so is what has
            ended.
            Which steps a budget covers, and how much of each: :mod:`analyzer.budget_steps`. A bill that is behind has
            a path of its own, from its own last day: paths are added, and so are their bands, as of forecasts.
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


def with_missing(path: Path, late: Sequence[Path], known: int) -> tuple[tuple[Decimal, ...], Path]:
    """What ``late`` expect of the first ``known`` days of the period, and ``path``, of the days after, with them.

    Each of ``late`` begins on one of the known days or later, and all end alike. The band of the path is of both.
    """
    length = known + len(path.days)
    added = [Decimal(0)] * length
    for one in (path, *late):
        start = length - len(one.days)
        for day, cost in enumerate(one.days):
            added[start + day] = exact_sum((added[start + day], cost))
    low, high = (_all_or_none(ends) for ends in zip(*((one.low, one.high) for one in (path, *late)), strict=True))
    return tuple(added[:known]), replace(path, days=tuple(added[known:]), low=low, high=high)


def _all_or_none(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if len(known) == len(amounts) else None


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
    least: int = _LEAST_HISTORY,
) -> Path | None:
    """The next days by :mod:`analyzer.forecast`; None where there is too little history: fewer than ``least`` days.

    ``changes``: what known steps add to each of these days (:func:`changes_ahead`).
    ``skipped``: how many of them lie before the period, and are in no figure of it.
    """
    import numpy as np

    from analyzer.forecast import DAILY, History, forecast_each
    from analyzer.forecast_remembered import remembering

    days = len(changes)
    history = History(np.array([float(one) for one in usage]), np.array([float(one) for one in fees]), first)
    charged = history.since_first_charge()
    if days == 0 or (len(charged) < least and charged.silent(DAILY) is None):
        return None
    (found,) = forecast_each([history], days, DAILY, projector=remembering(remembered or Remembered()))
    expected = tuple(_money(float(value)) + change for value, change in zip(found.values, changes, strict=True))
    expected = expected[skipped:]
    width = found.width_of_total(skipped, days)
    if width is None:
        return Path(expected, None, None, "forecast")
    total = exact_sum(expected)
    lowest = min(_money(found.lowest(days - skipped)), total)
    return Path(expected, max(total - _money(width), lowest), total + _money(width), "forecast")


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
