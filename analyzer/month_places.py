"""Where the days of a history lie in their months: the same day of every month, whatever its length.

Cases       The 29th, 30th or 31st is the last day of a month without it, so that the 31st is the end of every month.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    import numpy.typing as npt

MONTHS_END = 31
SHORTEST = 28
"""Days every month has."""


@dataclass(frozen=True)
class Places:
    """Where days lie in their months: the day of the month, and how many days it has."""

    day: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]

    def of(self, day: int) -> npt.NDArray[np.int64]:
        """Steps on that day of the month, or on the last of a month without it."""
        import numpy as np

        on = self.day == day
        if day > SHORTEST:
            on |= (self.day == self.length) & (self.length < day)
        found: npt.NDArray[np.int64] = np.flatnonzero(on)
        return found

    def candidates(self, steps: npt.NDArray[np.int64]) -> list[int]:
        """Days of the month that any of ``steps`` may be of."""
        days = set(self.day[steps].tolist())
        ends = self.length[steps][self.day[steps] == self.length[steps]]
        return sorted(days | set(range(int(ends.min()), MONTHS_END + 1)) if len(ends) else days)


@lru_cache(maxsize=256)
def places(first: date, length: int) -> Places:
    """Those of ``length`` days from ``first``."""
    import numpy as np

    days = np.datetime64(first, "D") + np.arange(length)
    months = days.astype("datetime64[M]")
    starts = months.astype("datetime64[D]")
    return Places(
        (days - starts).astype(np.int64) + 1, ((months + 1).astype("datetime64[D]") - starts).astype(np.int64)
    )
