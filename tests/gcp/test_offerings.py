"""Which machine types zones offer and how many accelerators a project may run, through the real client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.offerings import LIMITED, REGIONS, TYPES, Offerings, families, offering_rows
from collectors.gcp.spot import types
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.double import Google
from tests.gcp.test_inventory import instance, zones

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
HERE = {"projects": ["ml-prod"]}
MACHINES = "compute.instances.aggregatedList"
DENIED = RefusedError(403, "forbidden", "Required 'compute.regions.list' permission for 'projects/ml-prod'")


def listed(by_zone: Mapping[str, Sequence[str]], silent: Sequence[str] = ()) -> dict[str, Any]:
    """Machine types by zone, as they are listed; zones that did not answer have none."""
    items: dict[str, Any] = {
        f"zones/{zone}": {"machineTypes": [{"name": name} for name in names]} for zone, names in by_zone.items()
    }
    return {"items": items | {f"zones/{zone}": {"warning": {"code": "UNREACHABLE"}} for zone in silent}}


def limits(region: str = "us-central1", **told: tuple[float, float]) -> dict[str, Any]:
    """A region with its quotas: the limit of each metric, and what is used of it."""
    quotas = [{"metric": name, "limit": limit, "usage": used} for name, (limit, used) in told.items()]
    return {"items": [{"name": region, "quotas": quotas}]}


@pytest.fixture
def told(google: Google) -> Google:
    """A project with a machine, two zones and a limit."""
    google.listings[MACHINES] = zones("instances", instance())
    google.listings[TYPES] = listed(
        {"us-central1-a": ["a2-highgpu-1g", "g2-standard-8"], "us-central1-b": ["g2-standard-8", "c4a-standard-4"]}
    )
    google.listings[REGIONS] = limits(NVIDIA_L4_GPUS=(16.0, 4.0))
    return google


def table(database: Store, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def zones_of(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[str]]:
    return {row["region"]: row["zones"] for row in rows if row["instance_type"] == name}


def test_types_are_told_by_region_and_what_no_zone_of_it_has_with_none() -> None:
    by_zone = {
        "us-central1-a": ["g2-standard-8"],
        "us-central1-b": ["g2-standard-8", "c4a-standard-4"],
        "us-east4-c": ["a3-highgpu-8g"],
    }
    rows = offering_rows(by_zone, "ml-prod", NOW)
    assert zones_of(rows, "g2-standard-8") == {"us-central1": ["us-central1-a", "us-central1-b"], "us-east4": []}
    assert zones_of(rows, "c4a-standard-4") == {"us-central1": ["us-central1-b"], "us-east4": []}
    assert zones_of(rows, "a2-ultragpu-1g") == {"us-central1": [], "us-east4": []}, "the catalogue knows it"
    assert zones_of(rows, "e2-medium") == {}
    without = offering_rows(by_zone, "ml-prod", NOW, silent={"us-east4"})
    assert {row["region"] for row in without} == {"us-central1"}, "a zone that did not answer may have anything"
    assert offering_rows({"us-central1-a": []}, "ml-prod", NOW) == []


def test_every_limit_names_types_the_catalogue_has() -> None:
    from fnmatch import fnmatchcase

    for patterns in LIMITED.values():
        assert all(any(fnmatchcase(name, pattern) for name in types()) for pattern in patterns)
    assert {"a2", "a3", "g2", "c4a"} <= set(families())


def test_it_is_collected_once_a_day_with_what_is_used(
    told: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    told.listings[REGIONS] = limits(
        NVIDIA_L4_GPUS=(16.0, 4.0),
        PREEMPTIBLE_NVIDIA_L4_GPUS=(8.0, 0.0),
        PREEMPTIBLE_NVIDIA_A100_GPUS=(0.0, 0.0),
        NVIDIA_A100_GPUS=(0.0, 0.0),
        STATIC_ADDRESSES=(8.0, 1.0),
    )
    assert not run(Offerings(connect(**HERE), clock)).failed
    assert table(database, "SELECT code, purchase, covers, unit, granted, used FROM quota ORDER BY 1") == [
        ("NVIDIA_A100_GPUS", "on_demand", ["a2-highgpu-*", "a2-megagpu-*"], "accelerator", Decimal(0), Decimal(0)),
        ("NVIDIA_L4_GPUS", "on_demand", ["g2-standard-*"], "accelerator", Decimal(16), Decimal(4)),
        ("PREEMPTIBLE_NVIDIA_L4_GPUS", "spot", ["g2-standard-*"], "accelerator", Decimal(8), Decimal(0)),
    ]
    kept = (
        "SELECT zones FROM type_offering WHERE region = 'us-central1' AND instance_type = '{}' AND account = 'ml-prod'"
    )
    assert table(database, kept.format("a2-highgpu-1g")) == [(["us-central1-a"],)]
    assert table(database, kept.format("a2-highgpu-2g")) == [([],)]
    asked = next(asked for name, asked in told.calls if name == TYPES)
    assert str(asked["filter"]).startswith('name eq "(a2|a3|')

    assert run(Offerings(connect(**HERE), clock)).unchanged == 1
    told.listings[TYPES] = listed({"us-central1-b": ["a2-highgpu-2g"]})
    run(Offerings(connect(**HERE), lambda: clock() + timedelta(days=1)))
    assert table(database, kept.format("a2-highgpu-1g")) == [([],)]


def test_projects_without_machines_are_not_asked_and_regions_are_those_of_the_settings(
    told: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    assert run(Offerings(connect(**HERE, regions=["us-east4"]), clock)).loaded == 1
    assert table(database, "SELECT count(*) FROM type_offering") == [(0,)]
    told.listings[MACHINES] = zones("instances")
    told.calls.clear()
    run(Offerings(connect(**HERE), lambda: clock() + timedelta(days=1)))
    assert set(told.operations()) == {MACHINES}


def test_quotas_that_may_not_be_read_and_zones_that_are_silent_are_remarks(
    told: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    told.faults[REGIONS] = DENIED
    told.listings[TYPES] = listed({"us-central1-a": ["g2-standard-8"]}, silent=["us-east4-a"])
    report = run(Offerings(connect(**HERE), clock))
    assert not report.failed
    assert [note for one in report.slices for note in one.notes] == [
        "ml-prod, which types its zones offer: unknown just now, us-east4-a did not answer.",
        "ml-prod, how much its quotas grant: unknown, the permission compute.regions.list is missing.",
    ]
    assert table(database, "SELECT DISTINCT region FROM type_offering") == [("us-central1",)]
    assert table(database, "SELECT count(*) FROM quota") == [(0,)]


def test_where_nothing_may_be_read_the_source_fails(told: Google, connect: Connect, clock: Clock, run: Run) -> None:
    told.faults |= {REGIONS: DENIED, TYPES: DENIED}
    report = run(Offerings(connect(**HERE), clock))
    assert report.failed
    assert report.error
