"""The thirteen months the company has lived through, hour by hour, and what its days look like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from aispend.clock import month_of, next_month

Hours = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MONTHS = 13
TELEMETRY_DAYS = 60
"""Days of utilization kept; the younger half in five-minute samples, the older half hourly."""
FINE_DAYS = 30


@dataclass(frozen=True)
class Timeline:
    """Hours are counted from midnight UTC of the first day; the last hour ends as ``today`` begins."""

    today: date

    @cached_property
    def months(self) -> tuple[date, ...]:
        """First days of the thirteen billing months, the last one the month of yesterday."""
        month = month_of(self.today - timedelta(days=1))
        for _ in range(MONTHS - 1):
            month = month_of(month - timedelta(days=1))
        months = [month]
        while len(months) < MONTHS:
            months.append(next_month(months[-1]))
        return tuple(months)

    @property
    def first(self) -> date:
        """The first day."""
        return self.months[0]

    @property
    def days(self) -> int:
        """Number of whole days."""
        return (self.today - self.first).days

    @property
    def hours(self) -> int:
        """Number of hours."""
        return self.days * 24

    def day_ago(self, days: int) -> int:
        """The hour at which the day ``days`` before today began (0 at the earliest)."""
        return max(0, self.days - days) * 24

    def month_start(self, month: int) -> int:
        """The first hour of a month by its number, 0 to 12; 13 gives the end of everything."""
        return self.hours if month >= MONTHS else (self.months[month] - self.first).days * 24

    @cached_property
    def month_of_hour(self) -> Hours:
        """Number of the month each hour lies in."""
        starts = [self.month_start(month) for month in range(MONTHS)]
        return np.searchsorted(np.array(starts), np.arange(self.hours), side="right").astype(np.int64) - 1

    def at(self, hour: int) -> datetime:
        """The instant an hour begins, naive UTC."""
        return datetime(self.first.year, self.first.month, self.first.day) + timedelta(hours=hour)  # noqa: DTZ001

    def date(self, day: int) -> date:
        """The date of a day by its number."""
        return self.first + timedelta(days=day)

    def stamps(self, hours: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
        """Millisecond timestamps of hour numbers."""
        origin = np.datetime64(self.first.isoformat(), "ms")
        result: npt.NDArray[np.datetime64] = origin + hours.astype("timedelta64[h]")
        return result

    @cached_property
    def _calendar(self) -> tuple[Hours, Hours, Floats]:
        days = np.arange(self.days)
        weekday = (days + self.first.weekday()) % 7
        dates = [self.date(int(day)) for day in days]
        # Between Christmas and New Year customers buy little and nobody trains anything.
        quiet = np.array([0.55 if (d.month, d.day) >= (12, 24) or (d.month, d.day) <= (1, 2) else 1.0 for d in dates])
        return np.tile(np.arange(24), self.days), np.repeat(weekday, 24), np.repeat(quiet, 24)

    def demand(
        self, rng: np.random.Generator, *, peak_hour: int, weekend: float, growth: float, swing: float
    ) -> Floats:
        """A service's demand by hour, about 1 on an average hour of the last month.

        ``swing`` is how far day and night lie apart (0 to 1), ``weekend`` the level of Saturday and Sunday,
        ``growth`` the level thirteen months ago.
        """
        hour, weekday, quiet = self._calendar
        day_shape = 1 + swing * np.cos((hour - peak_hour) / 24 * 2 * np.pi)
        week_shape = np.where(weekday >= 5, weekend, 1.0)
        trend = growth + (1 - growth) * np.arange(self.hours) / self.hours
        noise = rng.lognormal(0, 0.08, self.hours)
        result: Floats = day_shape * week_shape * quiet * trend * noise
        return result
