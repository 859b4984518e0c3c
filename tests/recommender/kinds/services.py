"""Services built by hand: load of each machine by hour, hours billed, and requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.contract import DailyCost
from recommender.subjects.machines import Machine
from recommender.subjects.served_use import Use
from recommender.subjects.services import Member, Service, together
from tests.recommender.conftest import AS_OF

Make = Callable[..., Machine]
Hourly = NDArray[np.float64]
DAYS = 28
HOURS = DAYS * 24
START = AS_OF - timedelta(days=DAYS)
"""Saturday 24 October 2026, 00:00 UTC."""
FIRST_WEEKDAY = START.weekday()


def weekly(hours_of_week: Sequence[int], level: float = 0.5, days: int = DAYS) -> Hourly:
    """Load at a level in these hours of the week (Monday 00:00 UTC is 0), none in the others."""
    of_week = (np.arange(days * 24) + FIRST_WEEKDAY * 24) % 168
    return np.where(np.isin(of_week, list(hours_of_week)), level, 0.0)


def office(first: int, last: int) -> list[int]:
    """Hours from ``first`` to before ``last`` of Monday to Friday."""
    return [day * 24 + hour for day in range(5) for hour in range(first, last)]


def member(
    machine: Machine,
    load: Hourly | None,
    *,
    running: Hourly | None = None,
    memory: float = 10e9,
    mean: float = 1.0,
    on_each: tuple[float, ...] | None = None,
) -> Member:
    """A machine with a load in accelerators each hour (None: never measured), billed in all hours unless said.

    Memory lies evenly on its cards unless said.
    """
    cards = int(machine.accelerator_count or 1)
    ran = np.ones(HOURS) if running is None else running
    if load is None:
        unknown = np.full(HOURS, np.nan)
        return Member(replace(machine, accelerators=None), unknown, unknown, unknown, unknown, ran)
    return Member(
        machine=replace(machine, accelerators=None),
        load_mean=load * mean,
        load_max=load,
        concurrent=np.where(np.isnan(load), np.nan, np.ceil(load)),
        memory=np.where(ran > 0, memory if on_each is None else sum(on_each), np.nan),
        on_each=(memory / cards,) * cards if on_each is None else on_each,
        running=ran,
    )


def daily(hourly_cost: Decimal, running: Hourly) -> list[DailyCost]:
    """Costs of the hours that ran; at list price a fifth more."""
    costs = []
    for day in range(DAYS):
        hours = int(running[day * 24 : day * 24 + 24].sum())
        cost = hourly_cost * hours
        if hours:
            costs.append(DailyCost((START + timedelta(days=day)).date(), hours, cost * 6 / 5, cost, cost, False))
    return costs


def service(make_subject: Make, members: Sequence[Member], **values: Any) -> Service:
    """Members as one service at $20 an hour each."""
    members = [
        replace(one, machine=replace(one.machine, costs=daily(Decimal(20), np.nan_to_num(one.running, nan=1.0))))
        for one in members
    ]
    first = next(one.machine for one in members if one.is_current)
    current = [one for one in members if one.is_current]
    found: dict[str, Any] = {
        "resource_key": first.resource_key if len(current) == 1 else 0,
        "resource_id": first.resource_id if len(current) == 1 else "service:it",
        "provider": first.provider,
        "account": first.account,
        "region": first.region,
        "currency": "USD",
        "tags": first.tags,
        "model": first.model,
        "team": first.team,
        "first_seen": date(2026, 1, 1),
        "costs": together([one.machine.costs for one in members]),
        "as_of": AS_OF,
        "stage": first.stage,
        "start": START,
        "members": tuple(members),
        "use": None,
    }
    return Service(**(found | values))


def use(requests: Hourly, *, tokens: tuple[float, float] = (500.0, 200.0), seconds: float = 5.0) -> Use:
    """Requests of so many tokens and seconds each."""
    return Use(requests, requests * tokens[0], requests * tokens[1], requests * seconds / 3600)
