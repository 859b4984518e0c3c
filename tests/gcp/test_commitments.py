"""Committed use discounts, through the real client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.files.dialects.gcp_commitments import pool_sql
from collectors.gcp.clients import GcpClients
from collectors.gcp.commitments import LISTING, Commitments, pools
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.double import Google, served

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
REGION = "https://www.googleapis.com/compute/v1/projects/ml-prod/regions/us-central1"
COMMITMENT = {
    "id": "77",
    "name": "h100s",
    "region": REGION,
    "type": "ACCELERATOR_OPTIMIZED_A3",
    "plan": "THIRTY_SIX_MONTH",
    "status": "ACTIVE",
    "startTimestamp": "2026-01-01T00:00:00.000-08:00",
    "endTimestamp": "2029-01-01T00:00:00.000-08:00",
    "resources": [
        {"type": "VCPU", "amount": "208"},
        {"type": "MEMORY", "amount": str(1872 * 1024)},
        {"type": "ACCELERATOR", "amount": "8", "acceleratorType": "nvidia-h100-80gb"},
    ],
}


@pytest.fixture
def google() -> Iterator[Google]:
    with served() as double:
        yield double


def regions(*found: dict[str, Any]) -> dict[str, Any]:
    return {"items": {"regions/us-central1": {"commitments": list(found)}, "regions/us-east1": {}}}


def kept(database: Store) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM commitment_term ORDER BY commitment_id")).mappings()
        return [dict(row) for row in found]


def test_a_commitment_has_its_resources_term_and_end_and_no_money(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.listings[LISTING] = regions(
        COMMITMENT,
        COMMITMENT
        | {"id": "78", "name": "old", "status": "EXPIRED", "type": "GENERAL_PURPOSE", "plan": "TWELVE_MONTH"}
        | {"resources": [{"type": "VCPU", "amount": "96"}]},
    )
    report = run(Commitments(connect(projects=["ml-prod"]), clock))

    assert (report.error, report.slices[0].message) == (None, "")
    first, second = [one for one in kept(database) if one["kind"] == "committed_use"]
    assert first["commitment_id"] == "projects/ml-prod/regions/us-central1/commitments/77"
    assert first["description"] == ("h100s, accelerator optimized a3, 208 vCPU, 1872 GiB, 8 nvidia-h100-80gb, 3 years")
    assert (first["quantity"], first["instance_type"], first["state"]) == (Decimal(8), "nvidia-h100-80gb", "active")
    assert (f"{first['starts_at']:%Y-%m-%d %H}", f"{first['ends_at']:%Y-%m-%d %H}") == (
        "2026-01-01 08",
        "2029-01-01 08",
    )
    assert {first[name] for name in ("hourly_commitment", "upfront", "recurring_hourly", "benefits")} == {None}
    assert (second["quantity"], second["instance_type"], second["state"]) == (Decimal(96), None, "expired")
    assert google.operations() == [LISTING]


def test_a_pool_of_the_bill_ends_when_all_its_commitments_do(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    other = COMMITMENT | {"id": "79", "endTimestamp": "2027-06-01T00:00:00.000-07:00"}
    other |= {"resources": [{"type": "VCPU", "amount": "96"}]}
    google.listings[LISTING] = regions(COMMITMENT, other)
    run(Commitments(connect(projects=["ml-prod"]), clock))

    def found() -> dict[str, Any]:
        pools = [one for one in kept(database) if one["kind"] == "committed_use_pool"]
        return {one["commitment_id"]: one["ends_at"] and f"{one['ends_at']:%Y-%m-%d}" for one in pools}

    certain = {"cud us-central1 gpu h100": "2029-01-01", "cud us-central1 a3 ram": "2029-01-01"}
    assert found() == certain | {"cud us-central1 a3 cpu": None}

    closed = RefusedError(403, "forbidden", "Required 'compute.commitments.list' permission")

    def answer(path: str, _query: Any) -> dict[str, Any]:
        if "/closed/" in path:
            raise closed
        return regions(COMMITMENT)

    google.listings[LISTING] = answer
    tomorrow = lambda: clock().replace(day=22)  # noqa: E731
    report = run(Commitments(connect(projects=["ml-prod", "closed"]), tomorrow))
    assert "compute.commitments.list is missing" in report.slices[0].notes[0]
    assert set(found().values()) == {None}
    assert run(Commitments(connect(projects=["ml-prod", "closed"]), tomorrow)).loaded == 1, "asked again"


@pytest.mark.parametrize(
    ("series", "resource", "fee", "region"),
    [
        ("ACCELERATOR_OPTIMIZED", {"type": "VCPU"}, "Commitment v1: A2 Core in Americas for 1 Year", "us-central1"),
        ("GRAPHICS_OPTIMIZED", {"type": "MEMORY"}, "Commitment v1: G2 Ram in Americas for 1 Year", "us-central1"),
        ("GENERAL_PURPOSE", {"type": "VCPU"}, "Commitment v1: Cpu in Americas for 1 Year", "us-central1"),
        ("GENERAL_PURPOSE_N2", {"type": "VCPU"}, "Commitment v1: N2 Cpu in Americas for 3 Year", "us-central1"),
        (
            "ACCELERATOR_OPTIMIZED",
            {"type": "ACCELERATOR", "acceleratorType": "nvidia-tesla-a100"},
            "Commitment v1: Nvidia Tesla A100 GPU running in Americas for 1 Year",
            "us-central1",
        ),
        ("GRAPHICS_OPTIMIZED", {"type": "LOCAL_SSD"}, "Commitment v1: Local SSD in Americas for 1 Year", "us-central1"),
    ],
)
def test_pools_are_called_as_the_bill_calls_them(series: str, resource: dict[str, str], fee: str, region: str) -> None:
    import duckdb
    from google.cloud.compute_v1.types import Commitment

    one = Commitment.from_json(json.dumps({"region": REGION, "type": series, "resources": [resource]}))
    sql = pool_sql(f"'{fee}'", f"'{region}'", spend_based="false")
    [(of_bill,)] = duckdb.sql(f"SELECT 'cud ' || {sql}").fetchall()
    assert list(pools(one)) == [of_bill]


def test_a_pool_that_nothing_feeds_any_more_is_over(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.listings[LISTING] = regions(COMMITMENT)
    run(Commitments(connect(projects=["ml-prod"]), clock))
    google.listings[LISTING] = regions(COMMITMENT | {"status": "EXPIRED"})
    run(Commitments(connect(projects=["ml-prod"]), lambda: clock().replace(day=22)))
    states = {one["commitment_id"]: one["state"] for one in kept(database)}
    assert states["cud us-central1 gpu h100"] == "deleted"
    assert states["projects/ml-prod/regions/us-central1/commitments/77"] == "expired"


def test_none_is_an_answer_and_a_refusal_is_told(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    assert run(Commitments(connect(projects=["none"]), clock)).error is None

    google.faults[LISTING] = RefusedError(403, "forbidden", "Required 'compute.commitments.list' permission")
    report = run(Commitments(connect(projects=["ml-prod"]), lambda: clock().replace(day=22)))
    assert "compute.commitments.list" in (report.error or report.slices[0].message)
    assert kept(database) == []
