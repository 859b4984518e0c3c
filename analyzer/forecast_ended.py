"""Whether a series has ended, or is merely charged now and then.

Assumes     Costs day by day, up to the last day that is surely whole.
Method      It has ended once it was silent for more than a week longer than it ever was between two charges. Then no
            usage is expected any more, whatever its trend was; with the next charge it goes on as before.
Cases       Charged daily: from the eighth quiet day on. A weekly job: once it was left out twice. A monthly one: from
            a week after the longest month. A single charge has no pause of its own: from the eighth quiet day on.
Drawbacks   What comes every few months is taken to have ended between its first two times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.forecast_members import Floats


def silent_steps(usage: Floats, season: int) -> int | None:
    """Steps since the last charge of a series that has ended; None where it has not, or was never charged."""
    import numpy as np

    charged = np.flatnonzero(usage)
    if not len(charged):
        return None
    silent = len(usage) - 1 - int(charged[-1])
    longest = int(np.diff(charged).max()) - 1 if len(charged) > 1 else 0
    return silent if silent > longest + season else None
