"""How often the watch cries wolf, and what it misses: simulated bills with a known truth, and the sample's accident.

Bills are simulated with a weekday pattern, a trend and log-normal noise of 3, 6 and 12 %. Counted are runs of days that
were told where nothing was planted, per series and year, whatever their kind; and the share of planted spikes, steps
and ramps that were told in time. Seeds are fresh with every run and printed, so that a run can be repeated:
``python -m benchmarks.anomaly [--seed N] [--scale X] [--home HOME]``; HOME holds the sample, already analyzed.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from analyzer.anomaly_runs import Limits
from analyzer.anomaly_score import find_runs

NOISE = (0.03, 0.06, 0.12)
LEARNING_DAYS = 70
PLANTED = 80
STEP_DAYS = 8
RAMP_DAYS = 14
FALSE_ALARMS = 1.5
"""Most per series and year, at every noise."""
RECALL = 0.99
"""Least of spikes of +50 % at 6 % noise."""
_YEAR = 365
_MONDAY = date(2026, 1, 5)
Costs = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One figure against its limit, where it has one."""

    what: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within its limit."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def __str__(self) -> str:
        limit = (
            f"at least {self.least:g}"
            if self.least is not None
            else f"at most {self.most:g}"
            if self.most
            else "no limit"
        )
        return f"{self.what:<58} {self.value:7.3f}  {limit}{'' if self.holds else '  NOT KEPT'}"


def bill(rng: Generator, days: int, noise: float) -> Costs:
    """A daily bill of 60 to 20,000 a day, beginning on a Monday."""
    level = np.exp(rng.uniform(np.log(60), np.log(20_000)))
    week = np.exp(rng.normal(0, 0.15, 7))
    week[5:] *= rng.uniform(0.4, 1.0)
    trend = np.exp(np.arange(days) * rng.normal(0, 0.002))
    return np.asarray(level * week[np.arange(days) % 7] * trend * np.exp(rng.normal(0, noise, days)))


def false_alarms(rng: Generator, noise: float, series: int) -> float:
    """Runs told per series and year, where nothing was planted."""
    told = 0
    for _ in range(series):
        costs = bill(rng, LEARNING_DAYS + _YEAR, noise)
        told += sum(run.first >= LEARNING_DAYS for run in find_runs(costs, _MONDAY, Limits()))  # type: ignore[arg-type]
    return told / series


def recall(rng: Generator, noise: float, series: int) -> dict[str, float]:
    """Share told of each kind of planted change, by the day it has to be."""
    names = {"spike of +30 %": 1.3, "spike of +50 %": 1.5, "spike of +100 %": 2.0}
    told = dict.fromkeys(
        (*names, f"step of +30 % within {STEP_DAYS} days", f"ramp of +3 % a day in {RAMP_DAYS} days"), 0
    )
    step, ramp = list(told)[3:]
    for _ in range(series):
        plain = bill(rng, PLANTED + RAMP_DAYS, noise)
        for name, factor in names.items():
            told[name] += _is_told(plain, PLANTED + 1, np.array([factor]))
        told[step] += _is_told(plain, PLANTED + STEP_DAYS, np.full(STEP_DAYS, 1.3))
        told[ramp] += _is_told(plain, PLANTED + RAMP_DAYS, 1.03 ** np.arange(1, RAMP_DAYS + 1))
    return {name: count / series for name, count in told.items()}


def _is_told(plain: Costs, end: int, factors: NDArray[np.floating[Any]]) -> bool:
    costs = plain[:end].copy()
    costs[PLANTED:end] *= factors
    return any(run.last >= PLANTED and run.impact > 0 for run in find_runs(costs, _MONDAY, Limits()))  # type: ignore[arg-type]


def measures(seed: int, scale: float = 1.0) -> Iterator[Measure]:
    """Every figure of the simulation; 300 series at full size."""
    series = max(20, int(300 * scale))
    for number, noise in enumerate(NOISE):
        rng = np.random.default_rng([seed, number])
        wolf = false_alarms(rng, noise, max(10, series // 3))
        yield Measure(f"{noise:.0%} noise: false alarms per series and year", wolf, most=FALSE_ALARMS)
        for what, share in recall(rng, noise, series).items():
            barred = noise == 0.06 and what == "spike of +50 %"
            yield Measure(f"{noise:.0%} noise: {what}, share found", share, least=RECALL if barred else None)


def runaway(home: Path) -> Measure:
    """Whether the sample's looping agent is told, under the model it called."""
    from sqlalchemy import select

    from aispend.clock import system_clock
    from aispend.schema import anomaly
    from aispend.settings import load_settings
    from aispend.store import open_store
    from analyzer.anomaly_life import watch
    from sample.demand import RUNAWAY_DAYS, RUNAWAY_SERIES
    from sample.token_series import SERIES

    model = next(one.model for one in SERIES if one.name == RUNAWAY_SERIES)
    settings = load_settings({"AISPEND_HOME": str(home)})
    with open_store(settings) as store, store.engine.connect() as connection:
        watch(connection, settings, system_clock)
        first = sample_day(home) - timedelta(days=RUNAWAY_DAYS[0])
        a = anomaly.c
        told = connection.execute(
            select(a.model).where(
                a.first_day.between(first - timedelta(days=1), first + timedelta(days=1)), a.impact > 0
            )
        ).scalars()
        return Measure(f"sample: the runaway is told, as {model}", float(model in set(told)), least=1.0)


def sample_day(home: Path) -> date:
    """The day the sample in a home was made."""
    import json

    return date.fromisoformat(json.loads((home / "sample" / "loaded.json").read_text(encoding="utf-8"))["day"])


def main() -> int:
    """Print every figure; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anomaly", description="False alarms and recall.")
    parser.add_argument("--seed", type=int, help="repeat a run; default: a fresh one")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--home", type=Path, help="data folder with the sample company, analyzed")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    print(f"anomaly: seed {seed}", flush=True)
    kept = True
    for measure in measures(seed, arguments.scale):
        print(measure, flush=True)
        kept &= measure.holds
    if arguments.home is not None:
        found = runaway(arguments.home)
        print(found, flush=True)
        kept &= found.holds
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
