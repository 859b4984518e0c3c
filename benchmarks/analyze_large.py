"""Whether ten thousand accelerators over ninety days can be analyzed in bounded memory.

1,250 machines of eight accelerators, measured every hour (21.6 million rows of ``accelerator_hour``), with four
workloads a machine in twenty of twenty-four hours (9 million rows of ``workload_hour``), charged by the day with the
hours they ran, over three billing months. The rows are made by the database itself; no bill and no file is read. Then
``analyzer.run.analyze`` runs in a process of its own, from nothing to forecasts. Memory is the proportional set size of
that process and of the whole Postgres server together, looked at four times a second: shared pages count once.

``python -m benchmarks.analyze_large [--scale X] [--home HOME]``; HOME keeps the rows for another run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import Connection, text

from aispend.settings import Settings
from aispend.store import Store, open_store
from aispend.store.partitions import ensure_partitions
from benchmarks.child import peak_mib
from benchmarks.import_focus import Measure

MACHINES = 1250
ACCELERATORS = 8
FIRST_DAY = date(2026, 8, 1)
DAYS = 90
MONTHS = tuple(date(2026, month, 1) for month in (8, 9, 10))
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
LIMIT_MIB = 2048

_DIMENSIONS = (
    """INSERT INTO account (account_key, provider, billing_account_id, sub_account_id)
       SELECT n, 'aws', 'payer', 'account-' || n FROM generate_series(1, 20) AS n""",
    """INSERT INTO sku (sku_key, provider, service_name, service_category, sku_id, sku_meter, consumed_unit,
                        pricing_unit, instance_type, is_ai, platform, accelerator_type, accelerators)
       VALUES (1, 'aws', 'Amazon Elastic Compute Cloud', 'Compute', 'P5', 'p5.48xlarge hours', 'Hours', 'Hours',
               'p5.48xlarge', true, 'gpu_vm', 'nvidia-h100-80gb', 8)""",
    "INSERT INTO location (location_key, provider, region_id) VALUES (1, 'aws', 'us-east-1')",
    """INSERT INTO charge_kind (charge_kind_key, charge_category, charge_frequency, pricing_category, billing_currency)
       VALUES (1, 'Usage', 'Usage-Based', 'Standard', 'USD')""",
    """INSERT INTO tag_set (tag_set_key, tags)
       SELECT n, jsonb_build_object('team', 'team-' || n % 12, 'env', 'prod') FROM generate_series(1, 50) AS n""",
    """INSERT INTO resource (resource_key, provider, resource_id, account, region, fleet, instance_type,
                             accelerator_type, accelerators, first_seen, last_seen)
       SELECT 1000 + n, 'aws', 'i-' || lpad(to_hex(n), 17, '0'), 'account-' || 1 + n % 20, 'us-east-1',
              'pool-' || n / 25, 'p5.48xlarge', 'nvidia-h100-80gb', 8, CAST(:first AS date),
              CAST(:first AS date) + :days - 1
       FROM generate_series(1, :machines) AS n""",
    """INSERT INTO resource_alias (namespace, alias, valid_from, resource_key, method, confidence)
       SELECT '*', 'gpu-' || n, CAST(:first AS date), 1000 + n, 'inventory', 1
       FROM generate_series(1, :machines) AS n""",
)

_SLICES = (
    """INSERT INTO slice (kind, source, provider, scope, period, dataset, columns_known, state, loaded_at)
       SELECT 'bill', 'files', 'aws', 'payer', m, 'focus',
              CAST(:costs AS text[]), 'provisional', :now
       FROM unnest(CAST(:months AS date[])) AS m""",
    """INSERT INTO slice (kind, source, provider, scope, period, dataset, columns_known, state, loaded_at)
       SELECT kind, 'files', 'any', 'files', CAST(:first AS date) + n, kind, '{}', 'provisional', :now
       FROM generate_series(0, :days - 1) AS n CROSS JOIN (VALUES ('metrics'), ('workloads')) AS k (kind)""",
)

_CHARGES = """
    INSERT INTO charge (billing_month, slice_id, half, ordinal, charge_date, account_key, sku_key, location_key,
                        resource_key, tag_set_key, commitment_key, charge_kind_key, hours, billed_cost, effective_cost,
                        list_cost, contracted_cost, pricing_quantity, consumed_quantity, line_count)
    SELECT s.period, s.slice_id, 0, row_number() OVER (PARTITION BY s.period), d.day, 1 + n % 20, 1, 1, 1000 + n,
           CASE WHEN n % 5 > 0 THEN 1 + n % 50 ELSE 0 END, 0, 1, (1 << 24) - 1,
           24 * 55.04, 24 * 52.288, 24 * 55.04, 24 * 52.288, 24, 24, 24
    FROM generate_series(1, :machines) AS n
    CROSS JOIN (SELECT CAST(:first AS date) + n AS day FROM generate_series(0, :days - 1) AS n) AS d
    JOIN slice s ON s.kind = 'bill' AND s.period = date_trunc('month', d.day)::date"""

_HOURS = """
    INSERT INTO accelerator_hour (slice_id, namespace, alias, accelerator_index, hour, interval_seconds, counter,
                                  activity_mean, activity_p95, activity_max, memory_used_mean, memory_total, power_mean,
                                  coverage)
    SELECT s.slice_id, 'dcgm', 'gpu-' || n, i, s.period::timestamptz + make_interval(hours => h), 60, 'gpu_utilization',
           CASE WHEN h < 4 THEN 0.001 ELSE (7 * n + 3 * i + h) % 90 / 100.0 END, 0.95, 1, 4e10, 8.6e10,
           100 + (n + i + h) % 500, 1
    FROM generate_series(CAST(:start AS int), :stop) AS n
    CROSS JOIN generate_series(0, :accelerators - 1) AS i
    JOIN slice s ON s.kind = 'metrics'
    CROSS JOIN generate_series(0, 23) AS h
    ORDER BY n::text, i, s.period, h"""

_WORKLOADS = """
    INSERT INTO workload_hour (slice_id, hour, namespace, alias, workload, kind, seconds, accelerators_requested,
                               accelerators_used, stage, model, team)
    SELECT s.slice_id, s.period::timestamptz + make_interval(hours => h), 'k8s', 'gpu-' || n, 'pod-' || n || '-' || w,
           'deployment', 3600, 2, 1.5, 'inference_online', 'model-' || (n / 25 + w) % 40, 'team-' || (n + w) % 12
    FROM slice s
    CROSS JOIN generate_series(4, 23) AS h
    CROSS JOIN generate_series(1, :machines) AS n
    CROSS JOIN generate_series(1, 4) AS w
    WHERE s.kind = 'workloads' AND s.period = :day"""

MACHINES_AT_ONCE = 50
LOOK_SECONDS = 0.25
TABLES = ("charge", "accelerator_hour", "workload_hour")


@dataclass
class Peak:
    """The most memory seen, in MiB: of both together, and of each at its own worst."""

    both: float = 0
    process: float = 0
    server: float = 0

    def look(self, process: int, server: int) -> None:
        """Take a look at both."""
        ours = _proportional(psutil.Process(process))
        postmaster = psutil.Process(server)
        theirs = sum(map(_proportional, [postmaster, *postmaster.children(recursive=True)]))
        self.both = max(self.both, ours + theirs)
        self.process, self.server = max(self.process, ours), max(self.server, theirs)


def _proportional(process: psutil.Process) -> float:
    """Proportional set size in MiB; 0 for a process that is gone."""
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0.0


def generate(store: Store, machines: int) -> None:
    """Make the rows, in transactions of a few machines or a day each."""
    scope = {"first": FIRST_DAY, "days": DAYS, "machines": machines, "accelerators": ACCELERATORS, "now": NOW}
    costs = {"costs": ["billed_cost", "effective_cost", "list_cost", "contracted_cost"], "months": list(MONTHS)}
    with store.engine.begin() as connection:
        ensure_partitions(connection, MONTHS)
        for statement in _DIMENSIONS:
            connection.execute(text(statement), scope)
        for statement in _SLICES:
            connection.execute(text(statement), scope | costs)
        connection.execute(text(_CHARGES), scope)
    for start in range(1, machines + 1, MACHINES_AT_ONCE):
        stop = min(start + MACHINES_AT_ONCE - 1, machines)
        with store.engine.begin() as connection:
            connection.execute(text(_HOURS), scope | {"start": start, "stop": stop})
    for number in range(DAYS):
        with store.engine.begin() as connection:
            connection.execute(text(_WORKLOADS), scope | {"day": FIRST_DAY + timedelta(days=number)})
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM"))


def measures(scale: float = 1.0, home: Path | None = None) -> Iterator[Measure]:
    """Peak memory of one analysis of everything; the seconds it took are told beside it."""
    machines = max(1, int(MACHINES * scale))
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") if home is None else nullcontext(home) as folder:
        Path(folder).chmod(0o711)  # the embedded server may run as another user, who must get through
        with open_store(Settings(home=Path(folder))) as store:
            with store.engine.connect() as connection:
                missing = not connection.scalar(text("SELECT EXISTS (SELECT FROM accelerator_hour)"))
                server = _postmaster(connection)
            if missing:
                generate(store, machines)
            with store.engine.begin() as connection:
                connection.execute(text("DELETE FROM analysis_state"))
                rows = [connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in TABLES]
            peak, result = _analyzed(store.uri, folder, server)
    counted = ", ".join(f"{rows:,} {name.replace('_', ' ')}s" for name, rows in zip(TABLES, rows, strict=True))
    details = (
        f"{machines * ACCELERATORS:,} accelerators × {DAYS} days: {counted} → {result['shares']:,.0f} shares in"
        f" {result['seconds']:.0f} s; process {peak.process:.0f} MiB, Postgres {peak.server:.0f} MiB"
    )
    yield Measure("analysis, peak memory with its Postgres", peak.both, LIMIT_MIB, " MiB", details)


def _postmaster(connection: Connection) -> int:
    return psutil.Process(connection.scalar(text("SELECT pg_backend_pid()"))).ppid()


def _analyzed(uri: str, home: Path | str, server: int) -> tuple[Peak, dict[str, float]]:
    """Run the analysis in a process of its own, and look at the memory of both until it is done."""
    command = [sys.executable, "-m", "benchmarks.analyze_large", "--analyze", uri, "--home", str(home)]
    peak = Peak()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            peak.look(child.pid, server)
            time.sleep(LOOK_SECONDS)
        output = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise SystemExit(child.returncode)
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    peak.process = max(peak.process, result["peak_mib"])
    return peak, result


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
