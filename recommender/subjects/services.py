"""Services: the machines that do the same work, as one; and pools: the services that could share machines.

Assumes     machines of one cloud, account and region that serve one model at one stage do the same work. Those that
            train do it in runs that have nothing to do with each other, unless they are of one fleet (a gang, a group).
            Of a machine whose model nobody knows (a tag may say so), or that several models share, nobody can say what
            it could share, so it stands alone.
Method      As machines pass by with their five-minute history, each leaves its hours behind: mean and largest load (in
            accelerators, the largest of the sum over them), how many were active at once, memory held. A service is
            those of its members, those included that have ended meanwhile, since what replaced them does their work.
            What was asked of it is what is recorded for a member; where nothing is, what is recorded for the provider,
            account and model and no resource.
Cases       An hour in which a member ran and was not measured is unknown for the service, not less busy. An hour in
            which no member ran and none was measured had no demand that anything served: 0.
Drawbacks   Largest loads of one hour are added as if they fell together: demand of several machines is never
            underestimated, and at times overestimated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from recommender.contract import DailyCost, Subject
from recommender.methods.states import SLOTS_PER_HOUR
from recommender.owners import owner_of
from recommender.subjects import as_today
from recommender.subjects.machines import Machine
from recommender.subjects.served_use import Use, served_use

Hourly = NDArray[np.float64]
SERVING = ("inference_online", "inference_batch")
IN_USE = 0.05
"""Activity above which an accelerator counts as in use."""
_NO_MODEL = frozenset(("unknown", "none", "n/a", "na", "null", "nil", "tbd", "undefined", "unset", "-", "?"))
"""What is written where a model has to be, and there is none, or nobody knows it."""
_HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Member:
    """A machine of a service, by hour of the window; NaN is unknown or not running.

    ``machine`` is without its five-minute history. ``load_*`` in accelerators of its type, ``load_on_one`` the largest
    of one of them (None: not asked), ``concurrent`` accelerators in use at once, ``memory`` bytes held by all together,
    ``on_each`` the most on each of them in any hour, ``running`` whether it was billed (1, 0; NaN where the bill knows
    no hours). ``graded`` is false where only ``gpu_utilization`` is known, which proves idleness and never need.
    """

    machine: Machine
    load_mean: Hourly
    load_max: Hourly
    concurrent: Hourly
    memory: Hourly
    running: Hourly
    graded: bool = True
    on_each: tuple[float, ...] = ()
    load_on_one: Hourly | None = None

    @property
    def is_current(self) -> bool:
        """Whether it still runs."""
        return not self.machine.is_off

    @property
    def measured(self) -> bool:
        """Whether any activity is known."""
        return bool(~np.isnan(self.load_max).all())

    @property
    def measured_hours(self) -> NDArray[np.bool_]:
        """Hours in which it ran, as far as the bill knows, and its activity is known."""
        return np.asarray(~np.isnan(self.load_max) & (self.running != 0))


@dataclass(frozen=True, kw_only=True)
class Service(Subject):
    """Machines that do the same work; ``start`` is the first hour of the members' hours, ``stage`` what the work is.

    ``use`` is what was asked of it by hour; None where nothing is recorded. With one current member, the id is that
    machine's. ``name`` stays whichever machines it has; None where it is one machine, whose place no other is known to
    take.
    """

    stage: str | None
    start: datetime
    members: tuple[Member, ...]
    use: Use | None
    name: str | None = None

    @property
    def identified_by(self) -> str:
        """Its name, so that what was decided of it stays where machines join, end or are replaced."""
        return self.name or self.resource_id

    @property
    def formerly(self) -> tuple[str, ...]:
        """Of its one machine the id, and the name of the group that has it alone."""
        machines = [member.machine for member in self.current]
        names = (_group_of_one(machines[0]), machines[0].resource_id) if len(machines) == 1 else ()
        return tuple(name for name in names if name not in (None, self.identified_by))

    @property
    def current(self) -> tuple[Member, ...]:
        """The members that still run."""
        return tuple(member for member in self.members if member.is_current)

    def demand(self, of: str) -> Hourly:
        """Sum over the members of ``load_mean``, ``load_max``, ``concurrent`` or ``memory``; NaN where unknown."""
        series = np.array([getattr(member, of) for member in self.members])
        running = np.array([member.running for member in self.members])
        blind = (np.isnan(series) & (running != 0)).any(axis=0)
        total: Hourly = np.nansum(series, axis=0)
        return np.where(blind, np.nan, total)

    @property
    def measured_until(self) -> datetime | None:
        """End of the newest hour in which any member was measured; None where none ever was."""
        known = np.flatnonzero([~np.isnan(member.load_max) for member in self.members]) % (
            self.members[0].load_max.size
        )
        return self.start + timedelta(hours=int(known.max()) + 1) if known.size else None

    def machines_running(self) -> Hourly:
        """How many members ran in each hour; NaN where the bill knows no hours."""
        running: Hourly = np.array([member.running for member in self.members]).sum(axis=0)
        return running


@dataclass(frozen=True, kw_only=True)
class Pool(Subject):
    """Online services of one account, region and accelerator type: what could be packed onto fewer machines."""

    accelerator_type: str
    services: tuple[Service, ...]


class Gathering:
    """Members of services, gathered as machines pass by; a few kilobytes each."""

    def __init__(self, window_days: int) -> None:
        self._days = window_days
        self._members: dict[tuple[str | None, ...], list[Member]] = defaultdict(list)

    def add(self, machine: Machine) -> None:
        """Keep the hours of a machine with accelerators."""
        if not machine.accelerator_count:
            return
        own = _name_of(machine) or machine.resource_id
        key = (machine.provider, machine.account, machine.region, machine.currency, machine.model, machine.stage, own)
        self._members[key].append(member_of(machine, self._days))

    def services(self, connection: Connection) -> Iterator[Service]:
        """All of them that still have a machine, in the order of their ids."""
        if not self._members:
            return
        as_of = max(member.machine.as_of for members in self._members.values() for member in members)
        by_resource, by_model = served_use(connection, as_of, self._days)
        found = [
            _service(tuple(members), self._days, by_resource, by_model)
            for members in self._members.values()
            if any(member.is_current for member in members)
        ]
        yield from sorted(found, key=lambda item: (item.provider, item.resource_id, item.currency))


def pools(services: Sequence[Service]) -> Iterator[Pool]:
    """Online services that stand beside others on accelerators of their type."""
    beside: dict[tuple[str, ...], list[Service]] = defaultdict(list)
    for service in services:
        types = {member.machine.accelerator_type for member in service.current}
        if service.stage == "inference_online" and len(types) == 1 and (kind := types.pop()):
            key = (service.provider, service.account or "", service.region or "", service.currency, kind)
            beside[key].append(service)
    for (provider, account, region, currency, kind), several in sorted(beside.items()):
        if len(several) < 2:
            continue
        first = several[0]
        yield Pool(
            resource_key=0,
            resource_id=f"pool:{account}/{region}/{kind}",
            provider=provider,
            account=first.account,
            region=first.region,
            currency=currency,
            tags={},
            model=None,
            team=first.team if len({service.team for service in several}) == 1 else None,
            first_seen=min(service.first_seen for service in several),
            costs=together([service.costs for service in several]),
            costs_since=_latest([service.costs_since for service in several]),
            as_of=first.as_of,
            accelerator_type=kind,
            services=tuple(several),
        )


def member_of(machine: Machine, days: int) -> Member:
    """The hours of a machine over the last ``days`` of the evidence."""
    hours = days * _HOURS_PER_DAY
    bare = replace(machine, accelerators=None, use=None)
    if machine.accelerators is None:
        unknown = np.full(hours, np.nan)
        return Member(bare, unknown, unknown, unknown, unknown, _running(machine, days, unknown))
    history = machine.accelerators
    mean, peak = (_hours(series, hours) for series in (history.activity_mean, history.activity_max))
    memory = _last(history.memory_used_max.sum(axis=0), hours)
    most = np.fmax.reduce(history.memory_used_max[:, -hours:], axis=1)
    with np.errstate(invalid="ignore"):
        load_max = _reduce(peak.sum(axis=0), np.nanmax)
        return Member(
            machine=bare,
            load_mean=_reduce(mean.sum(axis=0), np.nanmean),
            load_max=load_max,
            load_on_one=_reduce(peak.max(axis=0), np.nanmax),
            concurrent=_reduce(np.where(np.isnan(peak).any(axis=0), np.nan, (peak > IN_USE).sum(axis=0)), np.nanmax),
            memory=memory,
            running=_running(machine, days, load_max),
            on_each=tuple(float(one) for one in most),
            graded=history.counter != "gpu_utilization" or not bool(np.isnan(history.power_mean).all()),
        )


def together(costs: Sequence[Sequence[DailyCost]]) -> list[DailyCost]:
    """Days of several resources as one; a cost that one of them does not know is unknown."""
    by_day: dict[date, list[DailyCost]] = defaultdict(list)
    for days in costs:
        for cost in days:
            by_day[cost.day].append(cost)
    # most services are one machine: its days are the service's, but for the hours that nobody asks a service for
    return [
        _sum(several) if len(several) > 1 else replace(several[0], hours_mask=None)
        for _, several in sorted(by_day.items())
    ]


def _sum(several: Sequence[DailyCost]) -> DailyCost:
    """The same day of several resources."""

    def add(amounts: Sequence[Decimal | None]) -> Decimal | None:
        known = [amount for amount in amounts if amount is not None]
        return sum(known, Decimal(0)) if len(known) == len(amounts) else None

    return DailyCost(
        day=several[0].day,
        hours=max(cost.hours for cost in several),
        list_cost=add([cost.list_cost for cost in several]),
        effective_cost=add([cost.effective_cost for cost in several]),
        uncovered_effective_cost=add([cost.uncovered_effective_cost for cost in several]),
        is_spot=all(cost.is_spot for cost in several),
        billed=any(cost.billed for cost in several),
        bound_cost=add([cost.committed_list_cost(in_family=False) for cost in several]),
        bound_to_type_cost=add([cost.committed_list_cost(in_family=True) for cost in several]),
    )


def _service(
    members: tuple[Member, ...],
    days: int,
    by_resource: Mapping[int, Use],
    by_model: Mapping[tuple[str | None, ...], Use],
) -> Service:
    machines = [member.machine for member in members]
    current = [member.machine for member in members if member.is_current]
    first = current[0]
    own = [by_resource[machine.resource_key] for machine in machines if machine.resource_key in by_resource]
    use = reduce(Use.plus, own) if own else by_model.get((first.provider, first.account, first.model))
    name = _name_of(first)
    teams = {machine.team for machine in current}
    return Service(
        resource_key=first.resource_key if len(current) == 1 else 0,
        resource_id=first.resource_id if len(current) == 1 or name is None else name,
        provider=first.provider,
        account=first.account,
        region=first.region,
        currency=first.currency,
        tags=_common([machine.tags for machine in current]),
        model=first.model,
        team=teams.pop() if len(teams) == 1 else None,
        first_seen=min(machine.first_seen for machine in machines),
        costs=together(as_today.costs_of_each(machines, current)),
        costs_since=as_today.type_since(machines, current),
        as_of=first.as_of,
        stage=first.stage,
        start=first.as_of - timedelta(days=days),
        members=members,
        use=use,
        name=name,
    )


def _name_of(machine: Machine) -> str | None:
    """What the service is called that it is a machine of; one that stands alone is its group's, or has no name."""
    if machine.model is None or machine.model.strip().lower() in _NO_MODEL:
        return _group_of_one(machine)
    if not machine.is_models_own or machine.stage in (None, "unknown", "notebook"):
        return _group_of_one(machine)
    if machine.stage not in SERVING and not machine.fleet:
        return None
    fleet = () if machine.stage in SERVING else (machine.fleet,)
    parts = (machine.account, machine.region, machine.model, machine.stage, *fleet)
    return f"service:{'/'.join(part or 'unknown' for part in parts)}"


def _group_of_one(machine: Machine) -> str | None:
    """The group that starts another in its place, and has no more of them; None where nothing proves one."""
    if not machine.fleet or machine.siblings or owner_of(machine) is None:
        return None
    return f"group:{'/'.join(part or 'unknown' for part in (machine.account, machine.region, machine.fleet))}"


def _latest(days: Sequence[date | None]) -> date | None:
    """The day from which on all of them cost what they cost now."""
    return max((day for day in days if day is not None), default=None)


def _common(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags that all have, with the same value."""
    return {key: value for key, value in tags[0].items() if all(other.get(key) == value for other in tags)}


def _running(machine: Machine, days: int, load: Hourly) -> Hourly:
    """Whether each hour was billed: 1 or 0; NaN on a day of which the bill knows no hours.

    A day that is billed for a part of its hours ran in those that were measured, where these are as many or more.
    """
    first = (machine.as_of - timedelta(days=days)).date()
    running = np.zeros(days * _HOURS_PER_DAY)
    for cost in machine.costs:
        day = (cost.day - first).days
        if not 0 <= day < days:
            continue
        part = slice(day * _HOURS_PER_DAY, (day + 1) * _HOURS_PER_DAY)
        mask, measured = cost.hours_mask, ~np.isnan(load[part])
        if mask is not None:
            running[part] = [mask >> hour & 1 for hour in range(_HOURS_PER_DAY)]
        else:
            running[part] = measured if cost.hours <= measured.sum() else np.nan
    return running


def _last(series: NDArray[np.float64], size: int) -> Hourly:
    """The last ``size`` values; unknown before the first."""
    known = series[-size:].astype(np.float64)
    return np.concatenate([np.full(size - known.size, np.nan), known])


def _hours(series: NDArray[np.float32], hours: int) -> NDArray[np.float64]:
    """(accelerators, slots) of the last hours, unknown before the first."""
    slots = hours * SLOTS_PER_HOUR
    known = series[:, -slots:].astype(np.float64)
    return np.concatenate([np.full((series.shape[0], slots - known.shape[1]), np.nan), known], axis=1)


def _reduce(slots: NDArray[np.float64], by: Callable[..., Any]) -> Hourly:
    """Slots to hours; an hour without a known slot is unknown."""
    hourly = slots.reshape(-1, SLOTS_PER_HOUR)
    known = ~np.isnan(hourly).all(axis=1)
    result = np.full(hourly.shape[0], np.nan)
    if known.any():
        result[known] = by(hourly[known], axis=1)
    return result
