"""Spot prices and preemptions, through the real client: Google's history, else its catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.spot import Spot, types
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.double import Google, served
from tests.gcp.skus import a2, catalogue

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
HERE = {"projects": ["ml-prod"], "regions": ["us-central1"]}


@pytest.fixture
def google() -> Iterator[Google]:
    with served() as double:
        yield double


def span(start: str, end: str) -> dict[str, str]:
    return {"startTime": f"{start}T00:00:00Z", "endTime": f"{end}T00:00:00Z"}


HISTORY = {
    "priceHistory": [
        {"interval": span("2026-10-01", "2026-11-01"), "listPrice": {"currencyCode": "USD", "units": "1", "nanos": 5}},
        {"interval": span("2026-11-01", "2026-11-10"), "listPrice": {"currencyCode": "USD", "units": "1", "nanos": 5}},
        {"interval": span("2026-11-10", "2026-11-21"), "listPrice": {"currencyCode": "USD", "units": "2"}},
    ],
    "preemptionHistory": [
        {"interval": span("2026-11-07", "2026-11-14"), "preemptionRate": 0.25},
        {"interval": span("2026-11-14", "2026-11-21"), "preemptionRate": 0.4},
    ],
}


def asked(database: Store, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


STEPS = "SELECT instance_type, changed_at::date::text, hourly_price FROM spot_price ORDER BY instance_type, changed_at"


def test_a_history_is_kept_as_steps_and_shares(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    def answer(path: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        body = json.loads(query["body"])
        assert body["instanceProperties"]["scheduling"] == {"provisioningModel": "SPOT"}
        assert body["types"] == ["PREEMPTION", "PRICE"]
        return HISTORY if body["instanceProperties"]["machineType"] == "a3-highgpu-8g" else {}

    google.listings["compute.advice.capacityHistory"] = answer
    google.skus = catalogue(*a2("Preemptible", "Spot Preemptible {}", "0.5")[:2])
    report = run(Spot(connect(**HERE), clock))

    assert (report.error, report.slices[0].message) == (None, "")
    assert asked(database, STEPS) == [
        ("a3-highgpu-8g", "2026-10-01", Decimal("1.000000005")),
        ("a3-highgpu-8g", "2026-11-10", Decimal(2)),
    ]
    risks = asked(database, "SELECT measure, as_of::text, low, high FROM spot_risk ORDER BY as_of")
    assert risks == [
        ("preemption_share", "2026-11-13", Decimal("0.25"), Decimal("0.25")),
        ("preemption_share", "2026-11-20", Decimal("0.4"), Decimal("0.4")),
    ]
    assert set(google.operations()) == {"compute.advice.capacityHistory", "cloudbilling.ListSkus"}
    assert google.operations().count("compute.advice.capacityHistory") == len(types())


def test_a_type_without_history_has_the_catalogues_price(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Half of 3.673385 for an A2 with one A100."""
    refused = RefusedError(400, "invalid", "Invalid value for field 'machineType': not supported.")
    google.faults["compute.advice.capacityHistory"] = refused
    google.skus = catalogue(
        *a2("Preemptible", "Spot Preemptible {}", "0.5")[:2],
        *a2("Preemptible", "{} attached to Spot Preemptible VMs running in Americas", "0.5")[2:],
    )
    report = run(Spot(connect(**HERE), clock))

    assert asked(database, STEPS)[0] == ("a2-highgpu-1g", "2026-11-01", Decimal("1.8366925"))
    assert any(note.startswith("Google gives no history of a2-highgpu-1g,") for note in report.slices[0].notes)


def test_a_region_that_is_denied_is_a_remark_and_all_of_them_an_error(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    denied = RefusedError(403, "forbidden", "Required 'compute.advice.capacityHistory' permission")

    def answer(path: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        if "us-east1" in path:
            raise denied
        return HISTORY

    google.listings["compute.advice.capacityHistory"] = answer
    report = run(Spot(connect(projects=["ml-prod"], regions=["us-central1", "us-east1"]), clock))
    assert report.error is None
    assert "compute.advice.capacityHistory is missing" in report.slices[1].notes[0]

    google.faults["compute.advice.capacityHistory"] = denied
    report = run(Spot(connect(projects=["ml-prod"], regions=["us-west1"]), clock))
    assert "compute.advice.capacityHistory" in (report.error or "")


def test_a_limit_of_the_rate_is_waited_for_and_then_left_to_the_next_run(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    slow = RefusedError(429, "rateLimitExceeded", "slow down", {"Retry-After": "7"})
    google.turns["compute.advice.capacityHistory"] = [slow]
    google.faults["compute.advice.capacityHistory"] = RefusedError(429, "rateLimitExceeded", "slow down")
    clients = connect(**HERE)
    report = run(Spot(clients, clock))

    assert clients.waited[:3] == [7.0, 2.0, 4.0]
    assert report.loaded == 0
    assert asked(database, STEPS) == []


def test_where_it_is_not_known_which_regions_there_are_the_source_fails(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    google.faults["compute.instances.aggregatedList"] = RefusedError(403, "forbidden", "no")
    assert "denies access" in (run(Spot(connect(projects=["ml-prod"]), clock)).error or "")
