"""Which of a bill's newest days have as much as its days usually have: what it is known to, by amounts alone.

Method      A day is *thin* where its usage costs less than half of what the leanest days of the four weeks before it
            did: the third lowest of 28. Thin days at the end of a bill are a line that came astray, or services whose
            others are still to come. On the third thin day they are believed. :mod:`analyzer.whole_days` gives the
            reasons, and says besides whether the newest day is over.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

BELIEVED_DAYS = 3
"""So many thin days are no late services any more."""
_USUAL = timedelta(days=28)
_LEAST_DAYS = 7
_OF_THE_LEANEST = 10
"""One in so many days may be leaner than a usual one."""

Day = tuple[date, Mapping[str, Decimal]]
"""A day with usage, and what it cost by currency."""
Name = TypeVar("Name", bound=Hashable)


def thin_tail(days: Sequence[Day]) -> int:
    """How many of the newest ``days``, from new to old, are too thin to be whole; 0 where that is believed."""
    for count in range(min(BELIEVED_DAYS, len(days)), 0, -1):
        since = days[count - 1][0] - _USUAL
        usual = _usual([cost for day, cost in days[count:] if day >= since])
        if usual and all(_is_thin(cost, usual) for _, cost in days[:count]):
            return 0 if count == BELIEVED_DAYS else count
    return 0


def newest_usual_days(rows: Iterable[tuple[Name, date, str, Decimal, bool]]) -> dict[Name, date]:
    """The newest day of each bill that is not thin; of a bill that is done, the newest.

    ``rows``: bill, day with usage, currency, what it cost, and whether the bill of that day is final, closed or
    restated. A bill without rows is not in the answer.
    """
    costs: dict[Name, dict[date, dict[str, Decimal]]] = {}
    done: set[tuple[Name, date]] = set()
    for name, day, currency, cost, is_done in rows:
        costs.setdefault(name, {}).setdefault(day, {})[currency] = cost
        if is_done:
            done.add((name, day))
    found = {}
    for name, by_day in costs.items():
        days = sorted(by_day.items(), key=lambda one: one[0], reverse=True)
        newest = days[0][0]
        found[name] = newest if (name, newest) in done else days[thin_tail(days)][0]
    return found


def _usual(costs: Sequence[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """By currency what a lean day costs; empty where too little is known to say."""
    if len(costs) < _LEAST_DAYS:
        return {}
    none = Decimal(0)
    found = {
        currency: sorted(cost.get(currency, none) for cost in costs)[len(costs) // _OF_THE_LEANEST]
        for currency in {name for cost in costs for name in cost}
    }
    return {currency: cost for currency, cost in found.items() if cost > 0}


def _is_thin(cost: Mapping[str, Decimal], usual: Mapping[str, Decimal]) -> bool:
    return all(2 * cost.get(currency, Decimal(0)) < lean for currency, lean in usual.items())
