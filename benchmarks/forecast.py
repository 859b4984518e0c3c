"""How good forecasts are, beside "as a season ago" in the same run: error of steps and totals, and what bands hold.

Two kinds of series, both forecast from rolling origins with nothing but what was before:

sample     daily cost of the sample company (all, AI, providers, models, teams), 30 days ahead, two companies on
           whose seeds nothing was chosen (that was on 101, 103, 105 and 107)
ServeGen   hourly requests of the clients of a production service (Alibaba, ``llm_servegen_clients``), a day and two
           days ahead; 14 days are too few for a season of a week. Clients of odd number only: the even ones were
           looked at. Once all that asked anything in the day before, once those at work in most hours of the first
           week.

Bars: median MASE below 1; median error of the total at least 10 % below the naive one; the 80 % band holds in 75 to
85 % of steps and of totals; forty daily series of full length, with their bands, cost five seconds of processor time.

MASE is in errors of saying "as a season ago" within the history, of one season ahead. Two days ahead are two seasons of
hours: saying so is off by more than 1 there by itself, and what is printed beside it says by how much.

``python -m benchmarks.forecast [PUBLIC_DATA]``: the folder of public data, else ``AISPEND_PUBLIC_DATA``, else
``../shared/data``; without it that part is left out, and said so.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from analyzer.forecast import DAILY, HOURLY, Forecast, History, Plan, forecast
from analyzer.forecast_members import seasonal_naive
from analyzer.forecast_metrics import coverage, mase, seasonal_naive_error, total_error, winkler
from benchmarks.import_focus import Measure
from sample.company import generate

SEEDS = (211, 212)
TODAY = date(2026, 11, 21)
SAMPLE_SCALE = 0.3
LARGEST = 25
LEVEL = 0.8
CLIENT_HORIZONS = (24, 48)

MASE_LIMIT = 1.0
TOTAL_LIMIT = 0.9
BAND_LIMIT = 5.0
COST_LIMIT = 5.0
COST_SERIES = 40


@dataclass(frozen=True)
class Score:
    """One forecast against what came; None where a measure does not exist (no movement, no total, no band)."""

    mase: float | None
    naive_mase: float | None
    total: float | None
    naive_total: float | None
    held: float | None
    total_held: float | None
    winkler: float | None


def judge(past: History, came: Sequence[float], plan: Plan) -> Score:
    """Forecast what came from the past."""
    history, horizon = list(past.total[-plan.memory :]), len(came)
    told = forecast(past, horizon, plan, LEVEL)
    naive = list(seasonal_naive(past.total, horizon, plan.season))
    values = list(told.values)
    bands, actual = _bands(told, came)
    width = told.width_of_total(0, horizon)
    missed = abs(sum(came) - sum(values))
    scale = seasonal_naive_error(history, plan.season)
    scores = [winkler(low, high, value, LEVEL) for (low, high), value in zip(bands, actual, strict=True)]
    return Score(
        mase=mase(came, values, history, plan.season),
        naive_mase=mase(came, naive, history, plan.season),
        total=total_error(came, values),
        naive_total=total_error(came, naive),
        held=coverage(bands, actual),
        total_held=None if width is None else float(missed <= width),
        winkler=statistics.mean(scores) / scale if scores and scale else None,
    )


def _bands(told: Forecast, came: Sequence[float]) -> tuple[list[tuple[float, float]], list[float]]:
    known = [
        (value - width, value + width, actual)
        for value, width, actual in zip(told.values, told.half_widths, came, strict=True)
        if width is not None
    ]
    return [(low, high) for low, high, _ in known], [actual for *_, actual in known]


def sample_scores(folder: Path, seeds: Sequence[int] = SEEDS) -> Iterator[Score]:
    """The largest series of sample companies, 30 days ahead, from every fourth week on."""
    horizon = 30
    for seed in seeds:
        company = generate(folder / str(seed), seed=seed, scale=SAMPLE_SCALE, today=TODAY)
        found = sample_series(company.truth / "charges.parquet")
        for history in sorted(found, key=lambda one: -float(one.total.sum()))[:LARGEST]:
            for origin in range(168, len(history) - horizon + 1, 28):
                past = history.before(origin)
                if len(past.since_first_charge()) >= DAILY.least:
                    yield judge(past, list(history.total[origin : origin + horizon]), DAILY)


def sample_series(path: Path) -> list[History]:
    """Daily effective cost per cut and currency, usage apart from fees."""
    cuts = (
        ("'all'", "true"),
        ("'AI'", "is_ai"),
        ("provider", "true"),
        ("model", "is_ai AND model IS NOT NULL"),
        ("team", "is_ai AND team IS NOT NULL"),
    )
    with duckdb.connect() as duck:
        ((first, last),) = duck.execute(f"SELECT min(charge_date), max(charge_date) FROM '{path}'").fetchall()
        series: dict[tuple[Any, ...], History] = {}
        for cut, condition in cuts:
            rows = duck.execute(
                f"SELECT {cut}, currency, charge_category = 'Usage', charge_date, sum(effective_cost)::DOUBLE "
                f"FROM '{path}' WHERE {condition} GROUP BY ALL"
            ).fetchall()
            for value, currency, is_usage, day, cost in rows:
                days = (last - first).days + 1
                one = series.setdefault((cut, value, currency), History(np.zeros(days), np.zeros(days), first))
                (one.usage if is_usage else one.fees)[(day - first).days] += cost
    return list(series.values())


def client_scores(public_data: Path, horizon: int) -> Iterator[tuple[bool, Score]]:
    """Hourly requests of ServeGen's clients, ``horizon`` hours ahead, from every day on; and whether one is busy."""
    for path in sorted((public_data / "llm_servegen_clients" / "language" / "m-small").glob("chunk-*-trace.csv")):
        if int(path.name.split("-")[1]) % 2 == 0:
            continue
        history = client_hours(path)
        busy = bool((history.usage[:168] > 0).mean() > 0.5)
        for origin in range(168, len(history) - horizon + 1, 24):
            past = history.before(origin)
            if past.usage[-24:].any():
                yield busy, judge(past, list(history.usage[origin : origin + horizon]), HOURLY)


def client_hours(path: Path) -> History:
    """Requests of each hour: the file has a rate per second for every ten minutes."""
    rates = [float(line.split(",")[1] or 0) for line in path.read_text(encoding="utf-8").splitlines()]
    hours = np.array(rates[: len(rates) // 6 * 6]).reshape(-1, 6).sum(axis=1) * 600
    return History(hours, np.zeros(len(hours)), None)


def cost() -> Measure:
    """Processor time of the forecasts that one analysis makes."""
    random = np.random.default_rng(SEEDS[0])
    week = np.resize((1.3, 1.2, 1.2, 1.2, 1.1, 0.5, 0.5), DAILY.history)
    made = [History(row, np.zeros(len(row)), TODAY) for row in week + random.normal(0, 0.1, (COST_SERIES, len(week)))]
    start = time.process_time()
    for history in made:
        forecast(history, 60, DAILY, LEVEL)
    spent = time.process_time() - start
    return Measure(
        f"forecast, {COST_SERIES} daily series",
        spent,
        COST_LIMIT,
        " s",
        f"processor time, {DAILY.history} days each, {DAILY.origins} past forecasts",
    )


def summarized(name: str, scores: Sequence[Score]) -> Iterator[Measure]:
    """Each bar with what was reached."""
    ours, naive = _known(scores, "mase"), _known(scores, "naive_mase")
    yield Measure(
        f"forecast, {name}, median MASE",
        statistics.median(ours),
        MASE_LIMIT,
        "",
        f"P90 {_p90(ours):.2f}; seasonal naive {statistics.median(naive):.2f}, P90 {_p90(naive):.2f}; "
        f"{len(scores)} forecasts",
    )
    totals, naive_totals = _known(scores, "total"), _known(scores, "naive_total")
    yield Measure(
        f"forecast, {name}, median error of the total / seasonal naive's",
        statistics.median(totals) / statistics.median(naive_totals),
        TOTAL_LIMIT,
        "",
        f"{statistics.median(totals):.2%}, P90 {_p90(totals):.1%}; seasonal naive "
        f"{statistics.median(naive_totals):.2%}, P90 {_p90(naive_totals):.1%}",
    )
    for what, field in (("steps", "held"), ("totals", "total_held")):
        held = 100 * statistics.mean(_known(scores, field))
        yield Measure(
            f"forecast, {name}, 80 % band of {what}, points off",
            abs(held - 100 * LEVEL),
            BAND_LIMIT,
            "",
            f"holds in {held:.1f} % of {len(_known(scores, field))}; "
            f"median Winkler score in naive errors {statistics.median(_known(scores, 'winkler')):.1f}",
        )


def _known(scores: Sequence[Score], field: str) -> list[float]:
    return [value for score in scores if (value := getattr(score, field)) is not None]


def _p90(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.9))


def measures(folder: Path, public_data: Path) -> Iterator[Measure]:
    """All of it, each as it is found."""
    yield cost()
    yield from summarized("sample", list(sample_scores(folder)))
    if not (public_data / "llm_servegen_clients").is_dir():
        print(f"forecast, ServeGen: left out, there is no llm_servegen_clients in {public_data}")
        return
    for horizon in CLIENT_HORIZONS:
        clients = list(client_scores(public_data, horizon))
        yield from summarized(f"ServeGen, {horizon} h ahead, all", [score for _, score in clients])
        yield from summarized(f"ServeGen, {horizon} h ahead, busy", [score for busy, score in clients if busy])


def public_folder() -> Path:
    """Where public data is."""
    here = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("AISPEND_PUBLIC_DATA") or here)


def main() -> int:
    """Print every figure; 1 where a bar is not reached."""
    with tempfile.TemporaryDirectory() as folder:
        kept = True
        for measure in measures(Path(folder), Path(sys.argv[1]) if len(sys.argv) > 1 else public_folder()):
            print(measure, flush=True)
            kept &= measure.holds
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
