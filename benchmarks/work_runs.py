"""Labelled runs: those that come to nothing, those that go on past their plateau, and others that look alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.work_parts import HOURS, Attempt, Charge, Curve, Floats, Right, Unit, Work, machine, machine_id, one

_LARGE = ("g5.12xlarge", "g6.12xlarge")


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


def _lost(right: Right) -> dict[str, Right]:
    return {"training_waste": right, "past_plateau": "wrong"}


def _plateau(right: Right) -> dict[str, Right]:
    return {"past_plateau": right, "training_waste": "wrong"}


CLASSES: tuple[Work, ...] = (
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
