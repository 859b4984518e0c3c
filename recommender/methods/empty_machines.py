"""How many machines of a reservation stood empty in every hour of a day, by the bill's day and its hours.

Assumes
    The bill adds up the machine-hours that stood empty over the day, and says in which hours any did; of machines that
    ran in the reservation, in which hours each did.
Method
    Where those that ran are known: the size of the reservation, (empty + run machine-hours) ÷ 24, less the most that
    ran in one hour. Else of what stood empty in q machine-hours of T machines all but one hour may have been all
    of them: q − 23 T, and one at least, as some stood empty in each of the 24 hours.
Cases
    An hour in which nothing stood empty: none. A part of an hour run counts as the hour, so that less is called empty.
Known drawbacks
    Without the hours of those that ran, one is told where two of four always stood empty: given up one by one, what is
    left shows the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HOURS = 24
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Ran:
    """Machines that ran in a reservation on a day: machine-hours billed, and the most of them in one hour."""

    machine_hours: float
    most_at_once: int


def empty_all_day(empty_hours: float, in_hours: int, *, total: int | None = None, ran: Ran | None = None) -> int:
    """Machines that stood empty in every hour, at least.

    ``empty_hours`` machine-hours stood empty, in ``in_hours`` hours of the day; ``total`` is the reservation's size as
    listed, None unknown; ``ran`` None: nobody knows what ran in it.
    """
    if in_hours < HOURS:
        return 0
    if ran is not None:
        size = math.floor((empty_hours + ran.machine_hours) / HOURS + _ROUNDING)
        return max((size if total is None else min(size, total)) - ran.most_at_once, 0)
    if total is None:
        return 1
    return max(math.ceil(empty_hours - (HOURS - 1) * total - _ROUNDING), 1)
