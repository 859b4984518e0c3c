"""Which of the coverage the bill shows is a commitment's that was made: not that of commitments there were before.

Method
    Hours count that a commitment covers which was bought for the advice (``made_for.py``). Of coverage whose commitment
    the bill does not name, the hours beyond what was covered before count: more of them a day, and a larger share; less
    those beyond what was covered before a later advice about the same machines, which are that one's.
Cases
    None of either: nobody made the commitment, and nothing is saved.
Known drawbacks
    Coverage without a name that a commitment of before grew into (it was in part unused) counts as new, and where
    usage falls, the last advice loses it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exact_sum, rate
from recommender.ledger.billed import Line, sum_up
from recommender.ledger.made_for import MadeFor

SPLIT = (
    "Advice done on the same day could have bought the commitments that cover this; the bill does not tell which, so "
    "it is split by the sizes that were advised."
)
LATER_COUNTS_APART = (
    "The bill does not name the commitments that cover this: hours beyond those that were covered before a later "
    "commitment count with that one."
)
_NOTHING, _WHOLE, _ONE_DAY = Decimal(0), Decimal(1), timedelta(days=1)


@dataclass(frozen=True)
class NewCover:
    """Hours newly covered and their effective cost; ``unused`` is what new commitments left over.

    ``remarks`` say how it was told apart from other commitments, where the bill does not.
    """

    hours: Decimal
    cost: Decimal
    unused: Decimal
    remarks: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether the bill shows any commitment that was made."""
        return bool(self.hours or self.unused)


def new_cover(
    connection: Connection, item: Any, found: Sequence[Line], span: tuple[date, date], made: MadeFor
) -> NewCover:
    """What was bought for ``item`` covers of the lines, from the first day of ``span`` to before its last."""
    name = item.recommendation_id
    shares = [made.share(name, line) if line.covered else _NOTHING for line in found]
    named = [share if line.commitment_key else _NOTHING for line, share in zip(found, shares, strict=True)]
    hours, cost = _shared(found, named)
    more, more_cost, is_later = _without_name(item, found, shares, span, made)
    unused, is_split = _unused(connection, item, span, made)
    is_split |= any(0 < share < 1 for share in named) or (more > 0 and any(0 < share < 1 for share in shares))
    remarks = [*([SPLIT] if is_split else []), *([LATER_COUNTS_APART] if is_later else [])]
    return NewCover(exact_sum((hours, more)), exact_sum((cost, more_cost)), unused, tuple(remarks))


def _without_name(
    item: Any, found: Sequence[Line], shares: Sequence[Decimal], span: tuple[date, date], made: MadeFor
) -> tuple[Decimal, Decimal, bool]:
    """Hours and cost of cover without a name that is new since the item, and whether a later one has some of it."""
    later = made.later(item.recommendation_id)
    turns = {day for one in later for day in (one.item.done_on + _ONE_DAY, one.item.undone_on) if day is not None}
    cuts = sorted({*span, *(day for day in turns if span[0] < day < span[1])})
    hours = cost = _NOTHING
    is_later = False
    for start, stop in pairwise(cuts):
        ours = [(line, share) for line, share in zip(found, shares, strict=True) if start <= line.day < stop]
        lines, days = [line for line, _ in ours], (stop - start).days
        whole, paid = _covered(lines, [not line.commitment_key for line in lines])
        if not whole:
            continue
        theirs = max(
            (_beyond(one.item, lines, days, made, only=one.keys) for one in later if one.is_done(start - _ONE_DAY)),
            default=_NOTHING,
        )
        grown = max(_beyond(item, lines, days, made) - theirs, _NOTHING)
        part, _ = _shared(lines, [_NOTHING if line.commitment_key else share for line, share in ours])
        grown = rate(grown * part, whole)
        hours, cost = exact_sum((hours, grown)), exact_sum((cost, rate(paid * grown, whole)))
        is_later |= theirs > 0
    return hours, cost, is_later


def _beyond(item: Any, lines: Sequence[Line], days: int, made: MadeFor, only: frozenset[int] | None = None) -> Decimal:
    """Hours covered without a name beyond those covered before the item: a day, and as a share of those it ran.

    ``only`` some machines: what was covered a day of all it is about is known of these where they are all of them.
    """
    ours = [line for line in lines if only is None or line.resource_key in only]
    if not item.quantity or not item.days:
        return _NOTHING
    every = sum_up(ours)
    since, _ = _covered(ours, [made.is_since(line, item.done_on) for line in ours])
    unnamed, _ = _covered(ours, [not line.commitment_key for line in ours])
    before = rate(every.hours * item.covered_share, _WHOLE)
    if only is None or only <= {line.resource_key for line in lines}:
        before = max(before, rate(item.quantity * item.covered_share * days, Decimal(item.days)))
    return min(unnamed, max(every.covered_hours - since - before, _NOTHING))


def _shared(found: Sequence[Line], shares: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Hours that commitments cover and what they cost, of each line the share that is told."""
    hours = cost = _NOTHING
    for share in sorted({share for share in shares if share}):
        covered, paid = _covered(found, [one == share for one in shares])
        hours, cost = exact_sum((hours, rate(covered * share, _WHOLE))), exact_sum((cost, rate(paid * share, _WHOLE)))
    return hours, cost


def _covered(found: Sequence[Line], counts: Sequence[bool]) -> tuple[Decimal, Decimal]:
    """Hours that commitments cover on the lines that count, and what they cost."""
    own = sum_up(replace(line, covered=line.covered and one) for line, one in zip(found, counts, strict=True))
    return own.covered_hours, own.effective - own.uncovered


def _unused(connection: Connection, item: Any, span: tuple[date, date], made: MadeFor) -> tuple[Decimal, bool]:
    """What was bought for the item and left unused, and whether it is shared with others."""
    rows = connection.execute(
        text(_UNUSED), {"provider": item.provider, "currency": item.currency, "first": span[0], "end": span[1]}
    ).all()
    shares = [made.share_of_unused(item.recommendation_id, row.commitment_key, row.charge_date) for row in rows]
    whole = exact_sum(rate(row.cost * share, _WHOLE) for row, share in zip(rows, shares, strict=True))
    return whole, any(0 < share < 1 for share in shares)


_UNUSED = """
    SELECT c.commitment_key, c.charge_date, sum(c.effective_cost) AS cost
    FROM charge c JOIN charge_kind k USING (charge_kind_key) JOIN commitment m USING (commitment_key)
    WHERE m.provider = :provider AND k.commitment_discount_status = 'Unused' AND k.billing_currency = :currency
      AND c.charge_date >= :first AND c.charge_date < :end AND c.effective_cost IS NOT NULL
    GROUP BY c.commitment_key, c.charge_date
    ORDER BY c.commitment_key, c.charge_date"""
