"""What Azure tells of the sample company: collected by the real collectors, in no file too, and equal to the bills."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from sqlalchemy import text

from aispend.cli.trial_azure import azure_serving, collect_azure_rest, other_kinds
from aispend.settings import Settings
from aispend.store import Store
from collectors.runner import SourceReport
from sample.company import SampleCompany
from tests.sample.conftest import EXACT, Ask

FIRST = date(2026, 10, 22)
"""Thirty days before the company's today: from here on Azure is asked."""


def now() -> datetime:
    return datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture
def points(company: SampleCompany) -> Iterator[duckdb.DuckDBPyConnection]:
    """A table of Azure Monitor's points."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE points AS FROM '{company.azure}/points.parquet'")
        yield connection


def collected(company: SampleCompany, store: Store, settings: Settings) -> dict[str, SourceReport]:
    with azure_serving({}, company.azure) as azure:
        reports = collect_azure_rest(azure, store, settings, None, clock=now)
    return {report.source.partition("/")[2]: report for report in reports}


def test_tokens_are_in_a_file_or_with_azure_and_add_up_to_the_bill(ask: Ask, points: duckdb.DuckDBPyConnection) -> None:
    """By model and month of the dollar account: input and output."""
    held = """SELECT json_extract_string(dimensions, '$.ModelName'), strftime(timestamp, '%Y-%m'), sum(value)::BIGINT
              FROM points WHERE metric IN ('InputTokens', 'OutputTokens') AND resource NOT LIKE '%weu' GROUP BY 1, 2"""
    told: dict[tuple[str, str], int] = {
        (model, month): tokens for model, month, tokens in points.execute(held).fetchall()
    }
    for model, month, tokens in ask(
        """SELECT model, strftime(timestamp, '%Y-%m'),
                  sum(uncached_input_tokens + coalesce(cached_input_tokens, 0) + coalesce(output_tokens, 0))::BIGINT
           FROM usage WHERE provider = 'azure' AND endpoint IN ('lk-openai-eastus', 'lk-openai-index') GROUP BY 1, 2"""
    ):
        told[model, month] = told.get((model, month), 0) + tokens
    billed = ask(
        f"""SELECT CASE WHEN x_SkuMeterName LIKE '%mini%' THEN 'gpt-4o-mini'
                        WHEN x_SkuMeterName LIKE 'gpt%' THEN 'gpt-4o' ELSE 'text-embedding-3-large' END AS model,
                   strftime(ChargePeriodStart, '%Y-%m'), (1000 * sum(PricingQuantity::{EXACT}))::BIGINT
            FROM azure_usd WHERE ServiceName = 'Azure AI Services' GROUP BY 1, 2"""
    )
    assert len(billed) == 3 * 13
    assert told == {(model, month): tokens for model, month, tokens in billed}
    assert ask("SELECT max(timestamp)::DATE FROM usage WHERE provider = 'azure' AND endpoint LIKE 'lk-openai%'") == [
        (date(2026, 10, 21),)
    ]
    assert points.execute(
        "SELECT min(timestamp)::DATE, max(timestamp)::DATE FROM points WHERE metric = 'ModelRequests'"
    ).fetchall() == [(FIRST, date(2026, 11, 20))]


def test_every_collector_of_azure_brings_what_it_is_for(
    company: SampleCompany, ask: Ask, points: duckdb.DuckDBPyConnection, database: Store, store_settings: Settings
) -> None:
    reports = collected(company, database, store_settings)
    assert list(reports) == other_kinds()
    with database.engine.connect() as connection:

        def rows(query: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.execute(text(query))]

        teams = rows("SELECT DISTINCT endpoint, model, team, service_tier FROM inference_hour ORDER BY 1")
        names = dict(rows("SELECT alias, resource_id FROM resource_alias JOIN resource USING (resource_key)"))
        tokens = rows("SELECT sum(quantity)::text FROM inference_hour WHERE unit_class = 'output'")
        measured = rows("SELECT alias, count(DISTINCT accelerator_index), min(hour) FROM accelerator_hour GROUP BY 1")
        committed = rows("SELECT commitment_id, quantity::int, starts_at::date FROM commitment_term")
        priced = dict(
            rows(
                """SELECT term, hourly_price FROM price WHERE provider = 'azure' AND region = 'eastus'
                   AND instance_type = 'Standard_NC24ads_A100_v4'"""
            )
        )
        spot = rows("SELECT count(*) FROM spot_price UNION ALL SELECT count(*) FROM spot_risk")
        advised = rows("SELECT action, resource_id FROM provider_advice ORDER BY 2")
    assert teams == [
        ("lk-openai-eastus/intranet-chat", "gpt-4o", "it", "standard"),
        ("lk-openai-eastus/product-faq", "gpt-4o-mini", "stores", "standard"),
        ("lk-openai-index/doc-index", "text-embedding-3-large", "search", "standard"),
        ("lk-openai-weu/store-helpdesk", "gpt-4o-mini", "stores", "standard"),
    ]
    assert [(Decimal(str(tokens[0][0])),)] == points.execute(
        "SELECT sum(value)::DECIMAL(38, 0) FROM points WHERE metric = 'OutputTokens'"
    ).fetchall()
    assert set(names) - {"legacy-ocr-01"} == {
        "vm-legacy-ocr-01",
        "vm-pricing-lab-01",
        "vm-returns-bot-01",
        "vm-shelf-scan-01",
        "vm-store-assistant-01",
        "vm-store-assistant-02",
    }
    told = dict(ask("SELECT alias, resource_id FROM names WHERE provider = 'azure' AND known_from = 'inventory'"))
    assert told == {alias: names[alias] for alias in told} == {"legacy-ocr-01": names["legacy-ocr-01"]}
    assert ask("SELECT count(*) FROM inventory WHERE provider = 'azure'") == [(0,)]
    ((compute, cards, since),) = measured
    assert (str(compute).rpartition("/")[2], cards) == ("style-train", 8)
    assert since == datetime(2026, 10, 22, tzinfo=UTC), "the run that began on the twentieth, as far as Azure is asked"
    ((bought,),) = ask("SELECT DISTINCT CommitmentDiscountId FROM azure_usd WHERE CommitmentDiscountId IS NOT NULL")
    assert committed == [(bought, 2, date(2026, 1, 5))]
    assert priced["on_demand"] == Decimal("3.673")
    assert priced["spot"] == Decimal("1.65285"), "45 percent of it"
    assert priced["1y reserved"] == Decimal("2.31399"), "63 percent of it"
    assert spot == [(5,), (5,)], "sizes and regions the company is in"
    assert [(what, str(of).rpartition("/")[2]) for what, of in advised] == [
        ("Stop", "vm-pricing-lab-01"),
        ("Stop", "vm-returns-bot-01"),
    ]


def test_what_machine_learning_measures_is_in_no_file(ask: Ask, points: duckdb.DuckDBPyConnection) -> None:
    """The hourly file has the weeks before; samples of five minutes are with Azure, one for each GPU."""
    assert ask("SELECT DISTINCT interval_seconds FROM metrics WHERE resource_id = 'style-train'") == [(3600,)]
    ((first, samples),) = points.execute(
        """SELECT strftime(min(timestamp), '%Y-%m-%d %H:%M'), count(*) / 8 FROM points
           WHERE metric = 'GpuUtilizationPercentage'"""
    ).fetchall()
    assert first == "2026-10-22 00:00"
    # from midnight to the end of October's run at about five in the afternoon, and nineteen hours of November's
    assert samples / 12 == pytest.approx(17 + 19, abs=1)
