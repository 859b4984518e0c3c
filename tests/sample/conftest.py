"""One small sample company for all tests of this folder, and the ways to read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import pytest

from sample.company import SampleCompany, generate

TODAY = date(2026, 11, 21)
SCALE = 0.05
EXACT = "DECIMAL(38, 12)"
GCP_NET = f"CAST(cost AS {EXACT}) + coalesce(list_sum(list_transform(credits, lambda c: CAST(c.amount AS {EXACT}))), 0)"
"""What a row of Google's export costs after its credits."""

Ask = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> SampleCompany:
    return generate(tmp_path_factory.mktemp("sample") / "company", seed=7, scale=SCALE, today=TODAY)


@pytest.fixture(scope="session")
def ask(company: SampleCompany) -> Ask:
    """SQL over what was delivered (aws, azure_usd, azure_eur, gcp, metrics, usage …) and over the truth."""
    bills = {path.name: path for path in company.bills}
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    views = {
        "aws": f"read_parquet('{bills['aws']}/*/data/*/*.parquet')",
        "azure_usd": f"read_parquet('{bills['azure-usd']}/*/*/*/*/*.parquet')",
        "azure_eur": f"read_csv('{bills['azure-eur']}/*/*/*/*/*.csv.gz', all_varchar = true)",
        "gcp": f"read_json('{bills['gcp']}/*/*.json.gz', maximum_depth = 1, columns = {GCP_COLUMNS})",
        "metrics": f"read_parquet('{company.metrics}/*.parquet')",
        "usage": f"read_parquet('{company.usage}/usage-hourly.parquet')",
        "requests": f"read_csv('{company.usage}/requests-*.csv.gz')",
        "workloads": f"read_parquet('{company.workloads}')",
        "inventory": f"read_csv('{company.inventory}', all_varchar = true)",
        "truth": f"read_parquet('{company.truth}/charges.parquet')",
        "machines": f"read_csv('{company.truth}/machines.csv')",
        "verdicts": f"read_csv('{company.truth}/verdicts.csv')",
        "runs": f"read_csv('{company.truth}/runs.csv', types = {{'account': 'VARCHAR'}})",
        "volumes": f"read_csv('{company.truth}/volumes.csv', types = {{'account': 'VARCHAR'}})",
        "names": f"read_csv('{company.truth}/names.csv')",
        "invoices": f"read_csv('{company.invoices}', types = {INVOICE_TYPES})",
    }
    for name, source in views.items():
        connection.execute(f"CREATE TEMP TABLE {name} AS FROM {source}")

    def run(query: str, *values: object) -> list[Any]:
        return connection.execute(query, list(values)).fetchall()

    return run


INVOICE_TYPES = {"invoice_id": "VARCHAR", "net": "DECIMAL(18, 2)", "tax": "DECIMAL(18, 2)"}
GCP_COLUMNS = {
    "sku": "STRUCT(id VARCHAR, description VARCHAR)",
    "service": "STRUCT(id VARCHAR, description VARCHAR)",
    "usage_start_time": "VARCHAR",
    "usage_end_time": "VARCHAR",
    "export_time": "VARCHAR",
    "cost": "VARCHAR",
    "usage": "STRUCT(amount DOUBLE, amount_in_pricing_units DOUBLE)",
    "credits": "STRUCT(amount VARCHAR, type VARCHAR)[]",
    "invoice": "STRUCT(month VARCHAR)",
    "cost_type": "VARCHAR",
    "labels": "STRUCT(key VARCHAR, value VARCHAR)[]",
    "resource": "STRUCT(name VARCHAR, global_name VARCHAR)",
    "price": "STRUCT(effective_price VARCHAR, list_price VARCHAR)",
}
