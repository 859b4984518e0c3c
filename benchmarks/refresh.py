"""Whether a refresh costs in proportion to what changed: one restated month, with one month loaded and with thirteen.

The sample company is loaded twice: all of it, and only the month that is restated with its telemetry and the names of
its machines. Then the month's bills come in turns as they were first delivered and as they are now, into both
databases alternately, and all that ``aispend import`` and ``aispend analyze`` do is timed: names joined, fingerprints
of all months, shares, roll-ups, unit costs, forecasts, anomalies and budgets. The best of each counts, because the
machine may be busy. One month is too short a history for past forecasts, and its days are few to judge: it asks for
less work than thirteen do. The ratio counts that in as it is, and is told without looking ahead too; what was asked of
either is printed.

``python -m benchmarks.refresh [--scale X] [--profile]``; the profile is of the statements that took longest.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, text

from aispend.clock import next_month
from aispend.settings import Settings, load_settings
from aispend.store import Store, open_store
from analyzer.run import analyze
from benchmarks.import_focus import Measure
from collectors.files.bills import import_bills
from collectors.files.inventory import import_inventory
from collectors.files.metrics import import_metrics
from collectors.files.usage import import_usage
from collectors.files.workloads import import_workloads
from sample.company import RESTATED_MONTH, SampleCompany, generate
from sample.timeline import Timeline

SEED = 7
TODAY = date(2026, 11, 21)
ROUNDS = 6
_TICKS = count()
LIMIT = 1.3
STATEMENT_WIDTH = 150
LOOKING_AHEAD = "forecasts and anomalies"
"""What the analysis says when it begins to look ahead."""


@dataclass
class Loaded:
    """A database with some months in it, and the seconds each refresh of it took."""

    name: str
    store: Store
    settings: Settings
    imports: list[float]
    analyses: list[float]
    outlooks: list[float]

    @property
    def seconds(self) -> list[float]:
        """Import and analysis together."""
        return [sum(both) for both in zip(self.imports, self.analyses, strict=True)]

    @property
    def best(self) -> float:
        """The best of all refreshes."""
        return min(self.seconds)

    @property
    def best_of_month(self) -> float:
        """The best without looking ahead."""
        return min(all_ - ahead for all_, ahead in zip(self.seconds, self.outlooks, strict=True))


def now() -> datetime:
    """The clock of all measured here: it goes on, because what is loaded again in the same instant is not new."""
    begin = datetime(TODAY.year, TODAY.month, TODAY.day, 6, tzinfo=UTC)
    return begin + timedelta(milliseconds=next(_TICKS))


def measures(scale: float = 1.0, statements: Counter[str] | None = None) -> Iterator[Measure]:
    """The ratio; ``statements`` collects the seconds of each statement of the refreshes of thirteen months."""
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        folder.chmod(0o711)  # the embedded server may run as another user, who must get through
        company = generate(folder / "company", seed=SEED, scale=scale, today=TODAY)
        month = Timeline(TODAY).months[RESTATED_MONTH]
        bills = {path: _files(path) for path in (*company.bills, company.restated_first)}
        of_month = [file for found in company.bills for file in bills[found] if _is_of(file, month)]
        deliveries = (
            bills[company.restated_first],
            [
                file
                for file in of_month
                if file.is_relative_to(company.bills[0]) or file.is_relative_to(company.bills[1])
            ],
        )
        one, all_ = (_open(stack, folder, name, company) for name in ("1 month", "13 months"))
        _load(one, of_month, _part(company, folder / "part", month))
        everything = (company.inventory, company.metrics, company.usage, company.workloads)
        _load(all_, [file for found in company.bills for file in bills[found]], everything)
        for number in range(2 * ROUNDS):
            for loaded in (one, all_):
                with _timed(loaded.store.engine, statements if loaded is all_ else None):
                    _refresh(loaded, deliveries[number % 2])
        details = "; ".join(
            f"{loaded.name} {loaded.best:.2f} s (import {min(loaded.imports):.2f}, analyze {min(loaded.analyses):.2f},"
            f" of it looking ahead {min(loaded.outlooks):.2f}: {_asked(loaded)})"
            for loaded in (one, all_)
        )
        details += "; looking ahead asks less of one month, and no allowance is made for it"
        name = "refresh of a restated month, 13 months / 1 month"
        yield Measure(f"{name}, without looking ahead", all_.best_of_month / one.best_of_month, LIMIT, "", details)
        yield Measure(name, all_.best / one.best, LIMIT, "", details)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("**/*") if path.is_file() and path.suffix != ".json")


def _is_of(file: Path, month: date) -> bool:
    return f"={month:%Y-%m}/" in str(file) or f"/{month:%Y%m}" in str(file)


def _open(stack: ExitStack, folder: Path, name: str, company: SampleCompany) -> Loaded:
    home = folder / name.replace(" ", "-")
    settings = load_settings({"AISPEND_HOME": str(home), "AISPEND_CONFIG": str(company.settings_file)})
    return Loaded(name, stack.enter_context(open_store(settings)), settings, [], [], [])


def _part(company: SampleCompany, folder: Path, month: date) -> tuple[Path, Path, Path, Path]:
    """Inventory, utilization, usage and workloads of one month alone."""
    import duckdb

    folder.mkdir()
    end = next_month(month)
    with company.inventory.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    start, stop = header.index("valid_from"), header.index("valid_to")
    lived = [row for row in rows if row[start] < end.isoformat() and (not row[stop] or row[stop] > month.isoformat())]
    with (folder / "inventory.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lived])
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for name, source in (("metrics", company.metrics), ("usage", company.usage), ("workloads", company.workloads)):
        (folder / name).mkdir()
        for file_ in [source] if source.is_file() else sorted(source.glob("*.parquet")):
            wanted = f"timestamp >= '{month}' AND timestamp < '{end}'"
            con.execute(f"COPY (FROM '{file_}' WHERE {wanted}) TO '{folder / name / file_.name}'")
    return folder / "inventory.csv", folder / "metrics", folder / "usage", folder / "workloads"


def _load(loaded: Loaded, bills: Sequence[Path], telemetry: tuple[Path, Path, Path, Path]) -> None:
    inventory, metrics, usage, workloads = telemetry
    for bill in bills:
        import_bills([bill], loaded.store, loaded.settings, now)
    import_inventory([inventory], loaded.store, loaded.settings, now)
    import_metrics([metrics], loaded.store, loaded.settings, now)
    import_usage([usage], loaded.store, loaded.settings, now)
    import_workloads([workloads], loaded.store, loaded.settings, now)
    analyze(loaded.store.engine, loaded.settings, now)


def _refresh(loaded: Loaded, delivery: Sequence[Path]) -> None:
    began = time.perf_counter()
    for bill in delivery:
        import_bills([bill], loaded.store, loaded.settings, now)
    imported = ahead = time.perf_counter()

    def mark(label: str, _done: int, _total: int | None) -> None:
        nonlocal ahead
        if label == LOOKING_AHEAD:
            ahead = time.perf_counter()

    report = analyze(loaded.store.engine, loaded.settings, now, progress=mark)
    ended = time.perf_counter()
    if len(report.analyzed) != 1:
        raise ValueError(f"a restated month made {len(report.analyzed)} months be analyzed, not one")
    if ahead == imported:
        raise ValueError(f"the analysis no longer says {LOOKING_AHEAD!r}")
    loaded.imports.append(imported - began)
    loaded.analyses.append(ended - imported)
    loaded.outlooks.append(ended - ahead)


def _asked(loaded: Loaded) -> str:
    """How many answers a look ahead needs, new or known, by what they are."""
    with loaded.store.engine.connect() as connection:
        rows = connection.execute(text("SELECT part, count(*) FROM worked_out GROUP BY part ORDER BY part")).all()
    return ", ".join(f"{part} {count}" for part, count in rows)


@contextmanager
def _timed(engine: Engine, statements: Counter[str] | None) -> Iterator[None]:
    """Adds up the seconds of every statement run inside, by the beginning of its text."""
    if statements is None:
        yield
        return

    def before(*arguments: Any) -> None:
        arguments[4].began = time.perf_counter()

    def after(*arguments: Any) -> None:
        statements[" ".join(arguments[2].split())[:STATEMENT_WIDTH]] += time.perf_counter() - arguments[4].began

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def main() -> int:
    """Print the ratio; 1 where the limit is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refresh", description="A refresh follows the change.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size")
    parser.add_argument("--profile", action="store_true", help="print the statements that took longest")
    arguments = parser.parse_args()
    statements: Counter[str] | None = Counter() if arguments.profile else None
    kept = True
    for measure in measures(arguments.scale, statements):
        print(measure, flush=True)
        kept &= measure.holds
    for statement, seconds in (statements or Counter()).most_common(25):
        print(f"{seconds:8.2f} s  {statement}")
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
