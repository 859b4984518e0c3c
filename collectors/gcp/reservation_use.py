"""How much of a reservation is used, as Cloud Monitoring knows it: machine-hours of a day, and the most at once.

A listing says how many reserved machines run at its moment; whether some never do is known from their series alone.

*Method.* Hours of the last :data:`DAYS` whole days: means of what is reserved and used, and the most that was used.
A day is known where all of its hours are.

*Units.* Google counts machines of a reservation of machines, chips of one of TPUs. Where it says another number than
the listing does, what it counts are not the listing's machines, and it is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from collectors.days import midnight
from collectors.gcp import monitoring
from collectors.gcp.clients import GcpClients
from collectors.gcp.monitoring import Question, Series, Span

DAYS = 28
RESERVED = Question("compute.googleapis.com/reservation/reserved")
USED = Question("compute.googleapis.com/reservation/used")
MOST = Question("compute.googleapis.com/reservation/used", "ALIGN_MAX")
_HOUR = 3600
_HOURS_OF_A_DAY = 24
_ROUNDING = 1e-6

Day = dict[str, float]
"""Of a reservation: ``reserved_hours`` and ``used_hours`` of machines, ``used_most`` at once."""

ByDay = dict[str, dict[str, Day]]
"""By number of the reservation and day."""


def read(clients: GcpClients, project: str, now: datetime, errors: list[str]) -> ByDay:
    """Of all reservations of a project; what Google could not read is added to ``errors``."""
    end = midnight(now.date())
    span = Span(end - timedelta(days=DAYS), end, _HOUR)

    def series(asked: Question) -> Iterator[Series]:
        return monitoring.read(clients, project, asked, span, errors)

    return by_day(series(RESERVED), series(USED), series(MOST))


def by_day(reserved: Iterable[Series], used: Iterable[Series], most: Iterable[Series]) -> ByDay:
    """What three series of hours say of the days that have all of theirs."""
    held, ran, at_once = (_hours(one) for one in (reserved, used, most))
    found: ByDay = defaultdict(dict)
    for key, hours in held.items():
        told = (hours, ran.get(key, {}), at_once.get(key, {}))
        if all(len(one) == _HOURS_OF_A_DAY for one in told):
            name, day = key
            found[name][day] = {
                "reserved_hours": round(sum(told[0].values()), 6),
                "used_hours": round(sum(told[1].values()), 6),
                "used_most": round(max(told[2].values())),
            }
    return dict(found)


def counted(days: Mapping[str, Day], total: int) -> Mapping[str, Day]:
    """The days of a reservation of ``total`` machines where its series counts these; none where it counts other things.

    >>> counted({"2026-11-19": {"reserved_hours": 384.0, "used_hours": 0.0, "used_most": 0}}, total=4)
    {}
    """
    if not days or abs(days[max(days)]["reserved_hours"] - total * _HOURS_OF_A_DAY) > _ROUNDING:
        return {}
    return dict(sorted(days.items()))


def _hours(found: Iterable[Series]) -> dict[tuple[str, str], dict[datetime, float]]:
    """Values of hours by reservation and day."""
    hours: dict[tuple[str, str], dict[datetime, float]] = defaultdict(dict)
    for one in found:
        if name := one.labels.get("reservation_id"):
            for at, value in one.points.items():
                hours[name, f"{at.date()}"][at] = value
    return hours
