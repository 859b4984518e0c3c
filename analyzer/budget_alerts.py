"""When a person is told of a budget: the day each threshold was reached, and whether the last days were too fast.

Assumes     Cost by day in the budget's currency; the profile of weekdays of :mod:`analyzer.budgets`.
Method      *Threshold*: the day since which cost to date is at or above that percentage, else the first day on which
            it is with the median forecast. *Burn of a window*: usage of its days / what the budget allows for them,
            which is the budget less what was charged otherwise to date, by the profile of the whole period. Too fast
            is what both windows say: the long one that it is more than a bad day, the short one that it goes on still.
            It is an alert only where this pace, held to the end of the period, would break the budget.
Cases       Fees and credits are no pace: they change what is left for usage. A window may reach back into the period
            before, so that the first day of a month is judged with the days before it. Where nothing is allowed for a
            window (nothing left, or days without use in the profile), its usage is below zero, or the ledger is
            younger than it, it has no burn and there is no alert.
Drawbacks   Windows look back: growth is told after it lasted for most of the long one; the forecast may say so before.
            A fee still to come in the period is in what is left for usage until it is charged.
Sources     Thresholds and the rate of burn: docs/methods.md. Two windows that must agree: Beyer et al., The Site
            Reliability Workbook (2018), chapter 5, "Alerting on SLOs".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from aispend.money import exact_sum
from aispend.watching import BudgetAlerts

State = Literal["ok", "warn", "critical"]
_DIGITS = Decimal("0.0001")


@dataclass(frozen=True)
class Threshold:
    """A percentage of a budget: the day it was reached, or the one it is expected on; neither in this period."""

    percent: Decimal
    reached_on: date | None
    expected_on: date | None


@dataclass(frozen=True)
class Pace:
    """Usage of the last days known, the newest last, each with the weight of its weekday."""

    usage: Sequence[Decimal]
    weights: Sequence[Decimal]


@dataclass(frozen=True)
class Burn:
    """Usage over what the budget allows in the last few and the last more days, and what follows from both."""

    short: Decimal | None
    long: Decimal | None
    state: State


def reached(
    percents: Sequence[Decimal],
    amount: Decimal,
    first: date,
    spent: Sequence[Decimal],
    ahead: Sequence[Decimal],
    *,
    missing: Sequence[Decimal] = (),
) -> tuple[Threshold, ...]:
    """For each percentage of ``amount`` its day: ``spent`` is the cost of each day from ``first``, then ``ahead``.

    ``missing``: what bills behind are expected to say of the days spent; empty where none is.
    """
    with_it = [exact_sum(day) for day in zip(spent, missing, strict=True)] if missing else spent
    charged, every = _totals(spent), _totals([*with_it, *ahead])
    told = next((day for day, cost in enumerate(missing) if cost), len(spent))
    found = []
    for percent in percents:
        above, expects = ([total * 100 >= percent * amount for total in totals] for totals in (charged, every))
        since = expected = None
        if above and above[-1]:
            since = next((day + 1 for day in range(len(above) - 1, -1, -1) if not above[day]), 0)
        else:
            expected = next((day for day in range(told, len(expects)) if expects[day]), None)
        found.append(Threshold(percent, _day(first, since), _day(first, expected)))
    return tuple(found)


def _totals(costs: Sequence[Decimal]) -> list[Decimal]:
    totals: list[Decimal] = []
    for cost in costs:
        totals.append(exact_sum((*totals[-1:], cost)))
    return totals


def _day(first: date, number: int | None) -> date | None:
    return None if number is None else first + timedelta(days=number)


def burning(pace: Pace, alerts: BudgetAlerts, *, left: Decimal, known: Decimal, whole: Decimal, used: Decimal) -> Burn:
    """How fast the last days went, and what follows.

    ``left``: of the budget, for the usage of the whole period; ``used``: usage of the period to date; ``known`` and
    ``whole``: weights of the days of the period that are known, and of all.
    """
    short, long = (_burn(pace, days, left, whole) for days in (alerts.short_days, alerts.long_days))
    state: State = "ok"
    if short is not None and long is not None and used + long * left * (whole - known) / whole > left:
        both = min(short, long)
        state = "critical" if both >= alerts.critical_burn else "warn" if both >= alerts.warn_burn else "ok"
    return Burn(short, long, state)


def _burn(pace: Pace, days: int, left: Decimal, whole: Decimal) -> Decimal | None:
    if len(pace.usage) < days:
        return None
    allowed, usage = left * exact_sum(pace.weights[-days:]) / whole, exact_sum(pace.usage[-days:])
    return (usage / allowed).quantize(_DIGITS) if allowed > 0 and usage >= 0 else None


def too_fast(burn: Burn, alerts: BudgetAlerts) -> str:
    """An alert of both windows in words; nothing where there is none."""
    if burn.state == "ok" or burn.short is None or burn.long is None:
        return ""
    return (
        f"too fast: the last {alerts.long_days} days cost {burn.long:.2f} times what it allows for them, "
        f"the last {alerts.short_days} {burn.short:.2f}"
    )
