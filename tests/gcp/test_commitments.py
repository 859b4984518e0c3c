"""Committed use discounts, through the real client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.commitments import LISTING, Commitments
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.everything import Everything, served

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
def google() -> Iterator[Everything]:
    with served() as double:
        yield double


def regions(*found: dict[str, Any]) -> dict[str, Any]:
    return {"items": {"regions/us-central1": {"commitments": list(found)}, "regions/us-east1": {}}}


def kept(database: Store) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM commitment_term ORDER BY commitment_id")).mappings()
        return [dict(row) for row in found]


def test_a_commitment_has_its_resources_term_and_end_and_no_money(
    google: Everything, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.listings[LISTING] = regions(
        COMMITMENT,
        COMMITMENT
        | {"id": "78", "name": "old", "status": "EXPIRED", "type": "GENERAL_PURPOSE", "plan": "TWELVE_MONTH"}
        | {"resources": [{"type": "VCPU", "amount": "96"}]},
    )
    report = run(Commitments(connect(projects=["ml-prod"]), clock))

    assert (report.error, report.slices[0].message) == (None, "")
    first, second = kept(database)
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


def test_none_is_an_answer_and_a_refusal_is_told(
    google: Everything, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    assert run(Commitments(connect(projects=["none"]), clock)).error is None

    google.faults[LISTING] = RefusedError(403, "forbidden", "Required 'compute.commitments.list' permission")
    report = run(Commitments(connect(projects=["ml-prod"]), clock))
    assert "compute.commitments.list" in (report.error or "")
    assert kept(database) == []
