"""What a change left of the price of an hour where the next one came before any bill: which part of both is whose.

Assumes
    A size, and fewer or other machines, leave an hour at the price their list prices stand in; a schedule leaves the
    price of the hours that run.
Method
    *A schedule* acts on what an hour costs since. *A price* (spot, a commitment, another place) is both changes in
    one: after a size the list price an hour of what runs since, over that of what ran before, is the size's part.
    Where the bill has no list price of it above what was paid, or it is no size, each has as much of what was saved
    as of what was promised, the later one of what the earlier was to leave.
    Of several resources the part counts that the earlier change is about as well.
Cases
    Nothing ran since: nothing is known to be left, so all of it is the schedule's. Nothing was promised: all of it is
    the later one's.
Known drawbacks
    Discounts on the list price are taken to be the same before and after the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from aispend.money import exact_sum, rate
from recommender.contract import HOURS_PER_MONTH, Step
from recommender.ledger.baseline import step_of
from recommender.ledger.billed import Billed, Line, sum_up
from recommender.ledger.order import Earlier, hourly_of, share_of

_WHOLE, _NOTHING = Decimal(1), Decimal(0)
_SIZES = (Step.SIZE, Step.MODEL)
_LISTED = (Step.SPOT, Step.COMMIT)


def left_of(item: Any, after: Sequence[Earlier], found: Sequence[Line], ratio: Decimal) -> Decimal:
    """The part of the price before ``item`` that it acted on, by the lines since; 1 where nothing was done before it.

    ``ratio`` is the provider's list price of what it was, since over before.
    """
    left = _WHOLE
    for one in after:
        part = _left_by(item, one, found, ratio)
        share = share_of(item, one.names)
        left = rate(left * (1 - share + share * part), _WHOLE)
        if step_of(item.kind) is Step.SCHEDULE and part != _WHOLE:
            # what an hour costs since has all of them in it
            return left
    return left


def _left_by(item: Any, one: Earlier, found: Sequence[Line], ratio: Decimal) -> Decimal:
    billed = sum_up(line for line in found if line.resource_key in one.keys)
    before = rate(hourly_of(item, one.names) * ratio, _WHOLE)
    now = _hourly(billed)
    if now is None or not before:
        return _WHOLE
    if step_of(item.kind) is Step.SCHEDULE:
        return rate(now, before)
    listed = billed.list_cost
    if step_of(one.item.kind) in _SIZES and step_of(item.kind) in _LISTED and listed and one.item.list_price:
        since = rate(listed, billed.hours)
        if since > now:
            return rate(since, one.item.list_price * ratio)
    return _by_promises(item, one.item, rate(now, before))


def _by_promises(item: Any, earlier: Any, both: Decimal) -> Decimal:
    """What the earlier left where ``both`` left that part of the price: each saved as much of what it promised."""
    first, second = _promised(earlier), _promised(item)
    whole = exact_sum((first, rate((1 - first) * second, _WHOLE)))
    return 1 - rate((1 - both) * first, whole) if whole else _WHOLE


def _promised(item: Any) -> Decimal:
    """The part (0 to 1) of its cost before that a change promised to save."""
    if item.predicted_net is None or not item.effective_cost:
        return _NOTHING
    monthly = rate(item.effective_cost * HOURS_PER_MONTH, Decimal(24 * item.days))
    return min(max(rate(item.predicted_net, monthly), _NOTHING), _WHOLE)


def _hourly(billed: Billed) -> Decimal | None:
    """What an hour without a commitment costs, or any hour where all are covered; None where none ran."""
    open_hours = billed.hours - billed.covered_hours
    if open_hours:
        return rate(billed.uncovered, open_hours)
    return rate(billed.effective, billed.hours) if billed.hours else None
