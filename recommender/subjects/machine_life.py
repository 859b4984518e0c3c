"""When machines were deployed, stopped and started again, and how their jobs ended.

Assumes
    A listing that names a thing for the first time says nothing of when it was deployed; its launch does, and a
    change of what it runs (machine type, model or configuration; not how many) that a later listing shows.
Method
    *Deployed*: the later of the first launch seen and the newest such change. Where no launch is known and the listing
    tells when a machine was made (Azure's does), that is its launch.
    *Stopped and started again*: lives that ended, and those of them that another of the same machine followed within
    seven days, added up over all machines of a platform. Only lives whose end an event named count, and none of a
    machine that was stopped and started again three times in a fortnight: it is off by the clock.
    *Jobs*: workloads with an outcome on the machine; one that was retried and then succeeded has shown that it resumes.
Cases
    No listing, event or workload records: None, which is unknown.
Known drawbacks
    A retry after a failure of the job itself counts as an interruption survived: both begin again from what was saved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

from sqlalchemy import Connection, Numeric, cast, func, select

from aispend.schema import resource_history, resource_life
from aispend.store.telemetry import resolved_workload_hours
from recommender.subjects.storage import instant

_SAY_WHEN_MADE = frozenset({"azure_vm"})
"""Kinds of listings that say when a machine was made, where no event tells its launch."""

REGRETTED_WITHIN = timedelta(days=7)
_OFTEN_WITHIN = timedelta(days=14)
"""Three stops in this time, each started again, are a rule and no regret."""


@dataclass(frozen=True)
class Life:
    """What is known of one machine; ``details`` and ``state`` as its newest listing gave them.

    ``launched_at`` is its first launch: where it is ``deployed_at``, nothing on it was changed since.
    """

    deployed_at: datetime | None = None
    kind: str | None = None
    state: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    launched_at: datetime | None = None

    @property
    def tags(self) -> dict[str, str]:
        """What its listing says it is tagged with; a bill has only the tags that somebody chose for it."""
        return {str(key): str(value) for key, value in (self.details.get("tags") or {}).items()}


@dataclass(frozen=True)
class Jobs:
    """Jobs of the window: how many ran, were retried, and were retried and then succeeded; hours of the longest."""

    ran: int
    retried: int
    resumed: int
    longest_hours: float


def load_lives(connection: Connection) -> dict[int, Life]:
    """By resource key, of everything a listing or an event names, as it is now: bills and what is said from them end
    days before."""
    life = resource_life.c
    first_launches = connection.execute(
        select(life.resource_key, func.min(life.started_at).label("at"))
        .where(life.method != "billed")
        .group_by(life.resource_key)
    )
    launches: dict[int, datetime] = {row.resource_key: row.at for row in first_launches}
    seen = resource_history.c
    rows = connection.execute(
        select(seen.resource_key, seen.valid_from, seen.kind, seen.state, seen.details).order_by(
            seen.resource_key, seen.valid_from
        )
    )
    found: dict[int, Life] = {key: Life(deployed_at=at, launched_at=at) for key, at in launches.items()}
    before: dict[int, Any] = {}
    for key, valid_from, kind, state, details in rows:
        runs = _runs(details)
        if key not in launches and kind in _SAY_WHEN_MADE and (made := instant(details.get("created_at"))) is not None:
            launches[key] = made
            found[key] = Life(deployed_at=made, launched_at=made)
        deployed = found[key].deployed_at if key in found else None
        if key in before and before[key] != runs:
            deployed = valid_from if deployed is None else max(deployed, valid_from)
        before[key] = runs
        found[key] = Life(deployed, kind, state, details, launches.get(key))
    return found


def load_regret(connection: Connection, platforms: Mapping[int, str | None]) -> dict[str | None, tuple[int, int]]:
    """Stops, and those of them that were started again within seven days, by platform; not of machines on a clock."""
    life = resource_life.c
    rows = connection.execute(
        select(life.resource_key, life.started_at, life.ended_at)
        .where(life.method == "event")
        .order_by(life.resource_key, life.started_at)
    ).all()
    counts: dict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for key, lives in groupby(rows, key=lambda row: row.resource_key):
        if key not in platforms:
            continue
        known = list(lives)
        stops = [one.ended_at for one in known if one.ended_at is not None]
        again = [one.ended_at for one, after in pairwise(known) if _is_soon(one.ended_at, after.started_at)]
        if not _by_clock(again):
            counts[platforms[key]][0] += len(stops)
            counts[platforms[key]][1] += len(again)
    return {platform: (stops, restarts) for platform, (stops, restarts) in counts.items() if stops}


def _is_soon(ended: datetime | None, started: datetime) -> bool:
    return ended is not None and started - ended <= REGRETTED_WITHIN


def _by_clock(stops: Sequence[datetime]) -> bool:
    """Whether stops that were followed by a start come so often that somebody, or a clock, stops it as a rule."""
    return any(third - first <= _OFTEN_WITHIN for first, third in zip(stops, stops[2:], strict=False))


def load_jobs(connection: Connection, as_of: datetime, window_days: int) -> dict[int, Jobs]:
    """Jobs by the resource they ran on."""
    hours = resolved_workload_hours().subquery().c
    ended = func.max(hours.hour).filter(hours.outcome == "succeeded")
    retried = func.min(hours.hour).filter(hours.outcome == "retried")
    rows = connection.execute(
        select(hours.resource_key, hours.workload, func.sum(cast(hours.seconds, Numeric)), retried, ended)
        .where(
            hours.resource_key.is_not(None),
            hours.outcome.is_not(None),
            hours.hour >= as_of - timedelta(days=window_days),
        )
        .group_by(hours.resource_key, hours.workload)
        .order_by(hours.resource_key, hours.workload)
    )
    found: dict[int, list[tuple[bool, bool, float]]] = defaultdict(list)
    for key, _, seconds, first_retry, success in rows:
        resumed = first_retry is not None and success is not None and success >= first_retry
        found[key].append((first_retry is not None, resumed, float(seconds) / 3600))
    return {
        key: Jobs(
            ran=len(jobs),
            retried=sum(job[0] for job in jobs),
            resumed=sum(job[1] for job in jobs),
            longest_hours=max(job[2] for job in jobs),
        )
        for key, jobs in found.items()
    }


def _runs(details: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a listing says a thing runs, without how much of it."""
    variants = [
        (one.get("variant"), one.get("model"), one.get("instance_type")) for one in details.get("variants") or []
    ]
    return details.get("config"), details.get("instance_type"), details.get("model"), tuple(map(str, variants))
