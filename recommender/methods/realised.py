"""What a change really saved: what the same would have cost, less what it did, less what others did.

Assumes
    An hour (or a token) would have gone on costing what it did on average before, but for the provider's list price.
Method
    *Change in cost*: quantity after × unit cost before − cost after. It has four parts that add up to it exactly:
    *price*: what the list price of the old thing did since, on the part no commitment covered;
    *commitments*: cost they covered before and no longer do, which is paid in any case, and cost they cover now
    beyond the share they covered before, which somebody else's hours lack;
    *floor*: what a spend agreement takes in all the same;
    *realised*: the rest: quantity × uncovered unit cost at today's list price − what is paid after, held at the
    share commitments covered before.
    For a commitment itself the hours it newly covers are the saving, at the cost of an hour without one before; what it
    leaves unused is a cost, and what other commitments cover is theirs.
Cases
    All of it covered before: nothing is realised. All of it covered after: what it would have cost is its list cost at
    the discount before; unknown where the bill gives no list cost. A list price nobody knows: its part is unknown, and
    in what is realised.
Sources
    methods, combining savings, ranges, feedback (counterfactual); docs/advice.md, verified savings.
Known drawbacks
    Discounts that change are told from list prices that change only where the bill gives list cost. Load that
    would have fallen in any case counts as saved for what is stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from aispend.money import exact_sum, exactly, rate

_SAME_PRICE = Decimal("0.000001")
"""List prices are ratios of rounded sums: closer than this they are the same."""
_NOTHING = Decimal(0)
_ONE = Decimal(1)


@dataclass(frozen=True)
class Before:
    """The baseline: quantity and its cost; ``uncovered_list`` is the list cost of the part no commitment covered.

    ``hourly``: what an hour (or a token) costs without a commitment, where these days do not say and others do.
    """

    quantity: Decimal
    effective: Decimal
    uncovered: Decimal
    covered_share: Decimal
    uncovered_list: Decimal | None = None
    hourly: Decimal | None = None


@dataclass(frozen=True)
class After:
    """What the bill shows of the time since; ``list_cost`` of all of it, ``unused`` what a new commitment left over.

    ``newly_covered`` are the hours that commitments cover which were made, at ``newly_covered_cost``.
    """

    effective: Decimal
    uncovered: Decimal
    covered_share: Decimal
    list_cost: Decimal | None = None
    unused: Decimal = _NOTHING
    newly_covered: Decimal = _NOTHING
    newly_covered_cost: Decimal = _NOTHING


@dataclass(frozen=True)
class Realised:
    """The change in cost and its parts; ``realised`` is what is left of it. Money of one currency."""

    counterfactual: Decimal
    actual: Decimal
    price_effect: Decimal | None
    commitment_effect: Decimal | None
    realised: Decimal | None

    @property
    def change(self) -> Decimal:
        """Cost there would have been, less cost there is."""
        return exact_sum((self.counterfactual, -self.actual))


def price_ratio(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    """List price after over before; exactly 1 where they are the same but for rounding, None where one is unknown."""
    if before is None or after is None or before <= 0:
        return None
    ratio = rate(after, before)
    return _ONE if abs(ratio - 1) < _SAME_PRICE else ratio


def realised(
    before: Before, after: After, quantity: Decimal, ratio: Decimal | None, *, is_commitment: bool = False
) -> Realised:
    """The parts of the change in cost where ``quantity`` would have been paid for; ``before.quantity`` is not zero.

    ``ratio`` is the list price after over before, None unknown.
    """
    with exactly():
        actual = after.effective + after.unused
    whole = rate(before.effective * quantity, before.quantity)
    open_part = rate(before.uncovered * quantity, before.quantity)
    if is_commitment:
        return _of_commitment(before, after, whole, actual, ratio)
    price = None if ratio is None else rate(open_part * (1 - ratio), _ONE)
    paid = _at_same_coverage(before, after)
    if paid is None:
        return Realised(whole, actual, price, None, None)
    saved = exact_sum((open_part, -(price or _NOTHING), -paid))
    # the rest of the change, so that all parts add up to it to the last digit
    commitments = exact_sum((whole, -actual, -(price or _NOTHING), -saved))
    return Realised(whole, actual, price, commitments, saved)


def _of_commitment(before: Before, after: After, whole: Decimal, actual: Decimal, ratio: Decimal | None) -> Realised:
    """Hours newly covered at the cost of one without a commitment before, less theirs.

    Where all were covered it is what ``hourly`` says, else the cost of any.

    ``unused`` is paid for nothing and so counts against it; all else that commitments cover is their own part.
    """
    if before.hourly is not None:
        cost, hours = before.hourly, _ONE
    elif before.covered_share >= 1:
        cost, hours = before.effective, before.quantity
    else:
        cost, hours = before.uncovered, rate(before.quantity * (1 - before.covered_share), _ONE)
    same_price = rate(cost * after.newly_covered, hours)
    price = None if ratio is None else rate(same_price * (1 - ratio), _ONE)
    saved = exact_sum((same_price, -(price or _NOTHING), -after.newly_covered_cost, -after.unused))
    return Realised(whole, actual, price, exact_sum((whole, -actual, -(price or _NOTHING), -saved)), saved)


def _at_same_coverage(before: Before, after: After) -> Decimal | None:
    """What would be paid after if commitments covered the share they did before; None unknown."""
    if before.covered_share >= 1 or not after.effective:
        return _NOTHING
    if after.covered_share < 1:
        if after.covered_share == before.covered_share:
            return after.uncovered
        return rate(after.uncovered * (1 - before.covered_share), 1 - after.covered_share)
    if after.list_cost is None or not before.uncovered_list:
        return None
    discounted = rate(after.list_cost * before.uncovered, before.uncovered_list)
    return rate(discounted * (1 - before.covered_share), _ONE)


def below_floor(saved: list[Decimal], shortfall: Decimal) -> list[Decimal]:
    """The part of each saving that only makes the shortfall of a spend agreement larger, and so is paid all the same.

    In proportion to the savings, all of them where the shortfall is at least their sum. What is no saving has none.
    """
    total = exact_sum(amount for amount in saved if amount > 0)
    if total <= 0 or shortfall <= 0:
        return [_NOTHING] * len(saved)
    if shortfall >= total:
        return [max(amount, _NOTHING) for amount in saved]
    return [rate(amount * shortfall, total) if amount > 0 else _NOTHING for amount in saved]
