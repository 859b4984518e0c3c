"""What there is in Azure: machines with their names, disks, endpoints, deployments; and what may not be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.inventory import Inventory
from collectors.azure.inventory_machines import fleet, machine_rows, sizes
from collectors.runner import SourceReport
from sample.azure_double import Azure, RefusalError
from sample.azure_graph import PERMISSIONS, QUERY, Graph
from sample.azure_monitor import Monitor
from tests.azure.double import PLACE, SUBSCRIPTION, subscription
from tests.azure.graph import AI, CUT_OFF, ML, compute, machine

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
VMS = "'microsoft.compute/virtualmachines'"
MEMBERS = "'microsoft.compute/virtualmachinescalesets/virtualmachines'"
SETS = "'microsoft.compute/virtualmachinescalesets'"
DISKS = "'microsoft.compute/disks'"
SKUS = f"GET {PLACE}/providers/Microsoft.Compute/skus"


@pytest.fixture
def graph(azure: Azure) -> Graph:
    """Resource Graph, empty."""
    return Graph(azure)


def kept(store: Store, kind: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """State and details of what there is of a kind now, by the end of its id."""
    query = """SELECT resource_id, state, details FROM resource_history JOIN resource USING (resource_key)
               WHERE kind = :kind AND valid_to IS NULL"""
    with store.engine.connect() as connection:
        rows = connection.execute(text(query), {"kind": kind}).all()
    return {row.resource_id.rpartition("/")[2]: (row.state, row.details) for row in rows}


def resources(store: Store) -> dict[str, tuple[Any, ...]]:
    """Account, region, fleet, type, accelerator and count by the end of the id."""
    query = """SELECT resource_id, account, region, fleet, instance_type, accelerator_type, accelerators FROM resource
               WHERE resource_id <> ''"""
    with store.engine.connect() as connection:
        return {row[0].rpartition("/")[2]: tuple(row[1:]) for row in connection.execute(text(query))}


def aliases(store: Store) -> dict[str, datetime]:
    """Names and since when they hold."""
    query = "SELECT alias, valid_from FROM resource_alias WHERE method = 'inventory'"
    with store.engine.connect() as connection:
        return {row.alias: row.valid_from for row in connection.execute(text(query))}


def test_machines_are_listed_with_size_zone_owner_and_names(
    azure: Azure, graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    pool = {"aks-managed-poolName": "gpu", "aks-managed-cluster-name": "prod"}
    owner = compute("aks-gpu-1-vmss", "virtualMachineScaleSets")
    graph.has(VMS, machine("train", priority="Spot"), machine("asleep", power="PowerState/deallocated"))
    graph.has(MEMBERS, machine("0", id=f"{owner}/virtualMachines/0", host="aks-gpu-1-vmss000000"))
    graph.has(SETS, machine("aks-gpu-1-vmss", id=owner, tags=pool, capacity=3, mode="Uniform"))
    clients = connect()
    report = run(Inventory(clients, clock))

    assert (report.error, report.failures, report.slices[0].notes) == (None, 0, ())
    assert set(clients.sent) <= {*Inventory.operations}
    found = kept(database, "azure_vm")
    assert {name: state for name, (state, _) in found.items()} == {
        "train": "running",
        "asleep": "deallocated",
        "0": "running",
    }
    assert found["train"][1] == {
        "region": "eastus",
        "zone": "eastus-1",
        "name": "train",
        "instance_type": "Standard_NC24ads_A100_v4",
        "lifecycle": "spot",
        "created_at": "2026-10-01T08:00:00.1234567Z",
    }
    assert found["0"][1]["fleet"] == "prod/gpu"
    assert found["0"][1]["owner"] == owner.lower()
    assert kept(database, "azure_scale_set")["aks-gpu-1-vmss"][1]["desired"] == 3
    card = ("Standard_NC24ads_A100_v4", "nvidia-a100-80gb-pcie", 1)
    assert resources(database)["train"] == (SUBSCRIPTION, "eastus", None, *card)
    assert resources(database)["0"] == (SUBSCRIPTION, "eastus", "prod/gpu", *card)
    begun = datetime(2026, 10, 1, 8, 0, 0, 123456, UTC)
    assert aliases(database) == {"train": begun, "asleep": begun, "aks-gpu-1-vmss000000": begun}


def test_pages_are_followed_and_all_subscriptions_asked_at_once(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    other = "22222222-2222-3333-4444-555555555555"
    azure.on("GET /subscriptions", {"value": [subscription(), subscription(other)]})
    graph = Graph(azure, page=2)
    elsewhere = machine("d", id=compute("d").replace(SUBSCRIPTION, other))
    graph.has(VMS, *(machine(name) for name in "abc"), elsewhere)
    report = run(Inventory(connect(), clock))

    assert report.error is None
    assert set(kept(database, "azure_vm")) == {"a", "b", "c", "d"}
    asked = [call.body for call in azure.asked("/resources") if VMS in call.body["query"]]
    assert [one["options"].get("$skipToken") for one in asked] == [None, "2"]
    assert asked[0]["subscriptions"] == [SUBSCRIPTION, other]
    assert run(Inventory(connect(), clock)).requests == {"arm.ListSubscriptions": 1}


def test_a_size_nobody_knows_is_asked_for_and_one_without_accelerators_left_out(
    azure: Azure, graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    azure.on(
        SKUS,
        {
            "value": [
                {
                    "resourceType": "virtualMachines",
                    "name": "Standard_NC999_v9",
                    "capabilities": [{"name": "GPUs", "value": "2"}],
                },
                {"resourceType": "virtualMachines", "name": "Standard_NP10s", "capabilities": []},
            ]
        },
    )
    graph.has(VMS, machine("new", "Standard_NC999_v9"), machine("chips", "Standard_NP10s"))
    run(Inventory(connect(), clock))
    assert resources(database)["new"] == (SUBSCRIPTION, "eastus", None, "Standard_NC999_v9", None, 2)
    assert "chips" not in kept(database, "azure_vm")
    assert azure.asked("/skus")[0].query["$filter"] == "location eq 'eastus'"
    assert sizes([{"resourceType": "disks", "capabilities": [{"name": "GPUs", "value": "1"}]}]) == {}


def test_unattached_disks_say_since_when(
    graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    disk = {
        "id": compute("old", "disks"),
        "name": "old",
        "location": "eastus",
        "tags": {"team": "ml"},
        "sku": "Premium_LRS",
        "gib": 1024,
        "tier": "P30",
        "iops": 5000,
        "mbps": 200,
        "created": "2026-01-01T00:00:00Z",
        "owned": "2026-09-01T00:00:00Z",
        "state": "Unattached",
    }
    graph.has(DISKS, disk)
    run(Inventory(connect(), clock))
    assert kept(database, "azure_disk")["old"] == (
        "unattached",
        {
            "region": "eastus",
            "name": "old",
            "size_gib": 1024,
            "volume_type": "Premium_LRS",
            "tier": "P30",
            "iops": 5000,
            "throughput": 200,
            "created_at": "2026-01-01T00:00:00Z",
            "unattached_since": "2026-09-01T00:00:00Z",
            "tags": {"team": "ml"},
        },
    )


def test_endpoints_computes_and_deployments_of_models(
    azure: Azure, graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    at = {"location": "westeurope", "tags": None}
    endpoint = f"{ML}/onlineEndpoints/rank"
    graph.has(
        "/onlineendpoints'",
        {"id": endpoint, "name": "rank", **at, "traffic": {"blue": 90, "green": 10}, "state": "Succeeded"},
    )
    size = "Standard_NC4as_T4_v3"
    graph.has(
        "/onlineendpoints/deployments'",
        {"id": f"{endpoint}/deployments/blue", "name": "blue", **at, "size": size, "model": "m:1", "count": 3},
        {"id": f"{endpoint}/deployments/green", "name": "green", **at, "size": size, "model": "m:2", "count": 1},
    )
    graph.has("services/workspaces'", {"id": ML, "name": "ws", **at})
    cluster = {
        "vmSize": "Standard_ND96asr_v4",
        "vmPriority": "LowPriority",
        "currentNodeCount": 2,
        "targetNodeCount": 2,
        "allocationState": "Steady",
        "scaleSettings": {"minNodeCount": 2, "maxNodeCount": 8, "nodeIdleTimeBeforeScaleDown": "PT2H"},
    }
    azure.on(
        f"GET {ML}/computes",
        {
            "value": [
                {
                    "id": f"{ML}/computes/train",
                    "name": "train",
                    "location": "westeurope",
                    "properties": {"computeType": "AmlCompute", "properties": cluster},
                },
                {"id": f"{ML}/computes/aks", "name": "aks", "properties": {"computeType": "AKS"}},
            ]
        },
    )
    graph.has("cognitiveservices/accounts", {"id": AI, "name": "acme-ai", **at, "kind": "OpenAI", "sku": "S0"})

    def deployed(name: str, sku: str, capacity: int) -> dict[str, Any]:
        model = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}
        about = {"model": model, "provisioningState": "Succeeded"}
        return {
            "id": f"{AI}/deployments/{name}",
            "name": name,
            "sku": {"name": sku, "capacity": capacity},
            "properties": about,
        }

    azure.on(
        f"GET {AI}/deployments",
        {
            "value": [
                deployed("chat", "GlobalProvisionedManaged", 100),
                deployed("more", "DataZoneProvisionedManaged", 50),
                deployed("batch", "GlobalStandard", 450),
            ]
        },
    )
    monitor = Monitor(azure)
    monitor.has(AI, "ProvisionedUtilization", "2026-11-19T10:00:00", 40, ModelDeploymentName="Chat")
    monitor.has(AI, "AzureOpenAIProvisionedManagedUtilizationV2", "2026-11-19T10:00:00", 42, ModelDeploymentName="chat")
    monitor.has(AI, "ProvisionedUtilization", "2026-11-19T10:00:00", 20, ModelDeploymentName="more")
    monitor.has(AI, "ProvisionedUtilization", "2026-11-19T11:00:00", 110, ModelDeploymentName="more")
    monitor.has(AI, "ProvisionedUtilization", "2026-11-20T11:00:00", 0, ModelDeploymentName="chat")
    monitor.has(AI, "ProvisionedUtilization", "2026-11-21T01:00:00", 90, ModelDeploymentName="chat")
    report = run(Inventory(connect(), clock))

    assert report.error is None, report
    assert set(report.requests) == set(Inventory.operations) - {"arm.ListMachineSizes"}
    # 42 percent of 100 units and 20 of 50 at ten, 110 of 50 at eleven; the day that goes on is not told
    (account,) = (about for _, about in kept(database, "azure_ai_account").values())
    assert account["units_used_by_day"] == {"2026-11-19": 55, "2026-11-20": 0}
    assert report.slices[0].notes == ()
    state, details = kept(database, "azure_ml_endpoint")["rank"]
    assert state == "succeeded"
    assert [(one["variant"], one["instances"], one["weight"]) for one in details["variants"]] == [
        ("blue", 3, 90),
        ("green", 1, 10),
    ]
    assert details["variants"][0]["accelerators_per_instance"] == "1"
    assert resources(database)["rank"] == (SUBSCRIPTION, "westeurope", None, size, "nvidia-t4", 1)
    computes = kept(database, "azure_ml_compute")
    assert set(computes) == {"train"}
    assert computes["train"][1]["least_instances"] == 2
    deployments = kept(database, "azure_ai_deployment")
    assert {name: details.get("model_units") for name, (_, details) in deployments.items()} == {
        "chat": 100,
        "more": 50,
        "batch": None,
    }
    assert deployments["batch"][1]["capacity"] == 450
    assert (deployments["chat"][1]["model"], deployments["chat"][1]["model_version"]) == ("gpt-4o", "2024-08-06")
    assert kept(database, "azure_ai_account")["acme-ai"][1]["model_units"] == "150"


def test_what_may_not_be_read_stays_as_it_was_and_is_said(
    graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has(VMS, machine("a"))
    run(Inventory(connect(), clock))
    graph.has(VMS)
    graph.grant("*/read", without=["Microsoft.Compute/virtualMachines/*"])
    later = lambda: datetime(2026, 11, 21, 8, tzinfo=UTC)  # noqa: E731
    report = run(Inventory(connect(), later))
    assert report.error is None
    assert "Microsoft.Compute/virtualMachines/read is missing" in report.slices[0].notes[0]
    assert set(kept(database, "azure_vm")) == {"a"}

    graph.grant("*/read")
    run(Inventory(connect(), lambda: datetime(2026, 11, 21, 9, tzinfo=UTC)))
    assert kept(database, "azure_vm") == {}, "an empty listing is an answer"


def test_where_nothing_may_be_read_the_source_fails_and_the_doctor_names_it(
    graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.grant("Microsoft.Storage/*")
    report = run(Inventory(connect(), clock))
    assert "Azure denies everything" in (report.error or "")
    (found,) = Inventory(connect(), clock).examine()
    assert (found.state, "Microsoft.Compute/disks/read" in found.what) == ("broken", True)


def test_the_doctor_says_what_may_not_be_read_and_praises_nothing_it_may_not_ask(
    azure: Azure, graph: Graph, connect: Connect, clock: Clock
) -> None:
    graph.grant("Microsoft.Compute/*", "Microsoft.ResourceGraph/*")
    notes = [one.what for one in Inventory(connect(), clock).examine() if one.state == "note"]
    assert any("Microsoft.CognitiveServices/accounts/read" in one for one in notes)

    azure.on(PERMISSIONS, RefusalError(403, "AuthorizationFailed"))
    (found,) = Inventory(connect(), clock).examine()
    assert (found.state, "Microsoft.Authorization/permissions/read is missing" in found.what) == ("broken", True)


def test_computes_that_are_denied_are_a_remark(
    azure: Azure, graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has("services/workspaces'", {"id": ML, "name": "ws", "location": "eastus"})
    graph.has(VMS, machine("a"))
    azure.on(f"GET {ML}/computes", RefusalError(403, "AuthorizationFailed"))
    report = run(Inventory(connect(), clock))
    assert report.error is None
    assert "Microsoft.MachineLearningServices/workspaces/computes/read" in report.slices[0].notes[0]
    assert set(kept(database, "azure_vm")) == {"a"}


def test_what_was_deleted_in_between_is_left_out(
    graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has("services/workspaces'", {"id": ML, "name": "ws", "location": "eastus"})
    report = run(Inventory(connect(), clock))  # the double knows no computes: 404
    assert (report.error, report.failures) == (None, 0)


@pytest.mark.parametrize("waits_asked", [None, "7"])
def test_limits_are_waited_for(
    azure: Azure,
    graph: Graph,
    connect: Connect,
    clock: Clock,
    run: Run,
    database: Store,
    waits: list[float],
    waits_asked: str | None,
) -> None:
    headers = {"Retry-After": waits_asked} if waits_asked else {}
    answers = [RefusalError(429, "RateLimiting", headers=headers), RefusalError(500, "x")]

    def answer(call: Any) -> Any:
        return answers.pop(0) if answers else {"data": [], "resultTruncated": "false"}

    azure.on(QUERY, answer)
    report = run(Inventory(connect(), clock))
    assert report.error is None
    assert waits[0] == (7.0 if waits_asked else 5.0)


def test_a_listing_that_is_not_whole_changes_nothing(
    azure: Azure, graph: Graph, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph.has(VMS, machine("a"))
    run(Inventory(connect(), clock))
    for broken in (CUT_OFF, {"data": [], "$skipToken": "same"}, {"error": "x"}):
        azure.on(QUERY, broken)
        report = run(Inventory(connect(), lambda: datetime(2026, 11, 21, 8, tzinfo=UTC)))
        assert [one.outcome for one in report.slices] == ["failed"]
        assert set(kept(database, "azure_vm")) == {"a"}


def test_a_machine_says_its_tags() -> None:
    tagged, bare = machine_rows([machine("a", tags={"role": "dr"}), machine("b")], {})
    assert tagged["details"]["tags"] == {"role": "dr"}
    assert "tags" not in bare["details"]


def test_a_machine_says_the_group_of_reservations_it_runs_in() -> None:
    """Its place there is paid for without it."""
    group = compute("a100s", "capacityReservationGroups")
    reserved, bare = machine_rows([machine("a", reserved=group), machine("b")], {})
    assert reserved["details"]["capacity_reservation"] == "a100s"
    assert "capacity_reservation" not in bare["details"]


def test_fleets() -> None:
    owner = compute("set", "virtualMachineScaleSets")
    member = machine("3", id=f"{owner}/virtualMachines/3")
    assert fleet(machine("alone"), {}) is None
    assert fleet(member, {}) == "set"
    assert fleet(machine("flexible", scaleSet=owner), {}) == "set"
    assert fleet(machine("n", tags={"karpenter.sh_nodepool": "gpu"}), {}) == "gpu"
    assert Decimal(1) == sizes([_counted("1")])["standard_nx"]


def _counted(value: str) -> dict[str, Any]:
    gpus = {"name": "GPUs", "value": value}
    return {"resourceType": "virtualMachines", "name": "Standard_NX", "capabilities": [gpus]}


def test_an_account_that_was_deleted_since_hides_no_other(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Resource Graph tells of what was deleted for some minutes more."""
    both = [{"id": one, "name": one[-8:], "location": "eastus", "kind": "OpenAI"} for one in (AI, f"{AI}-2")]
    Graph(azure).has("cognitiveservices/accounts", *both)
    chat = {"id": f"{AI}/deployments/chat", "name": "chat", "sku": {"name": "GlobalStandard", "capacity": 9}}
    azure.on(f"GET {AI}/deployments", {"value": [chat]})
    azure.on(f"GET {AI}-2/deployments", RefusalError(404, "ResourceNotFound"))
    report = run(Inventory(connect(), clock))
    assert [one.notes for one in report.slices] == [()]
    assert set(kept(database, "azure_ai_deployment")) == {"chat"}
