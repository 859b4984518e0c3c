"""How close recommending comes to the bare work nobody can do without, over ten thousand accelerators and ninety days.

The limit is a bare NumPy pass over the same rows of ``benchmarks.large_fleet``: their columns read as Arrow, some
machines at a time, and of each accelerator ``np.nanpercentile(..., [50, 95, 99.5])`` and the maximum of its five-minute
slots; no names resolved, no costs, no advice, nothing written. ``recommender.run.recommend`` does all of that, with its
windows set to the ninety days. Both run in processes of their own, the recommender first, so that what reading finds in
the kernel's cache favours the limit. The seconds of evaluation, without loading, are told against those of the
percentiles alone. Memory is that of the process and of its whole Postgres server together (``benchmarks.watched``).

``python -m benchmarks.recommend_large [--scale X] [--home HOME] [--profile]``. HOME keeps the rows for another run;
where ``benchmarks.analyze_large`` has analyzed them before, owners are looked for as well, as they are in use.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import text

from aispend.settings import Settings
from aispend.store import open_store
from benchmarks.child import peak_mib
from benchmarks.import_focus import Measure
from benchmarks.large_fleet import DAYS, FIRST_DAY, NOW, large_fleet
from benchmarks.watched import watched

RATIO_LIMIT = 5.0
LIMIT_MIB = 2048
MACHINES_AT_ONCE = 32
QUANTILES = (50, 95, 99.5)
PROFILE_LINES = 45

_ROWS = """
    SELECT alias, accelerator_index, hour, counter, slot_mean, slot_max, memory_used_max, memory_total, power_mean
    FROM accelerator_hour
    WHERE namespace = 'dcgm' AND alias = ANY(ARRAY(SELECT 'gpu-' || n FROM generate_series({first}, {last}) AS n))
      AND hour >= '{start}' AND hour < '{end}'"""


def measures(scale: float = 1.0, home: Path | None = None, *, profile: bool = False) -> Iterator[Measure]:
    """The ratio and the peak memory of one run over everything."""
    with large_fleet(scale, home) as fleet:
        with fleet.store.engine.begin() as connection:
            shares = connection.scalar(text("SELECT count(*) FROM cost_share"))
            connection.execute(text("TRUNCATE recommendation, recommendation_event, why_not"))
        arguments = ["--uri", fleet.store.uri, "--home", str(fleet.home), "--machines", str(fleet.machines)]
        engine = fleet.store.engine
        module = "benchmarks.recommend_large"
        more = ["--profile"] if profile else []
        peak, ours = watched(module, ["--run", "recommend", *more, *arguments], engine)
        reference_peak, bare = watched(module, ["--run", "reference", *arguments], engine)
        evaluated = (
            f"; evaluating {ours['evaluating']:.0f} s / percentiles alone {bare['percentiles']:.0f} s ="
            f" {ours['evaluating'] / bare['percentiles']:.2f}"
        )
        details = (
            f"{fleet}, {shares:,} shares: {ours['subjects']:,.0f} subjects, {ours['advice']:,.0f} recommendations in"
            f" {ours['seconds']:.0f} s (loading {ours['loading']:.0f}); reading {bare['reading']:.0f} s + percentiles"
            f" {bare['percentiles']:.0f} s of {bare['accelerators']:,.0f} accelerators{evaluated}"
        )
    ratio = ours["seconds"] / (bare["reading"] + bare["percentiles"])
    yield Measure("recommending / bare NumPy pass", ratio, RATIO_LIMIT, "", details)
    yield Measure("recommending, peak memory with its Postgres", peak.both, LIMIT_MIB, " MiB",
                  f"{peak}; bare pass {reference_peak.both:.0f} MiB")  # fmt: skip


def run_recommender(uri: str, home: Path) -> dict[str, float]:
    """What ``aispend recommend`` does, with all windows as long as the fleet's history."""
    import adbc_driver_postgresql.dbapi  # noqa: F401 - loaded before the clock starts, as in the reference

    from recommender import run

    window = {"window_days": DAYS}
    settings = Settings.model_validate(
        {"home": home, "database_url": uri, "recommend": {"idle": window, "rightsize": window}}
    )
    loading = _Stopwatch()
    with (
        open_store(settings, migrate=False) as store,
        patch.dict(vars(run), {name: loading.over(vars(run)[name]) for name in ("load_subjects", "load_usage")}),
    ):
        began = time.perf_counter()
        report = run.recommend(store.engine, settings, lambda: NOW)
        seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "loading": loading.seconds,
        "evaluating": seconds - loading.seconds,
        "subjects": report.subjects,
        "advice": report.advice,
        "peak_mib": peak_mib(),
    }


class _Stopwatch:
    """Seconds spent in a generator, apart from what is done with its items."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def over(self, function: Callable[..., Iterable[Any]]) -> Callable[..., Iterator[Any]]:
        """The same function, watched."""

        def timed(*arguments: Any, **options: Any) -> Iterator[Any]:
            began = time.perf_counter()
            for item in function(*arguments, **options):
                self.seconds += time.perf_counter() - began
                yield item
                began = time.perf_counter()
            self.seconds += time.perf_counter() - began

        return timed


def run_reference(uri: str, machines: int) -> dict[str, float]:
    """The limit: read the same rows, and take percentiles and maximum of each accelerator."""
    import numpy as np
    from adbc_driver_postgresql import dbapi

    reading = percentiles = 0.0
    accelerators = 0
    bounds = {"start": FIRST_DAY, "end": FIRST_DAY + timedelta(days=DAYS)}
    with closing(dbapi.connect(uri)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        for first in range(1, machines + 1, MACHINES_AT_ONCE):
            began = time.perf_counter()
            last = min(first + MACHINES_AT_ONCE - 1, machines)
            cursor.execute(_ROWS.format(first=first, last=last, **bounds))
            rows = cursor.fetch_arrow_table().combine_chunks()
            read = time.perf_counter()
            names = rows["alias"].combine_chunks().dictionary_encode().indices.to_numpy()
            series = names.astype(np.int64) << 16 | rows["accelerator_index"].to_numpy()
            order = np.argsort(series, kind="stable")
            slots = rows["slot_max"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, 12)[order]
            for part in np.split(slots, np.flatnonzero(np.diff(series[order])) + 1):
                np.nanpercentile(part, QUANTILES)
                np.nanmax(part)
                accelerators += 1
            reading += read - began
            percentiles += time.perf_counter() - read
    return {"reading": reading, "percentiles": percentiles, "accelerators": accelerators, "peak_mib": peak_mib()}


def main() -> int:
    """Print the figures; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommend_large", description="Advice at full size.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--home", type=Path, help="data folder that keeps the rows, or has them already")
    parser.add_argument(
        "--profile", action="store_true", help="print where the recommender's seconds go; slows it down"
    )
    parser.add_argument("--run", choices=("recommend", "reference"), help=argparse.SUPPRESS)
    parser.add_argument("--uri", help=argparse.SUPPRESS)
    parser.add_argument("--machines", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run == "reference":
        print(json.dumps(run_reference(arguments.uri, arguments.machines)))
        return 0
    if arguments.run == "recommend":
        with _profiled() if arguments.profile else nullcontext():
            result = run_recommender(arguments.uri, arguments.home)
        print(json.dumps(result))
        return 0
    kept = True
    for measure in measures(arguments.scale, arguments.home, profile=arguments.profile):
        print(measure, flush=True)
        kept &= measure.holds
    return int(not kept)


@contextmanager
def _profiled() -> Iterator[None]:
    profile = cProfile.Profile()
    with profile:
        yield
    pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(PROFILE_LINES)


if __name__ == "__main__":
    sys.exit(main())
