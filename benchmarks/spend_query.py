"""How long ``aispend spend`` keeps the database busy: thirteen months of the sample company, cut every way.

Counted is the time from sending to having the answer of every statement a cut takes, best of five: noise of the
machine only ever adds. The limit is 50 ms for each single cut but resource, which has as many rows as the company had
machines; that, and cuts of cuts, are shown without a limit.

``python -m benchmarks.spend_query [HOME]`` uses the sample in HOME (made by ``AISPEND_HOME=HOME aispend up``), or else
makes one in a temporary folder, which takes minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, func, select

from aispend.cli.trial import load_sample
from aispend.cli.up import Steps
from aispend.schema import spend_day
from aispend.settings import load_settings
from aispend.store import Store, open_store
from reports.views import DIMENSIONS, SpendQuery, Window, spend

LIMIT_MS = 50
REPEATS = 5
LIMITED = (*((name,) for name in DIMENSIONS if name != "resource"), ("tag:team",))
UNLIMITED = (("resource",), ("resource", "model"), ("tag:team", "model"), ("day", "model"))


@dataclass(frozen=True)
class Measurement:
    """One cut: milliseconds in the database, rows, and the limit where there is one."""

    cut: str
    milliseconds: float
    rows: int
    limit: int | None

    @property
    def holds(self) -> bool:
        """Whether it is within its limit."""
        return self.limit is None or self.milliseconds <= self.limit

    def __str__(self) -> str:
        limit = f"limit {self.limit} ms, {self.milliseconds / self.limit:.2f} of it" if self.limit else "no limit"
        return f"spend by {self.cut:<20} {self.milliseconds:7.1f} ms  {self.rows:6,} rows  {limit}"


def measure(store: Store) -> list[Measurement]:
    """Every cut over the whole period that is loaded."""
    with store.engine.connect() as connection:
        first, last = connection.execute(
            select(func.min(spend_day.c.billing_month), func.max(spend_day.c.charge_date))
        ).one()
        window = Window(first, last + timedelta(days=1))
        found = []
        for by in (*LIMITED, *UNLIMITED):
            times = []
            for _ in range(REPEATS):
                with database_time(store.engine) as spent:
                    rows = len(spend(connection, SpendQuery(by=by, window=window)).rows)
                times.append(sum(spent) * 1000)
            found.append(Measurement(",".join(by), min(times), rows, LIMIT_MS if by in LIMITED else None))
        return found


@contextmanager
def database_time(engine: Engine) -> Iterator[list[float]]:
    """Collects the seconds of every statement run inside."""
    spent: list[float] = []

    def before(*arguments: Any) -> None:
        arguments[4].began = time.perf_counter()

    def after(*arguments: Any) -> None:
        spent.append(time.perf_counter() - arguments[4].began)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield spent
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def run(home: Path | None = None) -> list[Measurement]:
    """Measure on the sample in ``home``, or on one made for the purpose."""
    if home is not None:
        with open_store(load_settings({"AISPEND_HOME": str(home)})) as store:
            return measure(store)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        settings = load_settings({"AISPEND_HOME": folder})
        with open_store(settings) as store:
            load_sample(store, settings, Steps(), seed=7, scale=1)
            return measure(store)


def main() -> int:
    """Print every cut; 1 where a limit does not hold."""
    found = run(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    for measurement in found:
        print(measurement)
    return int(not all(measurement.holds for measurement in found))


if __name__ == "__main__":
    sys.exit(main())
