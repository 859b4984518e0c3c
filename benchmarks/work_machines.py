"""Labelled work on machines: what may be committed to, go to spot, be fewer, and runs that come to nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.work_parts import (
    CARDS,
    DAYS,
    HOURS,
    Attempt,
    Charge,
    Curve,
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


# Runs.


def _runs(
    rng: np.random.Generator, unit: Unit, ends: Callable[[int], list[tuple[float, str]]], *, gap: float = 30,
    until: float = HOURS - 6,
) -> Unit:  # fmt: skip
    """Runs one after the other on machines of their own; ``ends`` gives hours and outcome of each one's attempts."""
    named, kind = unit.also(model=f"trained-{unit.account[4:10]}"), one(rng, _LARGE)
    charges: list[Charge] = []
    attempts: list[Attempt] = []
    at, number = float(rng.uniform(HOURS - 62 * 24, HOURS - 60 * 24)), 0
    while True:
        parts = ends(number)
        if at + sum(hours for hours, _ in parts) + len(parts) >= until:
            break
        begin = at
        for hours, outcome in parts:
            attempts.append(Attempt(f"{named.model}-run-{number}", machine_id(unit, number), at, hours, outcome))
            at += hours + 0.1
        charges.append(machine(named, number, kind, np.arange(int(begin), int(np.ceil(at)))))
        at = float(np.ceil(at)) + float(rng.uniform(0.5, 1.5)) * gap
        number += 1
    return named.also(charges=tuple(charges), attempts=tuple(attempts))


def _fail_late(rng: np.random.Generator, unit: Unit) -> Unit:
    return _runs(rng, unit, lambda _: [(float(rng.uniform(14, 40)), "failed")], gap=24)


def _again_from_zero(rng: np.random.Generator, unit: Unit) -> Unit:
    def ends(_: int) -> list[tuple[float, str]]:
        return [(float(rng.uniform(15, 30)), "retried"), (float(rng.uniform(30, 40)), "succeeded")]

    return _runs(rng, unit, ends, gap=20)


def _left_running(rng: np.random.Generator, unit: Unit) -> Unit:
    """Runs nobody ended: silent after some days, and another one began."""
    return _runs(rng, unit, lambda _: [(float(rng.uniform(60, 100)), "running")], gap=24, until=HOURS - 9 * 24)


def _succeed(rng: np.random.Generator, unit: Unit) -> Unit:
    return _runs(rng, unit, lambda _: [(float(rng.uniform(20, 60)), "succeeded")])


def _other_parameters(rng: np.random.Generator, unit: Unit) -> Unit:
    """A sweep: the same for the same hours, over and over, and each came to its end."""
    hours = float(rng.uniform(8, 14))
    return _runs(rng, unit, lambda _: [(hours, "succeeded")], gap=6)


def _fail_at_once(rng: np.random.Generator, unit: Unit) -> Unit:
    def ends(number: int) -> list[tuple[float, str]]:
        return [(0.4, "failed")] if number % 2 else [(float(rng.uniform(20, 40)), "succeeded")]

    return _runs(rng, unit, ends)


def _one_bad_day(rng: np.random.Generator, unit: Unit) -> Unit:
    bad = int(rng.integers(2, 6))
    return _runs(rng, unit, lambda number: [(float(rng.uniform(20, 40)), "failed" if number == bad else "succeeded")])


def _still_running(rng: np.random.Generator, unit: Unit) -> Unit:
    """One long run that goes on."""
    named, kind = unit.also(model=f"trained-{unit.account[4:10]}"), one(rng, _LARGE)
    start = int(rng.integers(HOURS - 45 * 24, HOURS - 20 * 24))
    run = Attempt(f"{named.model}-run-0", machine_id(unit, 0), start, HOURS - start, "running")
    return named.also(charges=(machine(named, 0, kind, np.arange(start, HOURS)),), attempts=(run,))


def _curves(rng: np.random.Generator, unit: Unit, shape: Callable[[Floats], Floats]) -> Unit:
    """Runs that come to their end, each with the loss on what it was not trained on."""
    drawn = _runs(rng, unit, lambda _: [(float(rng.uniform(40, 80)), "succeeded")])
    done = np.arange(1, 101) / 100
    return drawn.also(
        curves=tuple(Curve(one_.workload, one_.start, one_.hours, shape(done)) for one_ in drawn.attempts)
    )


def _level_after(part: float) -> Callable[[Floats], Floats]:
    """A loss that falls evenly to that part of the run, and no more."""
    return lambda done: 3 - 2 * np.minimum(done / part, 1)


def _falls_late(done: Floats) -> Floats:
    """Level from a third to nine tenths, when the learning rate is lowered."""
    return 3 - 1.5 * np.minimum(done / 0.33, 1) - np.where(done > 0.9, (done - 0.9) * 4, 0)


def _commit(right: Right) -> dict[str, Right]:
    return {"commit": right}


def _spot(right: Right) -> dict[str, Right]:
    return {"spot": right}


def _fewer(right: Right, by_hour: Right = "wrong") -> dict[str, Right]:
    return {"consolidate": right, "scale_replicas": by_hour}


def _lost(right: Right) -> dict[str, Right]:
    return {"training_waste": right, "past_plateau": "wrong"}


def _plateau(right: Right) -> dict[str, Right]:
    return {"past_plateau": right, "training_waste": "wrong"}


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
    Work("runs that fail late", _lost("wanted"), _fail_late),
    Work("runs that begin again from zero", _lost("wanted"), _again_from_zero),
    Work("runs left running", _lost("wanted"), _left_running),
    Work("runs that succeed", _lost("wrong"), _succeed),
    Work("runs repeated with other parameters", _lost("wrong"), _other_parameters),
    Work("runs that fail at once", _lost("wrong"), _fail_at_once),
    Work("one bad day", _lost("wrong"), _one_bad_day),
    Work("a run that goes on", _lost("wrong"), _still_running),
    Work(
        "runs past their plateau", _plateau("wanted"),
        lambda rng, unit: _curves(rng, unit, _level_after(float(rng.uniform(0.2, 0.45)))),
    ),
    Work(
        "runs that gain to the end", _plateau("wrong"),
        lambda rng, unit: _curves(rng, unit, _level_after(float(rng.uniform(1.0, 1.4)))),
    ),
    Work("runs that gain late", _plateau("wrong"), lambda rng, unit: _curves(rng, unit, _falls_late)),
)  # fmt: skip
