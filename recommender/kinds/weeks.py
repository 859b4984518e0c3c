"""A service's hours on its own clock: when it worked, when it was paid for, and how long a start of it takes."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

import numpy as np

from aispend.advising import Recommend
from aispend.sizing import Schedule
from aispend.tag_keys import tag_values
from recommender.methods.model_shapes import served_model
from recommender.methods.schedule import HOURS_PER_WEEK, Hours, LocalHours, Series, local_hours
from recommender.subjects.services import Service


@dataclass(frozen=True)
class Weeks:
    """By hour of the zone's clock: largest load (NaN unknown, or before it existed), machines that ran (a part of the
    hour counts as that part; no more than run today), hour of the local week.

    ``measured_until`` is the end of the newest hour in which something ran and was measured.
    """

    load: Series
    running: Series
    clock: LocalHours
    zone: str
    coverage: float
    measured_until: datetime | None

    @property
    def week_hours(self) -> Hours:
        """Hour of the local week of each."""
        return self.clock.week_hours

    def since_known(self) -> Weeks:
        """The same from the first day of which anything is known."""
        first = int(np.argmax(~np.isnan(self.load))) // 24 * 24
        clock = LocalHours(self.clock.week_hours[first:], self.clock.own[first:], self.clock.after[first:])
        return replace(self, load=self.load[first:], running=self.running[first:], clock=clock)

    @property
    def billed(self) -> Series:
        """Machines that ran in each hour of the local week, on average."""
        known = ~np.isnan(self.running)
        total = np.bincount(self.week_hours[known], self.running[known], minlength=HOURS_PER_WEEK)
        seen = np.bincount(self.week_hours[known], minlength=HOURS_PER_WEEK)
        return np.asarray(total / np.maximum(seen, 1))


def weeks_of(service: Service, options: Schedule, *, requests: bool = True) -> Weeks:
    """The hours of the window on the service's clock; with ``requests``, one that came is work."""
    zone = zone_of(service, options)
    measured_load = service.demand("load_max")
    load = measured_load.copy()
    if requests and service.use is not None:
        # a request is work, however little of it the accelerators show
        load = np.where(service.use.asked, np.fmax(load, 2 * options.active), load)
    ran = service.machines_running()
    measured = np.sum([~np.isnan(member.load_max) for member in service.members], axis=0).astype(float)
    # what has ended beside those of today is paid for no longer
    running = np.minimum(np.where(np.isnan(ran), measured, ran), len(service.current))
    begun = datetime.combine(service.first_seen, time(), UTC)
    before = max(int((begun - service.start).total_seconds() // 3600), 0)
    load[:before] = running[:before] = np.nan
    paid = running > 0
    coverage = float((~np.isnan(measured_load[paid])).mean()) if paid.any() else 0.0
    known = np.flatnonzero(~np.isnan(load) & paid)
    clock = _clock(service.start, load.size, zone)
    return Weeks(
        load=clock.largest(load),
        running=clock.mean(running),
        clock=clock,
        zone=zone,
        coverage=coverage,
        measured_until=service.start + timedelta(hours=int(known[-1]) + 1) if known.size else None,
    )


@lru_cache(maxsize=64)
def _clock(start: datetime, hours: int, zone: str) -> LocalHours:
    """Asked for every service with the same answer; read-only, as all of them share it."""
    found = local_hours(start, hours, zone)
    for part in (found.week_hours, found.own, found.after):
        part.flags.writeable = False
    return found


def zone_of(service: Service, options: Schedule) -> str:
    """Whose clock it follows: the first of the settings that fits its team and tags, else the company's."""
    for rule in options.local:
        fits_team = fnmatch.fnmatchcase((service.team or "").lower(), rule.team.lower())
        if fits_team and all(
            any(fnmatch.fnmatchcase(value.lower(), glob.lower()) for value in tag_values(service.tags, key) or [""])
            for key, glob in rule.tags.items()
        ):
            return rule.timezone
    return options.timezone


def start_hours(service: Service, settings: Recommend) -> float:
    """Hours from a cold start to the first answer: machine, image, and weights, or all that is held, read at a rate."""
    options = settings.schedule
    model = served_model(service.model, settings.optimize_model.models)
    held = service.demand("memory")
    most = float(np.fmax.reduce(held, initial=0.0)) / max(len(service.current), 1)
    gigabytes = (model.weight_bytes if model else most) / 1e9
    return (options.node_minutes + options.image_minutes) / 60 + gigabytes / options.weights_gb_per_second / 3600
