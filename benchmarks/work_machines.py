"""Labelled work on machines: what may be committed to, go to spot, be fewer, and what stands empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.work_parts import (
    CARDS,
    DAYS,
    HOURS,
    Attempt,
    Charge,
    Floats,
    Hours,
    Measured,
    Right,
    Unit,
    Work,
    every_hour,
    machine,
    machine_id,
    of_day,
    one,
)

_MEASURED_DAYS = 29
_QUARTERS = _MEASURED_DAYS * 96
_SMALL = ("g5.xlarge", "g6.xlarge", "g4dn.xlarge")
_LARGE = ("g5.12xlarge", "g6.12xlarge")
CHEAP_ON_SPOT = _LARGE
DEAR_ON_SPOT = "p4d.24xlarge"
"""Of which an hour on spot costs nearly what it costs on demand."""


def _fleet(unit: Unit, kind: str, hours: list[Hours], **more: Any) -> Unit:
    return unit.also(
        payer=unit.account,
        charges=tuple(machine(unit, number, kind, ran, **more) for number, ran in enumerate(hours) if ran.size),
    )


# What may be committed to.


def _always(rng: np.random.Generator, unit: Unit) -> Unit:
    return _fleet(unit, one(rng, (*_SMALL, *_LARGE)), [every_hour()] * int(rng.integers(1, 4)))


def _base_and_peak(rng: np.random.Generator, unit: Unit) -> Unit:
    day = of_day(every_hour(), 8, int(rng.integers(15, 19)))
    return _fleet(unit, one(rng, _LARGE), [every_hour()] * 2 + [day] * int(rng.integers(1, 4)))


def _office(rng: np.random.Generator, unit: Unit) -> Unit:
    day = of_day(every_hour(), int(rng.integers(7, 9)), int(rng.integers(16, 19)))
    return _fleet(unit, one(rng, _LARGE), [day] * int(rng.integers(1, 4)))


def _ended(rng: np.random.Generator, unit: Unit, low: int, high: int) -> Unit:
    ran = every_hour(0, DAYS - int(rng.integers(low, high)))
    return _fleet(unit, one(rng, _LARGE), [ran] * int(rng.integers(1, 4)))


def _bursts(rng: np.random.Generator, unit: Unit) -> Unit:
    days = np.flatnonzero(rng.random(DAYS) < rng.uniform(0.15, 0.4))
    hours = np.concatenate([np.arange(day * 24, day * 24 + 24) for day in days] or [np.arange(0)])
    return _fleet(unit, one(rng, _LARGE), [hours] * int(rng.integers(2, 5)))


def _began(rng: np.random.Generator, unit: Unit) -> Unit:
    return _fleet(unit, one(rng, _LARGE), [every_hour(DAYS - int(rng.integers(3, 13)))] * 2)


def _shrinking(rng: np.random.Generator, unit: Unit) -> Unit:
    """One machine less each week; one is left."""
    count = int(rng.integers(6, 9))
    ends = [every_hour()] + [every_hour(0, DAYS - 7 * number - 3) for number in range(count - 1)]
    return _fleet(unit, one(rng, _LARGE), ends)


# What may be taken away at any time.


def _working(
    rng: np.random.Generator, unit: Unit, *, kind: str | None = None, count: int = 1, stage: str = "training",
    zones: str = "a", model: str = "", **more: Any,
) -> Unit:  # fmt: skip
    """Machines of one model that ran for the last month."""
    named = unit.also(model=model or f"model-{unit.account[4:10]}", stage=stage)
    kind = kind or one(rng, CHEAP_ON_SPOT)
    ours = tuple(
        machine(named, number, kind, every_hour(DAYS - 30), stage=stage, zone=zones[number % len(zones)], **more)
        for number in range(count)
    )
    return named.also(charges=ours)


def _resumed(rng: np.random.Generator, unit: Unit) -> Unit:
    """Jobs that were retried and then came to their end."""
    drawn, found = _working(rng, unit), list[Attempt]()
    at = float(HOURS - 29 * 24)
    while at < HOURS - 60:
        lost, rest = float(rng.uniform(5, 20)), float(rng.uniform(20, 40))
        name = f"{drawn.model}-{len(found)}"
        found += [
            Attempt(name, machine_id(unit, 0), at, lost, "retried"),
            Attempt(name, machine_id(unit, 0), at + lost + 1, rest, "succeeded"),
        ]
        at += lost + rest + 4
    return drawn.also(attempts=tuple(found))


# Fewer machines for the same work.


def _replicas(
    rng: np.random.Generator, unit: Unit, count: int, load: Callable[[Floats], Floats], *, memory: float = 0.4,
    models: int = 1, kind: str | None = None, hours: list[Hours] | None = None,
) -> Unit:  # fmt: skip
    """Machines that serve, each with its load by the quarter of an hour; of ``models`` models by turns."""
    kind = kind or one(rng, _SMALL)
    start = HOURS - _MEASURED_DAYS * 24
    quarters = start + np.arange(_QUARTERS) / 4
    charges: list[Charge] = []
    found: list[Measured] = []
    for number in range(count):
        named = unit.also(model=f"served-{unit.account[4:10]}-{number % models}")
        ran = every_hour(DAYS - 40) if hours is None else hours[number]
        charges.append(machine(named, number, kind, ran, stage="inference_online", zone="ab"[number % 2]))
        wanted = np.clip(load(quarters) * rng.uniform(0.9, 1.1, _QUARTERS), 0, 1)
        busy = np.where(np.isin(np.floor(quarters).astype(int), ran), wanted, np.nan)
        found.append(Measured(machine_id(unit, number), CARDS.get(kind, 1), start, busy, memory))
    model = f"served-{unit.account[4:10]}-0" if models == 1 else None
    return unit.also(charges=tuple(charges), measured=tuple(found), stage="inference_online", model=model)


def _flat(level: float) -> Callable[[Floats], Floats]:
    return lambda hours: np.full(hours.size, level)


def _by_day(low: float, high: float) -> Callable[[Floats], Floats]:
    """``high`` from eight to eighteen, each day; ``low`` else."""
    return lambda hours: np.where((hours % 24 >= 8) & (hours % 24 < 18), high, low)


# What is paid for whether it runs or not.


def _reserved(
    rng: np.random.Generator, unit: Unit, ran: Callable[[int, Hours], Hours], *, first_day: int = DAYS - 45,
    tags: tuple[tuple[str, str], ...] = (),
) -> Unit:  # fmt: skip
    """Four to six machines held by a reservation; ``ran`` are the hours in which each of them was used."""
    kind, held, count = one(rng, _LARGE), every_hour(first_day), int(rng.integers(4, 7))
    name = f"arn:aws:ec2:{unit.region}:{unit.account}:capacity-reservation/cr-0{unit.account}"
    used = [ran(number, held) for number in range(count)]
    busy = sum(np.bincount(hours, minlength=HOURS) for hours in used)
    empty = count - np.asarray(busy)[held]
    ours = [replace(machine(unit, number, kind, hours), reservation=name) for number, hours in enumerate(used)]
    spare = machine(unit, 0, kind, held[empty > 0], tags=tags)
    idle = replace(
        spare, meter=spare.meter.replace("BoxUsage", "UnusedBox"), quantity=empty[empty > 0].astype(float),
        resource="", reservation=name, tags=(("team", unit.team), *tags),
    )  # fmt: skip
    return unit.also(charges=(*(one_ for one_ in ours if one_.start.size), idle))


def _some_empty(rng: np.random.Generator, unit: Unit, **more: Any) -> Unit:
    """The last one or two are never used; the others by day, or always."""
    used, by_day = int(rng.integers(2, 4)), bool(rng.random() < 0.5)

    def ran(number: int, held: Hours) -> Hours:
        if number >= used:
            return held[:0]
        return of_day(held, 6, 22, workdays=False) if by_day and number else held

    return _reserved(rng, unit, ran, **more)


def _all_at_once(rng: np.random.Generator, unit: Unit) -> Unit:
    """One runs always; all together for some hours of each day."""
    hour = int(rng.integers(6, 18))
    return _reserved(rng, unit, lambda number, held: of_day(held, hour, hour + 3, workdays=False) if number else held)


def _all_each_week(rng: np.random.Generator, unit: Unit) -> Unit:
    """One runs always; all together on one afternoon of each week."""
    day = int(rng.integers(5))

    def ran(number: int, held: Hours) -> Hours:
        return held[(held // 24 % 7 == day) & (held % 24 >= 13) & (held % 24 < 17)] if number else held

    return _reserved(rng, unit, ran)


def _commit(right: Right) -> dict[str, Right]:
    return {"commit": right}


def _spot(right: Right) -> dict[str, Right]:
    return {"spot": right}


def _fewer(right: Right, by_hour: Right = "wrong") -> dict[str, Right]:
    return {"consolidate": right, "scale_replicas": by_hour}


def _empty(right: Right) -> dict[str, Right]:
    return {"idle_capacity": right}


_CHECKPOINT = (("checkpoint", "10"),)

CLASSES: tuple[Work, ...] = (
    Work("day and night", _commit("wanted"), _always),
    Work("a base under a peak", _commit("wanted"), _base_and_peak),
    Work("office hours only", _commit("wrong"), _office),
    Work("bursts", _commit("wrong"), _bursts),
    Work("ended some days ago", _commit("wrong"), lambda rng, unit: _ended(rng, unit, 3, 10)),
    Work("ended weeks ago", _commit("wrong"), lambda rng, unit: _ended(rng, unit, 14, 30)),
    Work("began lately", _commit("wrong"), _began),
    Work("fewer by the week", _commit("if it pays"), _shrinking),
    Work(
        "covered by a commitment", _commit("wrong") | _spot("wrong"),
        lambda rng, unit: _fleet(unit, one(rng, _LARGE), [every_hour()] * 2, pricing="Committed"),
    ),
    Work(
        "on spot already", _commit("wrong") | _spot("wrong"),
        lambda rng, unit: _fleet(unit, one(rng, _LARGE), [every_hour()] * 2, pricing="Dynamic"),
    ),
    Work("training that resumes", _spot("wanted"), lambda rng, unit: _working(rng, unit, tags=_CHECKPOINT)),
    Work("training that was resumed", _spot("wanted"), _resumed),
    Work(
        "replicas over three zones", _spot("wanted"),
        lambda rng, unit: _working(rng, unit, count=int(rng.integers(6, 10)), stage="inference_online", zones="abc"),
    ),
    Work("training of which nobody knows", _spot("behind a gate"), _working),
    Work("serves from one machine", _spot("wrong"), lambda rng, unit: _working(rng, unit, stage="inference_online")),
    Work(
        "replicas in one zone", _spot("wrong"),
        lambda rng, unit: _working(rng, unit, count=int(rng.integers(3, 7)), stage="inference_online"),
    ),
    Work(
        "worked on by hand", _spot("wrong"),
        lambda rng, unit: _working(rng, unit, stage="notebook", tags=_CHECKPOINT),
    ),
    Work(
        "resumes, and spot is no cheaper", _spot("wrong"),
        lambda rng, unit: _working(rng, unit, kind=DEAR_ON_SPOT, tags=_CHECKPOINT),
    ),
    Work(
        "more replicas than the work takes", _fewer("wanted"),
        lambda rng, unit: _replicas(rng, unit, int(rng.integers(5, 8)), _flat(float(rng.uniform(0.1, 0.25)))),
    ),
    Work(
        "services that fit one machine", {"consolidate": "wanted"},
        lambda rng, unit: _replicas(rng, unit, 3, _flat(float(rng.uniform(0.08, 0.2))), memory=0.2, models=3),
    ),
    Work(
        "services too large for one machine", {"consolidate": "wrong"},
        lambda rng, unit: _replicas(rng, unit, 3, _flat(float(rng.uniform(0.08, 0.2))), memory=0.7, models=3),
    ),
    Work(
        "replicas by day only", _fewer("wrong", "wanted"),
        lambda rng, unit: _replicas(rng, unit, int(rng.integers(5, 8)), _by_day(0.04, float(rng.uniform(0.74, 0.78)))),
    ),
    Work(
        "busy replicas", _fewer("wrong"),
        lambda rng, unit: _replicas(rng, unit, int(rng.integers(3, 6)), _flat(float(rng.uniform(0.74, 0.78)))),
    ),
    Work(
        "two replicas, hardly used", _fewer("wrong"),
        lambda rng, unit: _replicas(rng, unit, 2, _flat(float(rng.uniform(0.1, 0.25)))),
    ),
    Work(
        "replicas that are there by day only", _fewer("wrong"),
        lambda rng, unit: _replicas(
            rng, unit, 5, _by_day(float(rng.uniform(0.3, 0.4)), float(rng.uniform(0.74, 0.78))),
            hours=[every_hour(DAYS - 40)] * 2 + [of_day(every_hour(DAYS - 40), 8, 18, workdays=False)] * 3,
        ),
    ),
    Work("reserved machines nobody uses", _empty("wanted"), _some_empty),
    Work("reserved machines, all used each day", _empty("wrong"), _all_at_once),
    Work("reserved machines, all used once a week", _empty("wrong"), _all_each_week),
    Work(
        "reserved machines kept on purpose", _empty("wrong"),
        lambda rng, unit: _some_empty(rng, unit, tags=(("keep", "true"),)),
    ),
    Work(
        "machines reserved lately", _empty("wrong"),
        lambda rng, unit: _some_empty(rng, unit, first_day=DAYS - int(rng.integers(2, 12))),
    ),
)  # fmt: skip
