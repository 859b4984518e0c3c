"""What the watch found: days out of the ordinary, in one cut."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from analyzer.anomaly_drivers import Drivers

Kind = Literal["rise", "drop", "drift", "new", "rate"]


@dataclass(frozen=True)
class Found:
    """Days out of the ordinary; money in ``currency``, ``impact`` = ``actual`` − ``expected``.

    ``distance`` in robust scales, None where there is no scale; ``lasting`` when the last day known still was so.
    ``is_expected`` where a person has called a day of it so: then it ends there, whatever it costs from there on.
    """

    kind: Kind
    cut: str
    value: str | None
    currency: str
    first: date
    last: date
    lasting: bool
    actual: Decimal
    expected: Decimal
    distance: float | None
    drivers: Drivers | None = None
    is_expected: bool = False

    @property
    def impact(self) -> Decimal:
        """What it cost more than expected; negative where less."""
        return self.actual - self.expected

    @property
    def downwards(self) -> bool:
        """Whether it cost less."""
        return self.kind == "drop"

    @property
    def behind(self) -> Drivers | None:
        """Its drivers, where what they add up to went the way it did: against the weeks before, not against a trend."""
        return self.drivers if self.drivers is not None and self.drivers.total * self.impact > 0 else None

    def overlaps(self, other: Found) -> bool:
        """Whether they are of one currency and share a day."""
        return self.currency == other.currency and self.first <= other.last and other.first <= self.last
