"""What Google advises, through the real client over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from google.cloud.recommender_v1.types import recommendation, recommender_service
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.advice import ASK, KINDS, SPEND, Advice
from collectors.gcp.clients import GcpClients
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.double import Google, served

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
ZONE = "projects/ml-prod/locations/us-central1-a/recommenders"
COMPUTE = "https://www.googleapis.com/compute/v1/projects/ml-prod"
VM = "//compute.googleapis.com/projects/ml-prod/zones/us-central1-a/instances/gpu-1"


@pytest.fixture
def google() -> Iterator[Google]:
    with served() as double:
        machine = {"id": "501", "name": "gpu-1"}
        double.listings["compute.instances.aggregatedList"] = {
            "items": {"zones/us-central1-a": {"instances": [machine]}, "zones/us-east1-b": {}}
        }
        yield double


def smaller(number: int = 1, units: int = -300, days: int = 30) -> Any:
    return recommendation.Recommendation(
        {
            "name": f"{ZONE}/{KINDS[1].recommender}/recommendations/{number}",
            "description": "Save cost by changing machine type.",
            "recommender_subtype": "CHANGE_MACHINE_TYPE",
            "last_refresh_time": "2026-11-20T05:00:00Z",
            "primary_impact": {
                "category": "COST",
                "cost_projection": {
                    "cost": {"currency_code": "USD", "units": units, "nanos": -500_000_000},
                    "duration": {"seconds": days * 86400},
                },
            },
            "content": {
                "operation_groups": [
                    {
                        "operations": [
                            {
                                "action": "replace",
                                "resource_type": "compute.googleapis.com/Instance",
                                "resource": VM,
                                "path": "/machineType",
                                "value": "zones/us-central1-a/machineTypes/g2-standard-4",
                            }
                        ]
                    }
                ],
                "overview": {"currentMachineType": {"name": "g2-standard-12"}},
            },
            "target_resources": [VM],
        }
    )


def answers(**found: list[Any]) -> Callable[[Any], Any]:
    """Answers by the last part of a recommender's id, one a page."""

    def answer(request: Any) -> Any:
        assert request.filter == "stateInfo.state = ACTIVE"
        listed = found.get(request.parent.rpartition(".")[2], [])
        first = int(request.page_token or 0)
        following = str(first + 1) if first + 1 < len(listed) else ""
        return recommender_service.ListRecommendationsResponse(
            recommendations=listed[first : first + 1], next_page_token=following
        )

    return answer


def advised(database: Store) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM provider_advice ORDER BY advice_id")).mappings()
        return [dict(row) for row in found]


def test_advice_names_the_machine_as_the_bill_does_and_what_a_month_would_spare(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """300.50 in 720 hours are 304.67 in 730; 300.50 in 360 hours are twice as much."""
    google.recommendations = answers(MachineTypeRecommender=[smaller(), smaller(2, days=15)])
    report = run(Advice(connect(projects=["ml-prod"]), clock))

    assert (report.error, report.loaded) == (None, len(KINDS))
    first, second = advised(database)
    assert first["resource_id"] == "projects/111/zones/us-central1-a/instances/501"
    assert (first["adviser"], first["action"], first["account"], first["region"]) == (
        "Recommender",
        "Rightsize",
        "ml-prod",
        "us-central1",
    )
    assert (first["current"], first["proposed"]) == ("g2-standard-12", "g2-standard-4")
    assert (first["monthly_saving"], second["monthly_saving"], first["currency"]) == (
        Decimal("304.673611111111"),
        Decimal("609.347222222222"),
        "USD",
    )
    assert first["resource_type"] == "compute.googleapis.com/Instance"
    assert first["details"]["named"] == VM


def test_each_zone_region_and_billing_account_is_asked_for_what_is_of_it(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    parents: list[str] = []
    nothing = answers()

    def noted(request: Any) -> Any:
        parents.append(request.parent)
        return nothing(request)

    google.recommendations = noted
    google.listings["compute.disks.aggregatedList"] = {
        "items": {
            "zones/us-west4-b": {"disks": [{"name": "left", "zone": f"{COMPUTE}/zones/us-west4-b"}] * 2},
            "regions/europe-west1": {"disks": [{"name": "two", "region": f"{COMPUTE}/regions/europe-west1"}]},
        }
    }
    run(Advice(connect(projects=["ml-prod"], billing_accounts=["0A-1"]), clock))
    assert parents == [
        *(f"{ZONE}/{kind.recommender}" for kind in KINDS[:2]),
        *(
            f"projects/ml-prod/locations/{place}/recommenders/{KINDS[2].recommender}"
            for place in ("europe-west1", "us-west4-b")
        ),
        f"projects/ml-prod/locations/us-central1/recommenders/{KINDS[3].recommender}",
        f"billingAccounts/0A-1/locations/global/recommenders/{SPEND.recommender}",
    ]
    assert set(google.operations()) <= set(Advice.operations)


def test_what_is_denied_stays_as_it_was_and_all_of_it_fails(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.recommendations = answers(MachineTypeRecommender=[smaller()])
    run(Advice(connect(projects=["ml-prod"]), clock))

    said = "Permission recommender.computeInstanceMachineTypeRecommendations.list denied"

    def closed(request: Any) -> Any:
        if "MachineType" in request.parent:
            raise RefusedError(403, "PERMISSION_DENIED", said)
        return recommender_service.ListRecommendationsResponse()

    google.recommendations = closed
    tomorrow = lambda: clock().replace(day=22)  # noqa: E731
    report = run(Advice(connect(projects=["ml-prod"]), tomorrow))
    assert report.error is None
    assert any("computeInstanceMachineTypeRecommendations.list is missing" in note for note in report.slices[1].notes)
    assert len(advised(database)) == 1

    google.faults[ASK] = RefusedError(403, "PERMISSION_DENIED", said)
    report = run(Advice(connect(projects=["ml-prod"]), lambda: clock().replace(day=23)))
    assert "computeInstanceMachineTypeRecommendations.list" in (report.error or "")


def test_advice_on_disks_stays_where_a_zone_does_not_answer_or_disks_may_not_be_listed(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    down = {"zones/us-west4-b": {"warning": {"code": "UNREACHABLE", "message": "down"}}}
    google.listings["compute.disks.aggregatedList"] = {"items": down}
    (part,) = [one for one in run(Advice(connect(projects=["ml-prod"]), clock)).slices if "disks" in one.title]
    assert part.notes == ("the disks of ml-prod: unknown just now, us-west4-b did not answer.",)

    said = "Required 'compute.disks.list' permission for 'projects/ml-prod'"
    google.faults["compute.disks.aggregatedList"] = RefusedError(403, "forbidden", said)
    report = run(Advice(connect(projects=["ml-prod"]), clock))
    (part,) = [one for one in report.slices if "disks" in one.title]
    assert (report.error, part.outcome) == (None, "loaded")
    assert "the permission compute.disks.list is missing" in part.notes[0]


def test_where_machines_may_not_be_listed_there_is_no_advice_and_that_is_told(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    google.faults["compute.instances.aggregatedList"] = RefusedError(403, "forbidden", "no")
    report = run(Advice(connect(projects=["ml-prod"]), clock))
    assert "denies access" in (report.error or "")


def test_advice_for_a_zone_that_does_not_answer_stays_and_is_asked_for_again(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.recommendations = answers(MachineTypeRecommender=[smaller()])
    run(Advice(connect(projects=["ml-prod"]), clock))
    machines = google.listings["compute.instances.aggregatedList"]
    down = {"zones/us-central1-a": {"warning": {"code": "UNREACHABLE", "message": "down"}}}
    google.listings["compute.instances.aggregatedList"] = {"items": machines["items"] | down}
    tomorrow = lambda: clock().replace(day=22)  # noqa: E731

    report = run(Advice(connect(projects=["ml-prod"]), tomorrow))
    assert report.error is None
    assert any("us-central1-a did not answer" in note for note in report.slices[0].notes)
    assert len(advised(database)) == 1

    google.listings["compute.instances.aggregatedList"] = machines
    assert run(Advice(connect(projects=["ml-prod"]), tomorrow)).loaded == len(KINDS)
