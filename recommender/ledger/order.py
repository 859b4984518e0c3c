"""What a later change does to the line of an earlier one: ends it, takes its own part out of it, or nothing.

Assumes
    What was done first acts on the cost there was; what was done later on the cost that it left.
Method
    Of two changes the later one is the one done later; of one day that which comes later in the order of savings, and a
    removal last. A commitment acts on the hours that are left, where it is measured on days before both.
    A line ends with a later change of the same step, or with the removal of what it is about: nothing is left to
    save on. But a price by the hour goes on beside another one, and a schedule beside one measured since. A price for
    the same hours (a commitment, spot) ends no change of usage. Where a later change makes an hour cost less, the
    earlier line is held at the cost of an hour before it, so that its saving counts once (``Held``).
    Where a later schedule takes hours away, they count with the earlier price all the same (``Off``): the schedule
    saves only what an hour costs since. What has no day of its own to measure between two is in ``left.py``.
Cases
    A commitment's or a price's line outlives the removal of some of its resources, as it counts the hours that are
    left. Another commitment ends none: each counts what its own covers (``made_for.py``). What a commitment covers and
    is changed later counts with it until that day. Fewer machines for a service after a schedule, or measured on the
    same days as one, end the line of what still ran then: the same hours would count twice.
    What was taken back ends no line: the earlier one counts no day on which it was in force, and goes on after.
Sources
    docs/advice.md, verified savings; methods, combining savings, ranges, feedback.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from aispend.money import exact_sum, rate
from recommender.contract import Step
from recommender.ledger.baseline import step_of
from recommender.ledger.owned import Owned

_PRICES = (Step.SPOT, Step.COMMIT)
_BY_HOUR = ("same_hours", "commitment")
_ONE_DAY = timedelta(days=1)
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Earlier:
    """A change that another acts on what it left, though no bill was between them.

    ``keys`` are what it changed, ``names`` the ids of what both did.
    """

    item: Any
    keys: frozenset[int]
    names: frozenset[str]


@dataclass(frozen=True)
class Held:
    """Resources that cost ``hourly`` without a commitment before they were changed again; counted so after ``since``.

    ``hourly`` None: they count no longer. ``until`` is the day the change was taken back, None where it was not;
    ``is_pause``: between the two nothing of the line counts. ``change`` is what changed them, and ``after`` what was
    done before that with no bill between.
    """

    since: date
    keys: frozenset[int]
    hourly: Decimal | None
    kind: str
    until: date | None = None
    is_pause: bool = False
    change: Any = None
    after: tuple[Earlier, ...] = ()

    def is_at(self, day: date) -> bool:
        """Whether the change was in force on that day."""
        return self.since < day and (self.until is None or day < self.until)


@dataclass(frozen=True)
class Off:
    """Resources that a later schedule takes hours from, of ``hours`` a day; counted so from ``first`` to ``until``.

    ``longest`` are the hours a day of the one that ran longest.
    """

    first: date
    until: date | None
    keys: frozenset[int]
    hours: Decimal
    longest: Decimal
    kind: str

    def days(self, first: date, end: date) -> int:
        """How many days of a span it was in force."""
        return max((min(end, self.until or end) - max(first, self.first)).days, 0)

    def is_at(self, day: date) -> bool:
        """Whether it was in force on that day."""
        return self.first <= day and (self.until is None or day < self.until)


@dataclass(frozen=True)
class Changes:
    """What other changes do to a line: later ones that are ``held`` out of it or take hours ``off``, and what was done
    just before it, ``after`` which it acted."""

    held: tuple[Held, ...] = ()
    off: tuple[Off, ...] = ()
    after: tuple[Earlier, ...] = ()


def changes_beside(item: Any, owned: Owned) -> Changes:
    """All that others do to the line of ``item``."""
    return Changes(
        tuple(_held_after(item, owned)),
        tuple(_off_after(item, owned)),
        tuple(_left_by(item, owned)),
    )


def superseded_on(item: Any, owned: Owned) -> date | None:
    """Day of the change that ends the line of ``item``; None is none yet."""
    later = [one for one in _later(item, owned) if one.undone_on is None]
    return min((one.done_on for one in later if is_ended_by(item, one, owned)), default=None)


def _held_after(item: Any, owned: Owned) -> list[Held]:
    """What later changes that do not end the line of ``item`` take out of it, the earliest first."""
    found: list[Held] = []
    for later in _later(item, owned):
        if is_ended_by(item, later, owned):
            if later.undone_on is not None:
                found.append(Held(later.done_on, frozenset(), None, later.kind, later.undone_on, is_pause=True))
            continue
        # held once, a resource stays at that price whatever is changed next
        shared = owned.shared(item, later)
        keys = shared.difference(*(one.keys for one in found))
        if item.counterfactual == "commitment":
            if step_of(later.kind) in (Step.SIZE, Step.MODEL, Step.PLACE):
                found.append(Held(later.done_on, frozenset(keys), None, later.kind, later.undone_on))
        elif later.counterfactual == "same_hours" and _is_known_in(item.currency, later):
            # of what took the place of more machines than these, only a schedule knows how much is theirs
            is_all = shared == owned.of(later) or step_of(item.kind) is Step.SCHEDULE
            both = frozenset(keys | owned.replaced[later.recommendation_id]) if is_all else frozenset(keys)
            hourly = hourly_of(later, owned.names_of(shared))
            after = tuple(_left_by(later, owned))
            found.append(Held(later.done_on, both, hourly, later.kind, later.undone_on, change=later, after=after))
    return found


def days_counted(held: Sequence[Held], first: date, end: date) -> int:
    """Days from ``first`` to before ``end`` that no change which was taken back later had for itself."""
    pauses = [one for one in held if one.is_pause]
    days = (first + timedelta(days=number) for number in range((end - first).days))
    return sum(not any(one.is_at(day) for one in pauses) for day in days)


def _off_after(item: Any, owned: Owned) -> list[Off]:
    """The later schedules that take hours from what ``item`` made cheaper; nothing where it is held against none."""
    if item.counterfactual not in ("same_hours", "same_service") and step_of(item.kind) is not Step.SCHEDULE:
        return []
    found: list[Off] = []
    for later in _later(item, owned):
        is_schedule = step_of(later.kind) is Step.SCHEDULE and later.counterfactual == "kept_running"
        if not is_schedule or not later.days or is_ended_by(item, later, owned):
            continue
        ends = (later.undone_on, later.planned_end, superseded_on(later, owned))
        until = min((day for day in ends if day is not None), default=None)
        first, shared = later.done_on + _ONE_DAY, owned.shared(item, later)
        for one in found:
            # the hours that the one before it left out are of both
            if one.until is None:
                shared = shared - one.keys
            elif one.keys & shared:
                first = max(first, one.until)
        if not shared:
            continue
        keys = frozenset(shared | owned.replaced[later.recommendation_id])
        ran = [Decimal(later.parts[name][0]) for name in sorted(owned.names_of(shared))]
        hours, longest = (rate(one, Decimal(later.days)) for one in (exact_sum(ran), max(ran)))
        found.append(Off(first, until, keys, hours, longest, later.kind))
    return found


def _left_by(item: Any, owned: Owned) -> list[Earlier]:
    """What changed the price of an hour before ``item`` and after the days that this was measured on."""
    if item.counterfactual not in _BY_HOUR and step_of(item.kind) is not Step.SCHEDULE:
        return []
    return [
        Earlier(other, frozenset(owned.with_later(other)), owned.names_of(owned.shared(other, item)))
        for other in owned.acted_on_by(item)
        if other.counterfactual in ("same_hours", "same_service")
        and _is_known_in(item.currency, other)
        and other.undone_on is None
        and is_together(item, other)
        and is_later(item, other)
        and not is_ended_by(other, item, owned)
    ]


def _is_known_in(currency: str, item: Any) -> bool:
    """Whether it is known what an hour cost before it, in this currency."""
    return bool(item.quantity and item.effective_cost is not None and item.currency == currency)


def is_together(item: Any, earlier: Any) -> bool:
    """Whether what ``item`` cost before is of days before the earlier change too."""
    return bool(item.window_end <= earlier.done_on + _ONE_DAY)


def _later(item: Any, owned: Owned) -> list[Any]:
    found = (other for other in owned.acting_on(item) if is_later(other, item) and was_in_force(other))
    return sorted(found, key=_turn)


def was_in_force(item: Any) -> bool:
    """Whether it was for a day: what was taken back on its own day changed nothing."""
    return item.undone_on is None or item.undone_on > item.done_on + _ONE_DAY


def is_later(one: Any, other: Any) -> bool:
    """Whether one change acts on what the other left."""
    first, second = sorted((one, other), key=_turn)
    kinds = {one.counterfactual, other.counterfactual}
    if "commitment" in kinds and not kinds <= {*_BY_HOUR} and is_together(second, first):
        return bool(one.counterfactual == "commitment")
    return one is not other and one is second


def _turn(item: Any) -> tuple[date, bool, Step, str]:
    step = step_of(item.kind)
    last = Step.PLACE if step is None else step
    return item.done_on, step is Step.REMOVE, last, item.recommendation_id


def _part_of(item: Any, names: Collection[str]) -> tuple[Decimal, Decimal]:
    """Hours before and their cost, of some of its resources."""
    parts = [part for name, part in item.parts.items() if name in names]
    return exact_sum(Decimal(hours) for hours, _ in parts), exact_sum(Decimal(cost) for _, cost in parts)


def share_of(item: Any, names: Collection[str]) -> Decimal:
    """The part (0 to 1) of its cost before that some of its resources had."""
    whole = _part_of(item, item.parts)[1]
    return rate(_part_of(item, names)[1], whole) if whole else _NOTHING


def is_ended_by(item: Any, later: Any, owned: Owned) -> bool:
    """Whether a later change ends the line of ``item`` while it is in force."""
    step, next_step = step_of(item.kind), step_of(later.kind)
    if item.counterfactual == later.counterfactual == "commitment":
        return False
    if step is None or next_step is None:
        return True
    if step == next_step:
        return not _goes_on(item, later)
    nothing_left = owned.is_all_of(item, later)
    if next_step == Step.REMOVE:
        return nothing_left or item.counterfactual not in _BY_HOUR
    if next_step in _PRICES:
        return False
    if item.counterfactual == "commitment":
        return nothing_left and next_step != Step.SCHEDULE
    if later.counterfactual == "same_hours" or (item.counterfactual in _BY_HOUR and next_step == Step.SCHEDULE):
        return False
    if item.counterfactual == "same_service" and next_step == Step.SCHEDULE and not is_together(later, item):
        return False
    return any(Decimal(hours) > 0 for name, (hours, _) in later.parts.items() if name in item.parts)


def _goes_on(item: Any, later: Any) -> bool:
    """Whether a change goes on beside a later one of its step: one of an hour's price, or of hours measured since."""
    kinds = {item.counterfactual, later.counterfactual}
    is_schedule = step_of(item.kind) is Step.SCHEDULE
    return kinds == {"same_hours"} or (is_schedule and kinds == {"kept_running"} and not is_together(later, item))


def hourly_before(item: Any) -> Decimal:
    """Cost of an hour without a commitment before the change; of any hour where commitments covered them all."""
    if item.covered_share >= 1 or item.uncovered_cost is None:
        return rate(item.effective_cost, item.quantity)
    return rate(item.uncovered_cost, item.quantity * (1 - item.covered_share))


def hourly_of(item: Any, names: Collection[str]) -> Decimal:
    """The same of some of its resources, by what their hours cost beside the others'."""
    hours, cost = _part_of(item, names)
    whole = hourly_before(item)
    if (hours, cost) == _part_of(item, item.parts) or not hours or not item.effective_cost:
        return whole
    return rate(whole * cost * item.quantity, hours * item.effective_cost)
