"""What a service of several machines costs as it is today, from days on which it was more, or another type.

Assumes
    Who took the place of a machine that ended is of its type and number: a change of these is no replacement.
Method
    Machines that have ended count with those that run, as their successors pay it now: in the hours of a day that the
    machines of today have and did not run in, and each in part where those that ended ran in more. Days up to the last
    of one that ended and was of a type that none has today tell nothing of what it costs now.
Known drawbacks
    Where a bill by the day does not say how many hours, a machine has 24 on its first and last day, so that the day of
    a replacement costs half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from aispend.prices.accelerators import plain_instance_type
from recommender.contract import DailyCost
from recommender.subjects.machines import Machine

_HOURS_PER_DAY = 24


def costs_of_each(machines: Sequence[Machine], current: Sequence[Machine]) -> list[list[DailyCost]]:
    """The costs of each of the machines, ``current`` among them, of as many as run now."""
    running = {machine.resource_key for machine in current}
    now, ended = Counter[date](), Counter[date]()
    for machine in machines:
        of = now if machine.resource_key in running else ended
        of.update({cost.day: cost.hours for cost in machine.costs})

    def part(cost: DailyCost) -> DailyCost:
        left = max(len(current) * _HOURS_PER_DAY - now[cost.day], 0)
        return _part(cost, left, ended[cost.day]) if ended[cost.day] > left else cost

    return [
        list(machine.costs) if machine.resource_key in running else [part(cost) for cost in machine.costs]
        for machine in machines
    ]


def type_since(machines: Sequence[Machine], current: Sequence[Machine]) -> date | None:
    """The day from which on all of them cost what they cost now; None: all days count."""
    now = {_type(machine) for machine in current}
    ended = [one.costs[-1].day for one in machines if one.costs and _type(one) not in now]
    changed = [machine.costs_since for machine in current if machine.costs_since is not None]
    return max([*changed, *(day + timedelta(days=1) for day in ended)], default=None)


def _type(machine: Machine) -> str | None:
    """However a bill or a listing writes it."""
    return machine.instance_type and plain_instance_type(machine.provider, machine.instance_type)


def _part(cost: DailyCost, of: int, whole: int) -> DailyCost:
    def part(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else amount * of / whole

    return replace(
        cost,
        list_cost=part(cost.list_cost),
        effective_cost=part(cost.effective_cost),
        uncovered_effective_cost=part(cost.uncovered_effective_cost),
        bound_cost=part(cost.bound_cost),
        bound_to_type_cost=part(cost.bound_to_type_cost),
    )
