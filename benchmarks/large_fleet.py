"""The fleet that large measurements are made on: ten thousand accelerators over ninety days, made by the database.

1,250 machines of eight accelerators, measured every hour with their twelve five-minute slots (21.6 million rows of
``accelerator_hour``), with four workloads a machine in twenty of twenty-four hours (9 million rows of
``workload_hour``), charged by the day with the hours they ran, over three billing months. Of twenty machines one never
works, two work one of their accelerators at a time, and the others are busy by day. One slot in two hundred is unknown.

No bill and no file is read. The rows come day by day, as telemetry does; the tables are filled without their indexes,
which are made afterwards, all in one transaction, so that what is measured has the product's own schema and nothing
but it. The activity of an hour is one of a thousand random ones of its kind.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from aispend.settings import Settings
from aispend.store import Store, open_store
from aispend.store.partitions import ensure_partitions

MACHINES = 1250
ACCELERATORS = 8
FIRST_DAY = date(2026, 8, 1)
DAYS = 90
MONTHS = tuple(date(2026, month, 1) for month in (8, 9, 10))
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
TABLES = ("charge", "accelerator_hour", "workload_hour")

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
       FROM unnest(CAST(:months AS date[])) AS m
       ON CONFLICT DO NOTHING""",
    """INSERT INTO slice (kind, source, provider, scope, period, dataset, columns_known, state, loaded_at)
       SELECT kind, 'files', 'any', 'files', CAST(:first AS date) + n, kind, '{}', 'provisional', :now
       FROM generate_series(0, :days - 1) AS n CROSS JOIN (VALUES ('metrics'), ('workloads')) AS k (kind)
       ON CONFLICT DO NOTHING""",
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

_PATTERNS = (
    "SELECT setseed(0.25)",
    """CREATE TEMP TABLE activity ON COMMIT DROP AS
       SELECT kind, number, array_agg(mean ORDER BY slot) AS slot_mean, array_agg(most ORDER BY slot) AS slot_max,
              avg(mean)::real AS mean, max(most) AS most, (100 + 500 * avg(mean))::real AS watts
       FROM (SELECT kind, number, slot, CASE WHEN known THEN mean END AS mean,
                    CASE WHEN known THEN least(1, mean * spread)::real END AS most
             FROM (SELECT kind, number, slot, (least_ + span * random())::real AS mean, 1 + random() / 4 AS spread,
                          random() > 0.005 AS known
                   FROM (VALUES (0, 0.0, 0.0), (1, 0.02, 0.2), (2, 0.3, 0.6)) AS k (kind, least_, span)
                   CROSS JOIN generate_series(0, 996) AS number
                   CROSS JOIN generate_series(0, 11) AS slot) AS drawn) AS told
       GROUP BY kind, number""",
    "ANALYZE activity",
)
"""Hours of activity of each kind: 0 none, 1 a little, 2 busy."""

_HOURS = """
    INSERT INTO accelerator_hour (slice_id, namespace, alias, accelerator_index, hour, interval_seconds, counter,
                                  activity_mean, activity_p95, activity_max, memory_used_mean, memory_used_max,
                                  memory_total, power_mean, coverage, slot_mean, slot_max)
    SELECT :slice, 'dcgm', h.alias, h.i, h.hour, 60, 'sm_active', a.mean, a.most, a.most, 4e10, 4.2e10, 8.6e10,
           a.watts, 1, a.slot_mean, a.slot_max
    FROM (SELECT 'gpu-' || n AS alias, i, CAST(:day AS date)::timestamptz + make_interval(hours => h) AS hour,
                 CASE WHEN n % 20 = 0 THEN 0
                      WHEN n % 20 < 3 THEN CASE WHEN h >= 4 AND i = (n + :number) % 8 THEN 2 ELSE 0 END
                      WHEN h < 4 THEN 1 ELSE 2 END AS kind,
                 (31 * n + 7 * i + 13 * :number + 17 * h) % 997 AS drawn
          FROM generate_series(1, :machines) AS n
          CROSS JOIN generate_series(0, :accelerators - 1) AS i
          CROSS JOIN generate_series(0, 23) AS h) AS h
    JOIN activity a ON a.kind = h.kind AND a.number = h.drawn"""

_WORKLOADS = """
    INSERT INTO workload_hour (slice_id, hour, namespace, alias, workload, kind, seconds, accelerators_requested,
                               accelerators_used, stage, model, team)
    SELECT :slice, CAST(:day AS date)::timestamptz + make_interval(hours => h), 'k8s', 'gpu-' || n,
           'pod-' || n || '-' || w, 'deployment', 3600, 2, 1.5, 'inference_online', 'model-' || (n / 25 + w) % 40,
           'team-' || (n + w) % 12
    FROM generate_series(1, :machines) AS n
    CROSS JOIN generate_series(4, 23) AS h
    CROSS JOIN generate_series(1, 4) AS w"""


class _Telemetry(NamedTuple):
    """A table of telemetry: the kind of its slices, the rows of a day, and what these are drawn from."""

    table: str
    kind: str
    rows: str
    before: Sequence[str] = ()


_TELEMETRY = (
    _Telemetry("accelerator_hour", "metrics", _HOURS, _PATTERNS),
    _Telemetry("workload_hour", "workloads", _WORKLOADS),
)

_INDEXES = """
    SELECT pg_get_indexdef(i.indexrelid) AS made, i.indexrelid::regclass::text AS name, c.conname AS key,
           pg_get_constraintdef(c.oid) AS key_made
    FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
    WHERE i.indrelid = CAST(:name AS regclass)"""


@dataclass(frozen=True)
class Fleet:
    """A database with the fleet in it; ``seconds`` is how long making it took, None where it was there already."""

    store: Store
    home: Path
    machines: int
    seconds: float | None

    @property
    def accelerators(self) -> int:
        """How many there are."""
        return self.machines * ACCELERATORS

    def rows(self) -> dict[str, int]:
        """Rows of each of the tables it fills."""
        with self.store.engine.connect() as connection:
            return {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in TABLES}

    def __str__(self) -> str:
        counted = ", ".join(f"{rows:,} {name.replace('_', ' ')}s" for name, rows in self.rows().items())
        made = "" if self.seconds is None else f", made in {self.seconds:.0f} s"
        return f"{self.accelerators:,} accelerators × {DAYS} days ({counted}{made})"


@contextmanager
def large_fleet(scale: float = 1.0, home: Path | None = None) -> Iterator[Fleet]:
    """The fleet at a share of its full size; in a temporary folder, or in ``home``, where it stays for another run."""
    machines = max(1, int(MACHINES * scale))
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") if home is None else nullcontext(home) as folder:
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o711)  # the embedded server may run as another user, who must get through
        with open_store(Settings(home=place)) as store:
            with store.engine.connect() as connection:
                there = connection.scalar(text("SELECT count(*) FROM resource_alias")) or 0
            seconds = None
            if not there:
                began = time.perf_counter()
                make(store, machines)
                seconds = time.perf_counter() - began
            yield Fleet(store, place, there or machines, seconds)


def make(store: Store, machines: int) -> None:
    """Make the rows: what they belong to first, then both tables of telemetry side by side."""
    scope = {"first": FIRST_DAY, "days": DAYS, "machines": machines, "now": NOW}
    costs = {"costs": ["billed_cost", "effective_cost", "list_cost", "contracted_cost"], "months": list(MONTHS)}
    with ThreadPoolExecutor(2) as pool:
        with store.engine.begin() as connection:
            ensure_partitions(connection, MONTHS)
            for statement in _SLICES:
                connection.execute(text(statement), scope | costs)
        for done in [pool.submit(_fill, store, telemetry, machines) for telemetry in _TELEMETRY]:
            done.result()
    with store.engine.begin() as connection:
        # last, because a fleet that has its names is taken for finished
        for statement in _DIMENSIONS:
            connection.execute(text(statement), scope)
        connection.execute(text(_CHARGES), scope)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))


def _fill(store: Store, telemetry: _Telemetry, machines: int) -> None:
    """Fill a table a day at a time. What is emptied and filled in one transaction needs no log of it."""
    with store.engine.begin() as connection:
        connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        slices = connection.execute(
            text("SELECT slice_id, period FROM slice WHERE kind = :kind ORDER BY period"), {"kind": telemetry.kind}
        ).all()
        for statement in telemetry.before:
            connection.execute(text(statement))
        connection.execute(text(f"TRUNCATE {telemetry.table}"))
        with _without_indexes(connection, telemetry.table):
            for slice_id, day in slices:
                connection.execute(text(telemetry.rows), _of_day(slice_id, day, machines))


def _of_day(slice_id: int, day: date, machines: int) -> Mapping[str, Any]:
    values = {"slice": slice_id, "day": day, "machines": machines, "accelerators": ACCELERATORS}
    return values | {"number": (day - FIRST_DAY) // timedelta(days=1)}


@contextmanager
def _without_indexes(connection: Connection, table: str) -> Iterator[None]:
    """Take the indexes of a table away, and make the very same again."""
    indexes = connection.execute(text(_INDEXES), {"name": table}).all()
    for index in indexes:
        gone = f"DROP INDEX {index.name}" if index.key is None else f"ALTER TABLE {table} DROP CONSTRAINT {index.key}"
        connection.execute(text(gone))
    yield
    for index in indexes:
        again = f"ALTER TABLE {table} ADD CONSTRAINT {index.key} {index.key_made}"
        connection.execute(text(index.made if index.key is None else again))
