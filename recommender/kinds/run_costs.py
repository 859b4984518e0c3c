"""What kinds about training runs share: costs of several runs on one day, and what may be counted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from aispend.money import split_exact
from recommender.contract import DailyCost, Saving
from recommender.savings import CENT
from recommender.subjects.training_runs import TrainingRuns

_NOTHING = Decimal(0)
_WEEK = 7


def shares_of(parts: Mapping[date, Decimal], seconds: Mapping[date, Decimal]) -> dict[date, Decimal]:
    """Seconds of days as shares of all their seconds."""
    return {day: part / seconds[day] for day, part in parts.items() if seconds[day]}


def together_on(costs: Sequence[DailyCost]) -> DailyCost:
    """The costs of several runs on one day; one of which an amount is unknown makes it unknown."""

    def total(name: str) -> Decimal | None:
        amounts = [getattr(cost, name) for cost in costs]
        return None if None in amounts else sum(amounts, _NOTHING)

    return replace(
        costs[0],
        list_cost=total("list_cost"),
        effective_cost=total("effective_cost"),
        uncovered_effective_cost=total("uncovered_effective_cost"),
        billed=any(cost.billed for cost in costs),
    )


def careful_saving(most: Saving, spared: TrainingRuns, days: int) -> Saving:
    """``most`` with what a poor stretch of weeks saves as its net, and no more than the most there was as its P90.

    Weeks drawn with more bursts than the window had would give more than the window lost, which nothing spares. Net is
    all of it where each week lost the same, and nothing where few weeks are known.
    """
    if most.p10 is None or most.p50 is None:
        return replace(most, net=_without_range(most, spared, days))
    return replace(
        most,
        net=min(most.p10, most.net),
        p50=min(most.p50, most.net),
        p90=most.net,
        range_from=f"{most.range_from}; at most what was lost in the window",
    )


def _without_range(most: Saving, spared: TrainingRuns, days: int) -> Decimal:
    weeks = days // _WEEK
    first = (spared.as_of - timedelta(weeks=weeks)).date()
    known = all(cost.uncovered_effective_cost is not None for cost in spared.costs)
    return most.net if weeks > 1 and spared.first_seen <= first and known else _NOTHING


def acts_on(subject: TrainingRuns, cost: Decimal) -> dict[str, Decimal]:
    """The monthly cost on the resources the runs were on, to the cent."""
    names = [name for name, amount in sorted(subject.by_resource.items()) if amount > 0]
    parts = split_exact(cost, [subject.by_resource[name] for name in names], CENT)
    return {name or subject.resource_id: part for name, part in zip(names, parts, strict=True)}
