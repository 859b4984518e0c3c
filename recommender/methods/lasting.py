"""The most to commit to of what still runs: what has ended, or fell, is not committed to.

Assumes     what is gone since the last week, or since two days, stays gone; what comes back is committed to then.
Method      No more than the best commitment on the last seven days; and where the most of the last two days is below
            that of the same two days a week before, no more than it is now.
Cases       A weekend is as the last one, and takes nothing away. A bill that lacks its newest day takes nothing away
            either: the day before is among the two. Less than nine days: only the last seven are looked at.
Drawbacks   After a holiday, or an outage of two days, nothing is advised for some days. Usage that changes by the month
            looks ended from its first quiet days on.

Source: none; a commitment cannot be given back, and a week later it can still be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from recommender.methods.commitment import best_commitment

WEEK = 7 * 24
NEWEST = 2 * 24
"""Hours that say what runs now."""


def most_that_lasts(usage: Sequence[Decimal], committed_rate: Decimal) -> Decimal:
    """On-demand money an hour that what runs now would still use, of the hours of ``usage``, oldest first."""
    covers = best_commitment(usage[-WEEK:], committed_rate).covers
    before, now = usage[-WEEK - NEWEST : -WEEK], usage[-NEWEST:]
    return min(covers, max(now)) if before and max(now) < max(before) else covers
