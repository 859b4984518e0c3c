"""What Google has of the sample company: nothing twice, the same money, and its collectors bring it all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.cli.trial_cloud import collect_from
from aispend.cli.trial_gcp import google_serving, other_kinds
from aispend.connections import GcpConnection
from aispend.resource_id import canonical
from aispend.settings import Settings
from aispend.store import Store
from collectors.contract import Window
from collectors.gcp.cloud import Gcp
from sample.company import SampleCompany
from sample.google_company import company_of
from sample.google_projects import NUMBERS
from tests.sample.conftest import EXACT, TODAY, Ask

SINCE = "2026-10-22"
"""The first day that Google's services are asked for: thirty before today."""
DAYS = 2
"""Days that are collected here."""


def now() -> datetime:
    return datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC)


def points(company: SampleCompany, name: str) -> str:
    """SQL: points of Cloud Monitoring with whose they are, by the name its collector gives that."""
    folder = company.google / "points"
    whose = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    listed = ", ".join(f"({number}, '{_name(one['resource'])}')" for number, one in enumerate(whose))
    return f"""(SELECT p.*, w.whose, to_timestamp(p."end") AS ended FROM '{folder / name}.parquet' AS p
                JOIN (VALUES {listed}) AS w (series, whose) USING (series))"""


def _name(told: dict[str, str]) -> str:
    if "endpoint_id" in told:
        return f"projects/{told['resource_container']}/locations/{told['location']}/endpoints/{told['endpoint_id']}"
    return next(told[name] for name in ("model_user_id", "node_name", "instance_id") if name in told)


def test_tokens_that_google_counts_are_those_it_charges_for(company: SampleCompany, ask: Ask) -> None:
    """Of windows of the bill that lie within the days Google is asked for: 0.30 and 2.50 dollars a million."""
    counted = ask(
        f"""SELECT sum(input), sum(output) FROM {points(company, "models")}
            WHERE whose = 'gemini-2.5-flash' AND ended > '{SINCE} 08:00:00+00'"""
    )
    expected = [
        tokens * price / 10**6 for tokens, price in zip(counted[0], (Decimal("0.3"), Decimal("2.5")), strict=True)
    ]
    for words, amount in zip(("Input", "Output"), expected, strict=True):
        [(billed,)] = ask(
            f"""SELECT sum(CAST(cost AS {EXACT})) FROM gcp WHERE usage_start_time >= '{SINCE} 08:00:00 UTC'
                AND sku.description = 'Gemini 2.5 Flash GA Text {words} - Predictions'"""
        )
        assert billed == amount


def test_nothing_is_in_files_that_google_tells(company: SampleCompany, ask: Ask) -> None:
    newest = "SELECT max(timestamp) < $1::TIMESTAMPTZ, max(timestamp) >= $1::TIMESTAMPTZ - INTERVAL 1 DAY FROM usage"
    assert ask(f"{newest} WHERE model LIKE 'gemini%'", SINCE) == [(True, True)]
    measured = ask(
        """SELECT fleet, max(m.timestamp) < ?::TIMESTAMPTZ FROM metrics m JOIN machines ON alias = m.resource_id
           WHERE provider = 'gcp' GROUP BY 1 ORDER BY 1""",
        SINCE,
    )
    assert [fleet for fleet, before in measured if not before] == ["demand-tpu"], "Google measures no TPU of a machine"
    there = {name for _, name in _machines(company)}
    named = {alias for (alias,) in ask("SELECT alias FROM inventory WHERE provider = 'gcp'")}
    assert there
    assert there & named == set()
    assert {alias for (alias,) in ask("SELECT alias FROM machines WHERE provider = 'gcp'")} == there | named


def test_the_forgotten_workbench_is_idle_to_google_too(company: SampleCompany, ask: Ask) -> None:
    [(itself,)] = ask("SELECT resource_id FROM verdicts WHERE fleet = 'workbench'")
    busy = f"SELECT count(*) > 8000, max(gpu_utilization) < 1 FROM {points(company, 'devices')} WHERE whose = ?"
    assert ask(busy, itself.rpartition("/")[2]) == [(True, True)]


def _machines(company: SampleCompany) -> set[tuple[str, str]]:
    """Ids of the bill and names of the machines Google lists."""
    listings = json.loads((company.google / "listings.json").read_text(encoding="utf-8"))
    found = {
        (f"projects/{NUMBERS[project]}/{zone}/instances/{one['id']}", one["name"])
        for project, told in listings["compute.instances.aggregatedList"].items()
        for zone, those in told["items"].items()
        for one in those["instances"]
    }
    endpoints = [one for told in listings["aiplatform.endpoints.list"].values() for one in told["endpoints"]]
    return found | {(one["name"], one["name"].rpartition("/")[2]) for one in endpoints}


@pytest.fixture
def google(company: SampleCompany) -> Iterator[GcpConnection]:
    with google_serving(company) as connection:
        yield connection


def rows(database: Store, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_what_google_has_is_collected_and_meets_the_bill(
    company: SampleCompany, ask: Ask, google: GcpConnection, database: Store, store_settings: Settings
) -> None:
    days = {"window": Window(TODAY - timedelta(days=DAYS), TODAY), "clock": now}
    reports = collect_from(Gcp(), google, database, store_settings, None, kinds=other_kinds(), **days)

    assert [one.source for one in reports] == [f"sample-gcp/{kind}" for kind in other_kinds()]
    machines_are_those_of_the_bill(company, ask, database)
    tokens_are_those_that_were_counted(company, ask, database)
    accelerators_are_as_busy_as_they_were(company, ask, database)
    prices_are_those_of_the_bill(ask, database)
    assert rows(database, "SELECT DISTINCT commitment_id FROM commitment_term WHERE kind = 'committed_use_pool'") == [
        ("cud us-central1 g2 cpu",), ("cud us-central1 g2 ram",), ("cud us-central1 gpu l4",),
    ]  # fmt: skip
    stop = "SELECT action, round(monthly_saving, 2), currency FROM provider_advice"
    assert rows(database, stop) == [("Stop", Decimal("730.34"), "USD")], "730 hours of 1.00046 dollars"

    again = collect_from(Gcp(), google, database, store_settings, None, kinds=other_kinds(), **days)

    assert sum(one.loaded for one in again) == 0
    assert {name for one in again for name in one.requests} == {"compute.instances.aggregatedList"}, "where to look"


def machines_are_those_of_the_bill(company: SampleCompany, ask: Ask, database: Store) -> None:
    there = {canonical("gcp", itself) for itself, _ in _machines(company)}
    listed = rows(
        database,
        "SELECT resource_id FROM resource_history JOIN resource USING (resource_key)"
        " WHERE kind IN ('gce_instance', 'vertex_endpoint')",
    )
    assert {itself for (itself,) in listed} == there
    billed = {canonical("gcp", itself) for (itself,) in ask("SELECT DISTINCT resource.global_name FROM gcp") if itself}
    assert there <= billed


def tokens_are_those_that_were_counted(company: SampleCompany, ask: Ask, database: Store) -> None:
    known = rows(
        database,
        """SELECT model, sum(quantity) FILTER (WHERE unit_class = 'input')::bigint,
                  sum(quantity) FILTER (WHERE unit_class = 'output')::bigint,
                  sum(quantity) FILTER (WHERE unit_class = 'requests')::bigint
           FROM inference_hour GROUP BY model ORDER BY model""",
    )
    counted = ask(
        f"""SELECT whose, sum(input), sum(output), sum(answered)
            FROM {points(company, "models")} WHERE ended > '{TODAY - timedelta(days=DAYS)}'::TIMESTAMPTZ
            GROUP BY 1 ORDER BY 1"""
    )
    assert known == counted


def accelerators_are_as_busy_as_they_were(company: SampleCompany, ask: Ask, database: Store) -> None:
    """Hours of accelerators and the mean of their activity, by the name of the machine (of SMs, if told)."""
    known = rows(
        database, "SELECT alias, count(*), avg(activity_mean) FROM accelerator_hour GROUP BY alias ORDER BY alias"
    )
    written = ask(
        f"""SELECT whose, count(*), avg(busy) FROM (
                SELECT whose, series,
                       avg(CASE WHEN whose ~ '^[0-9]+$' THEN coalesce(sm_active, gpu_utilization / 100)
                           ELSE gpu_utilization / 100 END) AS busy FROM {points(company, "devices")}
                WHERE ended > '{TODAY - timedelta(days=DAYS)}'::TIMESTAMPTZ
                GROUP BY whose, series, date_trunc('hour', ended - INTERVAL 5 MINUTE))
            GROUP BY whose ORDER BY whose"""
    )
    assert [(of, count) for of, count, _ in known] == [(of, count) for of, count, _ in written]
    assert [busy for *_, busy in known] == pytest.approx([busy for *_, busy in written], abs=0.0001)


def prices_are_those_of_the_bill(ask: Ask, database: Store) -> None:
    """On demand at list: 12 × 0.031611 + 85 × 0.004237 + 2.933908 = 3.673385 dollars an hour."""
    on_demand = (
        "SELECT hourly_price FROM price WHERE source = 'sample-gcp/prices' AND instance_type = 'a2-highgpu-1g'"
        " AND term = 'on_demand'"
    )
    assert rows(database, on_demand) == [(Decimal("3.673385"),)]
    [(spot,)] = rows(database, "SELECT hourly_price FROM spot_price WHERE instance_type = 'a2-highgpu-8g'")
    parts = ask(
        """SELECT sku.description, any_value(CAST(price.effective_price AS DECIMAL(18, 9))) FROM gcp
           WHERE sku.description LIKE '%Spot%' GROUP BY 1 ORDER BY 1"""
    )
    assert len(parts) == 3
    amounts = {"Nvidia": 8, "Core": 96, "Ram": 680}
    expected = sum(price * next(number for word, number in amounts.items() if word in name) for name, price in parts)
    assert spot == expected


def test_what_it_has_is_by_project(company: SampleCompany) -> None:
    double = company_of(company.google, company.bills[3])
    number = double.respond("GET", "/v1/projects/lk-vision-prod", b"")
    assert number == {"projectId": "lk-vision-prod", "projectNumber": "604417092283"}
    told = double.respond("GET", "/compute/v1/projects/lk-analytics/aggregated/instances", b"")
    assert told == {}, "its TPUs run on Thursdays alone"
    double.bigquery.close()
