"""How right the analysis is: one month of the sample company, loaded as a real bill is, against what really happened.

The truth files name the real user of every charge; no product code opens them. Money is *right* where our share of
a charge and day for a user overlaps with the truth's. A wrong tag is believed, so that money is wrong; it must say
that telemetry contradicts it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.resource_id import canonical
from aispend.settings import Settings, load_settings
from aispend.store import Store
from analyzer.reconcile import check
from analyzer.run import analyze
from collectors.files.bills import import_bills
from collectors.files.inventory import import_inventory
from collectors.files.usage import import_usage
from collectors.files.workloads import import_workloads
from sample.company import SampleCompany, generate

MONTH = "2026-09"
TODAY = date(2026, 11, 21)
WITH_SIGNAL = ("tagged", "untagged_with_signal", "shared_node", "token_api")

_OURS = """
    SELECT a.provider, c.charge_date, r.resource_id, sk.sku_id, t.model, t.team, t.reason, t.method,
           CAST(sum(s.effective_cost) AS float8) AS cost
    FROM charge c
    JOIN (SELECT sku_key, sku_id FROM sku) AS sk USING (sku_key)
    JOIN account a USING (account_key)
    JOIN resource r USING (resource_key)
    JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
    JOIN share_target t USING (target_key)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"""

_RIGHT = """
    WITH truth_ AS (SELECT provider, charge_date, resource, sku_id, difficulty, {field} AS who, sum(effective_cost) AS c
                    FROM truth GROUP BY ALL),
    ours_ AS (SELECT provider, charge_date, resource_id AS resource, sku_id, {field} AS who, sum(cost) AS c
              FROM ours GROUP BY ALL)
    SELECT difficulty, sum(t.c) AS total, sum(least(t.c, coalesce(o.c, 0))) AS agreed
    FROM truth_ t
    LEFT JOIN ours_ o ON o.provider = t.provider AND o.charge_date = t.charge_date AND o.resource = t.resource
         AND o.sku_id IS NOT DISTINCT FROM t.sku_id AND o.who IS NOT DISTINCT FROM t.who
    GROUP BY difficulty"""

_DOUBTED = """
    SELECT sum(o.cost) FILTER (WHERE o.method LIKE '%(telemetry: %'), sum(o.cost)
    FROM ours o
    WHERE EXISTS (SELECT 1 FROM truth t WHERE t.difficulty = 'wrong_tag' AND t.resource = o.resource_id)"""
"""Cost that wrong tags misplaced, and how much of it says that telemetry contradicts the tag."""


@pytest.fixture
def company(tmp_path: Path) -> SampleCompany:
    return generate(tmp_path / "company", seed=7, scale=0.05, today=TODAY)


def one_month(company: SampleCompany, folder: Path) -> tuple[list[Path], Path, Path]:
    """The month's bills, and its usage and workload records in files of their own."""
    plain = MONTH.replace("-", "")
    bills = [path for path in company.root.glob("bills/**/*") if path.is_file() and path.suffix != ".json"]
    chosen = [path for path in bills if f"={MONTH}/" in str(path) or f"/{plain}" in str(path)]
    assert len(chosen) == 4
    for name, source in (("usage", company.usage / "usage-hourly.parquet"), ("workloads", company.workloads)):
        duckdb.execute(
            f"COPY (SELECT * FROM '{source}' WHERE strftime(timestamp AT TIME ZONE 'UTC', '%Y-%m') = '{MONTH}')"
            f" TO '{folder / name}.parquet'"
        )
    return chosen, folder / "usage.parquet", folder / "workloads.parquet"


def load(company: SampleCompany, store: Store, settings: Settings, clock: Clock, folder: Path) -> None:
    bills, usage, workloads = one_month(company, folder)
    for bill in bills:
        import_bills([bill], store, settings, clock)
    import_inventory([company.inventory], store, settings, clock)
    import_usage([usage], store, settings, clock)
    import_workloads([workloads], store, settings, clock)


def compare(company: SampleCompany, store: Store) -> duckdb.DuckDBPyConnection:
    """A connection with ``truth`` (AI usage of the month) and ``ours``."""
    with store.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(text(_OURS)).mappings()]
    con = duckdb.connect()
    con.register("ours_rows", pa.Table.from_pylist(rows))
    con.execute("CREATE TABLE ours AS FROM ours_rows")
    con.execute(
        f"CREATE TABLE truth AS SELECT *, '' AS resource FROM '{company.truth}/charges.parquet'"
        f" WHERE is_ai AND charge_category = 'Usage' AND strftime(billing_month, '%Y-%m') = '{MONTH}'"
    )
    ids = con.execute("SELECT DISTINCT provider, resource_id FROM truth WHERE resource_id <> ''").fetchall()
    names = [{"provider": provider, "id": given, "canonical": canonical(provider, given)} for provider, given in ids]
    con.register("names", pa.Table.from_pylist(names))
    con.execute(
        "UPDATE truth SET resource = n.canonical FROM names n"
        " WHERE n.provider = truth.provider AND n.id = truth.resource_id"
    )
    return con


def test_ninety_five_percent_of_spend_with_signals_is_attributed_right(
    company: SampleCompany, database: Store, clock: Clock, tmp_path: Path
) -> None:
    environment = {"AISPEND_HOME": str(tmp_path / "home"), "AISPEND_CONFIG": str(company.settings_file)}
    settings = load_settings(environment, database_url=database.uri)
    load(company, database, settings, clock, tmp_path)
    report = analyze(database.engine, settings, clock)
    assert report.shares > report.charges > 1000
    with database.engine.connect() as connection:
        assert [row for row in check(connection) if not row.holds] == []
    con = compare(company, database)
    for field in ("model", "team"):
        found: dict[str, Any] = {
            difficulty: (float(total), float(agreed))
            for difficulty, total, agreed in con.execute(_RIGHT.format(field=field)).fetchall()
        }
        total, agreed = (sum(found[name][place] for name in WITH_SIGNAL) for place in (0, 1))
        assert agreed >= 0.95 * total > 0
    doubted, misled = con.execute(_DOUBTED).fetchall()[0]
    assert doubted >= 0.9 * misled > 0
