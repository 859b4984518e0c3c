"""Whether ten thousand accelerators over ninety days can be analyzed in bounded memory.

``analyzer.run.analyze`` runs over ``benchmarks.large_fleet`` in a process of its own, from nothing to forecasts. Memory
is that of the process and of its whole Postgres server together (``benchmarks.watched``), shared buffers included.

``python -m benchmarks.analyze_large [--scale X] [--home HOME]``; HOME keeps the rows for another run, some 9 GB.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from aispend.settings import Settings
from aispend.store import open_store
from benchmarks.child import peak_mib
from benchmarks.import_focus import Measure
from benchmarks.large_fleet import NOW, large_fleet
from benchmarks.watched import watched

LIMIT_MIB = 2048


def measures(scale: float = 1.0, home: Path | None = None) -> Iterator[Measure]:
    """Peak memory of one analysis of everything; the seconds it took are told beside it."""
    with large_fleet(scale, home) as fleet:
        with fleet.store.engine.begin() as connection:
            connection.execute(text("DELETE FROM analysis_state"))
        arguments = ["--analyze", fleet.store.uri, "--home", str(fleet.home)]
        peak, result = watched("benchmarks.analyze_large", arguments, fleet.store.engine)
        details = f"{fleet} → {result['shares']:,.0f} shares in {result['seconds']:.0f} s; {peak}"
    yield Measure("analysis, peak memory with its Postgres", peak.both, LIMIT_MIB, " MiB", details)


def run_analysis(uri: str, home: Path) -> dict[str, float]:
    """What ``aispend analyze`` does."""
    from analyzer.run import analyze

    settings = Settings(home=home, database_url=uri)
    with open_store(settings, migrate=False) as store:
        began = time.perf_counter()
        report = analyze(store.engine, settings, lambda: NOW)
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "charges": report.charges, "shares": report.shares, "peak_mib": peak_mib()}


def main() -> int:
    """Print the figure; 1 where the limit is not kept."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.analyze_large", description="Analysis in bounded memory."
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--home", type=Path, help="data folder that keeps the rows, or has them already")
    parser.add_argument("--analyze", metavar="URI", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.analyze is not None:
        print(json.dumps(run_analysis(arguments.analyze, arguments.home)))
        return 0
    kept = True
    for measure in measures(arguments.scale, arguments.home):
        print(measure, flush=True)
        kept &= measure.holds
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
