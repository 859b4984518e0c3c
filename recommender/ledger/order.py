"""What a later change does to the line of an earlier one: ends it, takes its own part out of it, or nothing.

Assumes
    What was done first acts on the cost there was; what was done later on the cost that it left.
Method
    Of two changes the later one is the one done later; but where what it cost before the one is of days before the
    other too (they were done within days, ``windows.py``), hours first, and their price on the hours that are left.
    A line ends with a later change of the same step, or with the removal of what it is about: nothing is left to
    save on. A price for the same hours (a commitment, spot) ends no change of usage. Where a later change makes an hour
    cost less, the earlier line is held at the cost of an hour before it, so that its saving counts once (``Held``).
Cases
    A commitment's or a price's line outlives the removal of some of its resources, as it counts the hours that are
    left. Another commitment ends none: each counts what its own covers (``made_for.py``). What a commitment covers and
    is changed later counts with it until that day. A later schedule, or fewer
    machines for a service, ends the line of what still ran when it was measured: the same hours would count twice.
    What was taken back ends no line: the earlier one counts no day on which it was in force, and goes on after.
Sources
    docs/advice.md, verified savings; methods, combining savings, ranges, feedback.
Known drawbacks
    A machine made smaller and then put on a schedule loses what both together save beyond each alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from aispend.money import rate
from recommender.contract import Step
from recommender.ledger.baseline import step_of

_PRICES = (Step.SPOT, Step.COMMIT)
_BY_HOUR = ("same_hours", "commitment")
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Held:
    """Resources that cost ``hourly`` without a commitment before they were changed again; counted so after ``since``.

    ``hourly`` None: they count no longer. ``until`` is the day the change was taken back, None where it was not;
    ``is_pause``: between the two nothing of the line counts.
    """

    since: date
    keys: frozenset[int]
    hourly: Decimal | None
    kind: str
    until: date | None = None
    is_pause: bool = False

    def is_at(self, day: date) -> bool:
        """Whether the change was in force on that day."""
        return self.since < day and (self.until is None or day < self.until)


def superseded_on(item: Any, items: Sequence[Any], own: Mapping[str, set[int]]) -> date | None:
    """Day of the change that ends the line of ``item``; None is none yet. ``own`` has the resources of each."""
    later = [one for one in _later(item, items, own) if one.undone_on is None]
    return min((one.done_on for one in later if _ends(item, one, own)), default=None)


def held_after(
    item: Any, items: Sequence[Any], own: Mapping[str, set[int]], replaced: Mapping[str, set[int]]
) -> list[Held]:
    """What later changes that do not end the line of ``item`` take out of it, the earliest first."""
    found: list[Held] = []
    for later in _later(item, items, own):
        if _ends(item, later, own):
            if later.undone_on is not None:
                found.append(Held(later.done_on, frozenset(), None, later.kind, later.undone_on, is_pause=True))
            continue
        # held once, a resource stays at that price whatever is changed next
        keys = own[later.recommendation_id].difference(*(one.keys for one in found))
        if item.counterfactual == "commitment":
            if step_of(later.kind) in (Step.SIZE, Step.MODEL, Step.PLACE):
                found.append(Held(later.done_on, frozenset(keys), None, later.kind, later.undone_on))
        elif later.counterfactual == "same_hours" and later.quantity and later.effective_cost is not None:
            both = frozenset(keys | replaced[later.recommendation_id])
            found.append(Held(later.done_on, both, hourly_before(later), later.kind, later.undone_on))
    return found


def days_counted(held: Sequence[Held], first: date, end: date) -> int:
    """Days from ``first`` to before ``end`` that no change which was taken back later had for itself."""
    pauses = [one for one in held if one.is_pause]
    days = (first + timedelta(days=number) for number in range((end - first).days))
    return sum(not any(one.is_at(day) for one in pauses) for day in days)


def _later(item: Any, items: Sequence[Any], own: Mapping[str, set[int]]) -> list[Any]:
    mine = own[item.recommendation_id]
    return [
        other
        for other in items
        if own[other.recommendation_id] & mine and _is_later(other, item) and was_in_force(other)
    ]


def was_in_force(item: Any) -> bool:
    """Whether it was for a day: what was taken back on its own day changed nothing."""
    return item.undone_on is None or item.undone_on > item.done_on + _ONE_DAY


def _is_later(one: Any, other: Any) -> bool:
    """Whether one change acts on what the other left."""
    first, second = sorted((one, other), key=lambda item: (item.done_on, item.recommendation_id))
    prices = [item.counterfactual in _BY_HOUR for item in (one, other)]
    are_alike = prices[0] == prices[1] or step_of(one.kind) == step_of(other.kind)
    if not are_alike and second.window_end <= first.done_on + _ONE_DAY:
        return prices[0]
    return one is not other and one is second


def _ends(item: Any, later: Any, own: Mapping[str, set[int]]) -> bool:
    step, next_step = step_of(item.kind), step_of(later.kind)
    if item.counterfactual == later.counterfactual == "commitment":
        return False
    if step is None or next_step is None or step == next_step:
        return True
    nothing_left = own[item.recommendation_id] <= own[later.recommendation_id]
    if next_step == Step.REMOVE:
        return nothing_left or item.counterfactual not in _BY_HOUR
    if next_step in _PRICES:
        return False
    if item.counterfactual == "commitment":
        return nothing_left and next_step != Step.SCHEDULE
    if later.counterfactual == "same_hours" or (item.counterfactual in _BY_HOUR and next_step == Step.SCHEDULE):
        return False
    return any(Decimal(hours) > 0 for name, (hours, _) in later.parts.items() if name in item.parts)


def hourly_before(item: Any) -> Decimal:
    """Cost of an hour without a commitment before the change; of any hour where commitments covered them all."""
    if item.covered_share >= 1 or item.uncovered_cost is None:
        return rate(item.effective_cost, item.quantity)
    return rate(item.uncovered_cost, item.quantity * (1 - item.covered_share))
