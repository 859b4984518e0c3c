"""Which sizes a subscription may have in which zones, and how many vCPUs: as Azure's own listings have it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.offerings import Offerings, offering_rows, quota_rows
from collectors.runner import SourceReport
from sample.azure_double import Azure, RefusalError
from tests.azure.double import PLACE, SUBSCRIPTION

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
SKUS = f"GET {PLACE}/providers/Microsoft.Compute/skus"
USAGES = f"GET {PLACE}/providers/Microsoft.Compute/locations/eastus/usages"
A100 = "Standard_NC24ads_A100_v4"


def size(name: str, *zones: str, family: str = "StandardNCADSA100v4Family", **about: Any) -> dict[str, Any]:
    """A size of eastus as it is listed."""
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "family": family,
        "locations": ["eastus"],
        "locationInfo": [{"location": "eastus", "zones": list(zones)}],
        "restrictions": [],
        **about,
    }


def restricted(kind: str, *zones: str) -> dict[str, Any]:
    """A restriction of the region, or of zones of it."""
    about = {"locations": ["eastus"], **({"zones": list(zones)} if zones else {})}
    why = "NotAvailableForSubscription"
    return {"type": kind, "values": ["eastus"], "restrictionInfo": about, "reasonCode": why}


def usage(name: str, used: int, limit: int, title: str = "Standard NCADS_A100_v4 Family vCPUs") -> dict[str, Any]:
    """What is used of a limit."""
    return {
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": {"value": name, "localizedValue": title},
    }


def zones_of(*listed: dict[str, Any]) -> dict[str, list[str]]:
    return {row["instance_type"]: row["zones"] for row in offering_rows(listed, SUBSCRIPTION, "eastus", NOW)}


@pytest.mark.parametrize(
    ("one", "zones"),
    [
        (size(A100, "2", "1"), ["1", "2"]),
        (size(A100), [""]),
        (size(A100, "1", "2", restrictions=[restricted("Zone", "2")]), ["1"]),
        # no zone may be named, and it may still be had without
        (size(A100, "1", "2", restrictions=[restricted("Zone", "1", "2")]), [""]),
        (size(A100, "1", "2", restrictions=[restricted("Location")]), []),
        (
            size(A100, "1", restrictions=[restricted("Location") | {"restrictionInfo": {"locations": ["westus"]}}]),
            ["1"],
        ),
        (size(A100, locationInfo=[{"location": "EastUS", "zones": ["3"]}]), ["3"]),
    ],
)
def test_a_size_is_had_where_nothing_restricts_it(one: dict[str, Any], zones: list[str]) -> None:
    assert zones_of(one)[A100] == zones


def test_what_the_listing_leaves_out_may_not_be_had_and_other_sizes_are_left_out() -> None:
    found = zones_of(size(A100, "1"), size("Standard_B1s", "1"), size("Standard_D4ps_v6", "2"))
    assert found["Standard_ND96isr_H100_v5"] == []
    assert found["Standard_D4ps_v6"] == ["2"], "an Arm size"
    assert "Standard_B1s" not in found
    assert zones_of({"resourceType": "disks", "name": "Premium_LRS"}) == {}, "no machine at all is no answer"


def test_quotas_are_of_families_that_are_known_and_of_all() -> None:
    used = [
        usage("standardncadsa100v4family", 24, 96),
        usage("cores", 500, 1000, "Total Regional vCPUs"),
        usage("lowPriorityCores", 0, 10, "Total Regional Low-priority vCPUs"),
        usage("standardBSFamily", 1, 10),
        usage("StandardNCADSA100v4Family", 0, -1),
    ]
    found = quota_rows(used, [size(A100), size("Standard_NC48ads_A100_v4")], SUBSCRIPTION, "eastus", NOW)
    assert [(row["code"], row["covers"], row["purchase"], row["granted"], row["used"]) for row in found] == [
        ("standardncadsa100v4family", ["nc24adsa100v4", "nc48adsa100v4"], "on_demand", 96, 24),
        ("cores", ["*"], "on_demand", 1000, 500),
        ("lowPriorityCores", ["*"], "spot", 10, 0),
    ]
    with pytest.raises(InputError, match="vCPUs"):
        quota_rows([{"name": {"value": "cores"}, "limit": "many"}], [], SUBSCRIPTION, "eastus", NOW)


@pytest.fixture
def told(azure: Azure) -> Azure:
    azure.on(SKUS, {"value": [size(A100, "1", "2")]})
    azure.on(USAGES, {"value": [usage("StandardNCADSA100v4Family", 24, 96)]})
    return azure


def test_it_is_collected_once_a_day_and_replaced(
    told: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    report = run(Offerings(connect(regions=("eastus",)), clock))
    assert (report.loaded, report.failed) == (1, False)
    assert told.asked("/skus")[0].query["$filter"] == "location eq 'eastus'"
    assert run(Offerings(connect(regions=("eastus",)), clock)).unchanged == 1

    told.on(SKUS, {"value": [size("Standard_NC48ads_A100_v4", "2")]})
    run(Offerings(connect(regions=("eastus",)), lambda: clock() + timedelta(days=1)))
    with database.engine.connect() as connection:
        kept = "SELECT instance_type, zones FROM type_offering WHERE instance_type LIKE '%ads_A100_v4' ORDER BY 1"
        assert [tuple(row) for row in connection.execute(text(kept))] == [
            (A100, []),
            ("Standard_NC48ads_A100_v4", ["2"]),
            ("Standard_NC96ads_A100_v4", []),
        ]
        granted = "SELECT account, region, granted, used, unit FROM quota"
        assert connection.execute(text(granted)).one() == (SUBSCRIPTION, "eastus", Decimal(96), Decimal(24), "vCPU")


def test_a_region_that_may_not_be_read_is_a_remark_asked_again_and_stops_no_other(
    told: Azure, connect: Connect, clock: Clock, run: Run
) -> None:
    told.on(USAGES.replace("eastus", "westus"), RefusalError(403, "AuthorizationFailed"))
    report = run(Offerings(connect(regions=("eastus", "westus")), clock))
    assert not report.failed
    assert [note for one in report.slices for note in one.notes] == [
        f"westus of {SUBSCRIPTION}: sizes and quotas are unknown, the permission is missing."
    ]
    again = run(Offerings(connect(regions=("eastus", "westus")), clock))
    assert (again.loaded, again.unchanged) == (1, 1)


def test_where_nothing_may_be_read_the_source_fails(told: Azure, connect: Connect, clock: Clock, run: Run) -> None:
    told.on(SKUS, RefusalError(403, "AuthorizationFailed"))
    report = run(Offerings(connect(regions=("eastus",)), clock))
    assert report.failed
    assert "Azure denies it" in str(report.error)
