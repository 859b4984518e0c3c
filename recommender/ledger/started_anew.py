"""Machines that a group started in the place of those on a schedule: as many as are gone, and no more.

Assumes
    A group on a schedule ends its machines at night and starts others in the morning; whose the others of a mixed group
    are, the bill does not say.
Method
    Machines of its own that are charged on a day or later in the span are there still. For each of those that are gone,
    others of the group (``successors.py``) count on that day for as many hours as one ran a day before; where they ran
    longer together, for that part of their cost.
Known drawbacks
    Where a group starts machines for other work too, a schedule of one that is gone saves less than it does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from aispend.money import rate
from recommender.contract import Step
from recommender.ledger.baseline import keys_of, step_of
from recommender.ledger.billed import Line, sum_up

_WHOLE = Decimal(1)


def in_their_place(connection: Connection, item: Any, found: Sequence[Line]) -> list[Line]:
    """The lines of its own resources, and of the others as much as stands for those that are gone.

    All of them where it is no schedule.
    """
    if item.counterfactual != "kept_running" or step_of(item.kind) is not Step.SCHEDULE:
        return list(found)
    own = set(keys_of(connection, item.provider, list(item.parts)).values())
    last: dict[int, date] = {}
    for line in found:
        if line.resource_key in own and line.cost:
            last[line.resource_key] = max(line.day, last.get(line.resource_key, line.day))
    before = sum(Decimal(hours) > 0 for hours, _ in item.parts.values())
    a_day = rate(item.quantity, Decimal(item.days * before)) if before and item.days else Decimal(0)
    by_day: dict[date, list[Line]] = defaultdict(list)
    for line in found:
        if line.resource_key not in own:
            by_day[line.day].append(line)
    parts = {}
    for day, others in by_day.items():
        gone = before - sum(day <= until for until in last.values())
        ran = sum_up(others).hours
        parts[day] = min(rate(a_day * max(gone, 0), ran), _WHOLE) if ran else _WHOLE
    mine = [line for line in found if line.resource_key in own]
    return [*mine, *(_part_of(line, parts[day]) for day, others in by_day.items() if parts[day] for line in others)]


def _part_of(line: Line, part: Decimal) -> Line:
    if part == _WHOLE:
        return line
    cost, listed = (None if amount is None else rate(amount * part, _WHOLE) for amount in (line.cost, line.list_cost))
    return replace(line, cost=cost, list_cost=listed)
