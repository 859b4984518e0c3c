"""GPUs of online deployments and jobs in the form's units; and machines nobody measures are unknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.utilization import Utilization
from collectors.azure.utilization_rows import OF_A_DEPLOYMENT, deployment_of
from collectors.runner import SourceReport
from sample.azure_double import Azure, RefusalError
from sample.azure_graph import Graph
from sample.azure_monitor import METRICS, Monitor
from tests.azure.double import SUBSCRIPTION, subscription
from tests.azure.graph import ML, machine

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
DAY, NEXT = date(2026, 11, 19), date(2026, 11, 20)
TEN = "2026-11-19T10:00:00"
LATER = "2026-11-19T10:05:00"
BLUE = f"{ML}/onlineEndpoints/rank/deployments/blue"
GREEN = f"{ML}/onlineEndpoints/rank/deployments/green"
VARIANTS = "/onlineendpoints/deployments'"
WORKSPACES = "services/workspaces'"


@pytest.fixture
def graph(azure: Azure) -> Graph:
    """Resource Graph, empty."""
    return Graph(azure)


@pytest.fixture
def monitor(azure: Azure) -> Monitor:
    """Azure Monitor, empty."""
    return Monitor(azure)


def variant(name: str, size: str = "Standard_NC4as_T4_v3") -> dict[str, Any]:
    return {"id": name, "name": name.rpartition("/")[2], "location": "westeurope", "size": size}


def kept(store: Store) -> list[dict[str, Any]]:
    """The hours there are, by resource and GPU."""
    query = """SELECT alias, accelerator_index AS gpu, round(activity_max * 100) AS mean, memory_used_max AS peak,
                      power_mean AS watts
               FROM accelerator_hour ORDER BY 1, 2"""
    with store.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def collected(connect: Connect, clock: Clock, run: Run) -> SourceReport:
    report = run(Utilization(connect(), clock), first=DAY, end=NEXT)
    assert report.error is None, report.error
    return report


def test_each_gpu_of_a_deployments_machines_has_their_number(
    graph: Graph, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has(VARIANTS, variant(BLUE, "Standard_NC64as_T4_v3"), variant(GREEN), variant(f"{BLUE}-cpu", "Standard_F4s"))
    monitor.has(BLUE, "GpuUtilizationPercentage", TEN, 60, instanceId="i-1")
    monitor.has(BLUE, "GpuMemoryUtilizationPercentage", TEN, 50, instanceId="i-1")
    monitor.has(BLUE, "GpuEnergyJoules", TEN, 84_000, instanceId="i-1")  # 280 W of four GPUs over five minutes
    monitor.has(GREEN, "GpuUtilizationPercentage", TEN, 10, instanceId="a")
    monitor.has(GREEN, "GpuUtilizationPercentage", LATER, 30, instanceId="0-came-later")
    report = collected(connect, clock, run)

    assert set(report.requests) == set(Utilization.operations)
    found = kept(database)
    assert [row["gpu"] for row in found] == [0, 1, 2, 3, OF_A_DEPLOYMENT, OF_A_DEPLOYMENT + 1]
    assert {row["alias"] for row in found} == {f"{ML}/onlineEndpoints/rank".lower()}
    assert [row["mean"] for row in found] == [60, 60, 60, 60, 10, 30]
    assert found[0]["peak"] == 8 * 10**9
    assert found[0]["watts"] == 70


def test_jobs_have_a_row_per_device_under_their_compute(
    graph: Graph, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has(WORKSPACES, {"id": ML, "name": "ws", "location": "westeurope"})
    for device, value in (("0", 90), ("1", 20)):
        named = {"ComputeName": "train", "InstanceId": "n-1", "DeviceId": device, "RunId": "r"}
        monitor.has(ML, "GpuUtilizationPercentage", TEN, value, **named)
        monitor.has(ML, "GpuMemoryUtilizationMegabytes", TEN, 1024, **named)
        monitor.has(ML, "GpuMemoryCapacityMegabytes", TEN, 16384, **named)
    collected(connect, clock, run)
    found = kept(database)
    assert [(row["alias"], row["gpu"], row["mean"]) for row in found] == [
        (f"{ML}/computes/train".lower(), 0, 90),
        (f"{ML}/computes/train".lower(), 1, 20),
    ]
    assert found[0]["peak"] == pytest.approx(2**30)


def test_what_cannot_be_true_is_left_out_and_counted(
    graph: Graph, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has(VARIANTS, variant(BLUE))
    monitor.has(BLUE, "GpuUtilizationPercentage", TEN, 100.4, instanceId="i")
    monitor.has(BLUE, "GpuUtilizationPercentage", LATER, 240, instanceId="i")
    (day,) = collected(connect, clock, run).slices
    assert [row["mean"] for row in kept(database)] == [100]
    assert "1 points left out" in day.notes[0]


def test_virtual_machines_are_unknown_and_it_is_said(
    graph: Graph, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has("'microsoft.compute/virtualmachines'", machine("a"), machine("b"))
    found = list(Utilization(connect(), clock).examine())
    assert found[0].what.startswith("2 virtual machines have accelerators whose use Azure does not measure")
    assert "DCGM" in found[0].next_step
    graph.has(WORKSPACES, {"id": ML, "name": "ws", "location": "westeurope"})
    (day,) = collected(connect, clock, run).slices
    assert "it is unknown" in day.notes[0]
    assert kept(database) == []


def test_deployments_on_unknown_machines_are_named(
    graph: Graph, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has(VARIANTS, variant(BLUE), variant(GREEN, "Standard_NC999_v9"))
    (day,) = collected(connect, clock, run).slices
    assert "Standard_NC999_v9" in day.notes[0]
    assert deployment_of(BLUE, None) is None
    assert deployment_of(BLUE, "Standard_NV6ads_A10_v5") is None, "a sixth of a GPU"


def test_a_subscription_that_is_added_is_asked_for_on_days_that_are_over(
    azure: Azure, graph: Graph, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    other = "22222222-2222-3333-4444-555555555555"
    elsewhere = BLUE.replace(SUBSCRIPTION, other)
    graph.has(VARIANTS, variant(BLUE))
    monitor.has(BLUE, "GpuUtilizationPercentage", TEN, 60, instanceId="i-1")
    monitor.has(elsewhere, "GpuUtilizationPercentage", TEN, 20, instanceId="i-1")
    collected(connect, clock, run)
    azure.on("GET /subscriptions", {"value": [subscription(), subscription(other)]})
    graph.has(VARIANTS, variant(BLUE), variant(elsewhere))
    collected(connect, clock, run)
    assert sorted(row["mean"] for row in kept(database)) == [20, 60]
    assert collected(connect, clock, run).slices == []


def test_what_is_denied_is_said_and_asked_for_again(
    azure: Azure, graph: Graph, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has(VARIANTS, variant(BLUE))
    azure.on(METRICS, RefusalError(403, "AuthorizationFailed"))
    report = run(Utilization(connect(), clock), first=DAY, end=NEXT)
    assert "denies" in (report.error or "")
    found = [one.what for one in Utilization(connect(), clock).examine() if one.state == "broken"]
    assert found == [
        "Azure denies it: the permission Microsoft.Insights/metrics/read is missing: 403 AuthorizationFailed"
    ]


def test_where_no_subscription_may_be_read_the_source_fails(
    graph: Graph, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.grant("*/read", without=["Microsoft.Insights/*"])
    report = run(Utilization(connect(), clock), first=DAY, end=NEXT)
    assert "Microsoft.Insights/metrics/read" in (report.error or "")
    assert report.requests == {"arm.ListPermissions": 1, "arm.ListSubscriptions": 1}
