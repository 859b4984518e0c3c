"""How close ``aispend import`` comes to the limit: the bare work nobody can do without.

The limit is a committed reference (``benchmarks.child.run_reference``): a bare GROUP BY on the fact key in DuckDB, no
mapping, no exact money, no validation; plus a bare COPY of the finished facts into a table with the same columns and
indexes. The import does all of it: recognition, checksum, exact sums, rejects, classification, dimensions, load record.
Import and reference take turns, each in a process of its own; the best of each counts, because the machine may be busy.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lines import write_focus

RATIO_LIMIT = 1.5
MEMORY_LIMIT_MIB = 1024
FLAT_LIMIT = 2.0
"""Twenty times the lines may take at most twice the memory: bounded, where reading them all would take twenty times."""

_EMPTY = (
    "TRUNCATE charge, slice, load, rejected_row, sku, account, charge_kind",
    "DELETE FROM location WHERE location_key <> 0",
    "DELETE FROM resource WHERE resource_key <> 0",
    "DELETE FROM tag_set WHERE tag_set_key <> 0",
    "DELETE FROM commitment WHERE commitment_key <> 0",
)


@dataclass(frozen=True)
class Measure:
    """One line of the report: a value against its limit."""

    name: str
    value: float
    limit: float
    unit: str
    details: str

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.value <= self.limit

    def __str__(self) -> str:
        mark = "ok  " if self.holds else "OVER"
        return f"{mark} {self.name}: {self.value:.2f}{self.unit} (limit {self.limit:g}{self.unit}); {self.details}"


class Bench:
    """A database and a folder to measure in."""

    def __init__(self, uri: str, folder: Path) -> None:
        self._uri = uri
        self._folder = folder

    def ratio(self, name: str, bill: Path, *, rounds: int) -> list[Measure]:
        """Import against reference, and the import's memory."""
        imports, references = [], []
        for _ in range(rounds):
            imports.append(self.run_import(bill))
            references.append(self._run("reference", bill, self._save_facts()))
        best, limit = min(imports, key=_seconds), min(references, key=_seconds)
        lines, seconds = best["lines"], _seconds(best)
        details = (
            f"{lines:,.0f} lines → {best['facts']:,.0f} facts in {seconds:.1f} s ({lines / seconds:,.0f} lines/s), "
            f"reference {_seconds(limit):.1f} s (GROUP BY {limit['grouped']:.1f} + COPY {limit['copied']:.1f}), "
            f"best of {rounds}"
        )
        peak = max(run["peak_mib"] for run in imports)
        return [
            Measure(f"{name}, import / limit", seconds / _seconds(limit), RATIO_LIMIT, "", details),
            Measure(f"{name}, peak memory", peak, MEMORY_LIMIT_MIB, " MiB", f"reference {limit['peak_mib']:.0f} MiB"),
        ]

    def run_import(self, bill: Path) -> dict[str, float]:
        """One import into an empty database."""
        self._execute(*_EMPTY)
        return self._run("import", bill)

    def _run(self, kind: str, *paths: Path) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.child", kind, self._uri, str(self._folder), *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return result

    def _save_facts(self) -> Path:
        """The facts of the last import as a file, for the reference to copy."""
        import psycopg

        path = self._folder / "facts.bin"
        facts = "COPY (SELECT * FROM charge ORDER BY ordinal) TO STDOUT (FORMAT binary)"
        with (
            psycopg.connect(self._uri) as connection,
            connection.cursor() as cursor,
            path.open("wb") as file,
            cursor.copy(facts) as copy,
        ):
            for data in copy:
                file.write(data)
        return path

    def _execute(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self._uri) as connection:
            for statement in statements:
                connection.execute(statement)


def _seconds(run: dict[str, float]) -> float:
    return run["seconds"]


def measures(uri: str, folder: Path, scale: float = 1.0) -> Iterator[Measure]:
    """All import benchmarks, each as it is found; ``scale`` shrinks the bills for a quick look."""
    bench = Bench(uri, folder)

    def bill(name: str, lines: int, **words: object) -> Path:
        path = folder / name
        return path if path.exists() else write_focus(path, int(lines * scale), **words)  # type: ignore[arg-type]

    yield from bench.ratio("FOCUS Parquet, 15 to 1", bill("normal.parquet", 5_000_000), rounds=3)
    yield from bench.ratio("FOCUS Parquet, churning fleet, 2 to 1", bill("churn.parquet", 5_000_000, hours=2), rounds=2)
    yield from bench.ratio("FOCUS csv.gz, 15 to 1", bill("normal.csv.gz", 5_000_000, compression="gzip"), rounds=2)
    small = bench.run_import(bill("one.parquet", 1_000_000))["peak_mib"]
    large = bench.run_import(bill("twenty.parquet", 20_000_000))
    details = f"{small:.0f} MiB at 1 M lines, {large['peak_mib']:.0f} MiB at 20 M ({large['seconds']:.1f} s)"
    yield Measure("memory of 20 M / 1 M lines", large["peak_mib"] / small, FLAT_LIMIT, "", details)
    yield Measure("20 M lines, peak memory", large["peak_mib"], MEMORY_LIMIT_MIB, " MiB", "Parquet")
