"""AWS's own advice: GPU evidence kept, savings after discounts, and not enrolled is unknown, not nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.keys import content_key
from aispend.store import Store
from collectors.aws.advice import Advice
from collectors.aws.advice_rows import machines
from collectors.aws.base import actions_for
from collectors.aws.clients import AwsClients
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError

Run = Callable[..., SourceReport]
Collector = Callable[..., Advice]
D = Decimal
REFRESHED = datetime(2026, 11, 20, 18, tzinfo=UTC)
MACHINE = f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/i-0ab"
ENDPOINT = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/chat"
VOLUME = f"arn:aws:ec2:us-east-1:{ACCOUNT}:volume/vol-0cd"
PLANS = {
    "recommendationId": "plan",
    "accountId": ACCOUNT,
    "actionType": "PurchaseSavingsPlans",
    "currentResourceType": "SageMakerSavingsPlans",
    "estimatedMonthlySavings": 1234.56,
    "currencyCode": "USD",
    "source": "CostExplorer",
}
RIGHTSIZE = {
    "recommendationId": "right",
    "accountId": ACCOUNT,
    "region": "us-east-1",
    "resourceId": "i-0ab",
    "resourceArn": MACHINE,
    "currentResourceType": "Ec2Instance",
    "recommendedResourceType": "Ec2Instance",
    "estimatedMonthlySavings": 500.1,
    "estimatedMonthlyCost": 900.0,
    "currencyCode": "USD",
    "implementationEffort": "Medium",
    "restartNeeded": True,
    "actionType": "Rightsize",
    "currentResourceSummary": "g5.12xlarge",
    "recommendedResourceSummary": "g5.4xlarge",
    "lastRefreshTimestamp": REFRESHED,
    "source": "ComputeOptimizer",
}


def saving(value: float, percentage: float = 10.0) -> dict[str, Any]:
    amount = {"currency": "USD", "value": value}
    return {"savingsOpportunityPercentage": percentage, "estimatedMonthlySavings": amount}


OVERSIZED = {
    "instanceArn": MACHINE,
    "accountId": ACCOUNT,
    "currentInstanceType": "g5.12xlarge",
    "finding": "Overprovisioned",
    "findingReasonCodes": ["GPUOverprovisioned", "GPUMemoryOverprovisioned"],
    "utilizationMetrics": [{"name": "GPU_MEMORY_PERCENTAGE", "statistic": "Maximum", "value": 12.7}],
    "lookBackPeriodInDays": 14.0,
    "currentInstanceGpuInfo": {"gpus": [{"gpuCount": 4, "gpuMemorySizeInMiB": 24576}]},
    "recommendationOptions": [
        {"instanceType": "g5.8xlarge", "rank": 2, "savingsOpportunity": saving(100.0)},
        {
            "instanceType": "g5.4xlarge",
            "rank": 1,
            "performanceRisk": 1.5,
            "savingsOpportunity": saving(700.3),
            "savingsOpportunityAfterDiscounts": saving(500.1),
            "migrationEffort": "Low",
        },
    ],
    "lastRefreshTimestamp": REFRESHED,
    "idle": "False",
}
RIGHT_WITH_GPU = {
    "instanceArn": MACHINE.replace("0ab", "0ef"),
    "accountId": ACCOUNT,
    "currentInstanceType": "p5.48xlarge",
    "finding": "Optimized",
    "utilizationMetrics": [{"name": "GPU_PERCENTAGE", "statistic": "Maximum", "value": 99.0}],
    "recommendationOptions": [{"instanceType": "p5.48xlarge", "rank": 1, "savingsOpportunity": saving(0.0)}],
}
RIGHT_WITHOUT = {"instanceArn": MACHINE.replace("0ab", "0aa"), "accountId": ACCOUNT, "finding": "Optimized"}
IDLE = {
    "resourceArn": ENDPOINT,
    "resourceId": "chat",
    "resourceType": "SageMakerEndpoint",
    "accountId": ACCOUNT,
    "finding": "Idle",
    "findingDescription": "no invocations",
    "savingsOpportunity": saving(40.25),
    "utilizationMetrics": [{"name": "Invocations", "statistic": "Maximum", "value": 0.0}],
}
UNATTACHED = {
    "resourceArn": VOLUME,
    "resourceId": "vol-0cd",
    "resourceType": "EBSVolume",
    "accountId": ACCOUNT,
    "finding": "Unattached",
    "savingsOpportunityAfterDiscounts": saving(8.0),
}


@pytest.fixture
def collector(aws: Aws, clock: Clock) -> Collector:
    """A collector of a company in one region; ``at`` is the clock's instant."""
    aws.on("cost-optimization-hub.ListRecommendations", {"items": [RIGHTSIZE, PLANS]})
    aws.on(
        "compute-optimizer.GetEC2InstanceRecommendations",
        lambda given: (
            {"instanceRecommendations": [RIGHT_WITH_GPU, RIGHT_WITHOUT]}
            if given.get("nextToken") == "two"
            else {"instanceRecommendations": [OVERSIZED], "nextToken": "two"}
        ),
    )
    aws.on("compute-optimizer.GetIdleRecommendations", {"idleRecommendations": [IDLE, UNATTACHED]})

    def made(*, at: datetime | None = None, **settings: Any) -> Advice:
        from aispend.connections import AwsConnection

        given = {"endpoint_url": aws.url, "regions": ("us-east-1",)} | settings
        return Advice(AwsClients(AwsConnection.model_validate(given)), (lambda: at) if at else clock)

    return made


def rows(database: Store, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_each_adviser_says_its_own(collector: Collector, run: Run, database: Store, aws: Aws) -> None:
    report = run(collector())
    assert (report.failed, report.rows, [one.notes for one in report.slices]) == (False, 6, [(), (), ()])
    assert rows(
        database,
        """SELECT adviser, resource_id, action, current, proposed, monthly_saving, currency, effort
           FROM provider_advice ORDER BY adviser, monthly_saving DESC NULLS LAST""",
    ) == [
        ("Compute Optimizer", MACHINE, "Rightsize", "g5.12xlarge", "g5.4xlarge", D("500.1"), "USD", "Low"),
        ("Compute Optimizer", ENDPOINT, "Delete", "Idle", None, D("40.25"), "USD", None),
        ("Compute Optimizer", VOLUME, "Delete", "Unattached", None, D("8"), "USD", None),
        ("Compute Optimizer", MACHINE.replace("0ab", "0ef"), "Keep", "p5.48xlarge", None, None, None, None),
        ("Cost Optimization Hub", None, "PurchaseSavingsPlans", None, None, D("1234.56"), "USD", None),
        ("Cost Optimization Hub", MACHINE, "Rightsize", "g5.12xlarge", "g5.4xlarge", D("500.1"), "USD", "Medium"),
    ]
    assert set(aws.operations()) <= set(collector().operations)
    (asked,) = [given for name, given, _, _ in aws.calls if name.endswith("IdleRecommendations")]
    assert asked["filters"] == [
        {"name": "ResourceType", "values": ["EC2Instance", "EBSVolume", "SageMakerEndpoint", "AutoScalingGroup"]}
    ]


def test_what_it_saw_of_gpus_and_what_the_saving_means_is_kept(collector: Collector, run: Run, database: Store) -> None:
    run(collector())
    ((details, key, refreshed),) = rows(
        database,
        """SELECT details, resource_key, refreshed_at FROM provider_advice
           WHERE adviser = 'Compute Optimizer' AND action = 'Rightsize'""",
    )
    assert key == content_key("aws", "i-0ab"), "the id the ledger has"
    assert refreshed == REFRESHED
    assert details["finding"] == "Overprovisioned"
    assert details["findingReasonCodes"] == ["GPUOverprovisioned", "GPUMemoryOverprovisioned"]
    assert details["utilizationMetrics"] == [{"name": "GPU_MEMORY_PERCENTAGE", "statistic": "Maximum", "value": "12.7"}]
    assert details["currentInstanceGpuInfo"] == {"gpus": [{"gpuCount": 4, "gpuMemorySizeInMiB": 24576}]}
    assert (details["performanceRisk"], details["saving_basis"]) == ("1.5", "after discounts")
    assert [option["instanceType"] for option in details["options"]] == ["g5.4xlarge", "g5.8xlarge"]
    ((basis,),) = rows(
        database, f"SELECT details ->> 'saving_basis' FROM provider_advice WHERE resource_id='{ENDPOINT}'"
    )
    assert basis == "at list price"


def test_once_a_day_and_advice_that_was_followed_goes(
    collector: Collector, run: Run, database: Store, aws: Aws
) -> None:
    assert run(collector()).requests == {
        "sts.GetCallerIdentity": 1,
        "compute-optimizer.GetEC2InstanceRecommendations": 2,
        "compute-optimizer.GetIdleRecommendations": 1,
        "cost-optimization-hub.ListRecommendations": 1,
    }
    assert run(collector()).requests == {"sts.GetCallerIdentity": 1}

    aws.on("compute-optimizer.GetEC2InstanceRecommendations", {"instanceRecommendations": []})
    aws.on("compute-optimizer.GetIdleRecommendations", {"idleRecommendations": []})
    aws.on("cost-optimization-hub.ListRecommendations", {"items": []})
    aws.on("cost-optimization-hub.ListEnrollmentStatuses", {"items": [{"accountId": ACCOUNT, "status": "Active"}]})
    report = run(collector(at=datetime(2026, 11, 22, tzinfo=UTC)))
    assert (report.failed, [one.notes for one in report.slices]) == (False, [(), (), ()])
    assert rows(database, "SELECT count(*) FROM provider_advice") == [(0,)]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", None])
def test_not_enrolled_is_said_once_and_how_to_enrol(
    collector: Collector, run: Run, database: Store, aws: Aws, code: str | None
) -> None:
    for operation in ("GetEC2InstanceRecommendations", "GetIdleRecommendations"):
        aws.on(f"compute-optimizer.{operation}", [RefusalError("OptInRequiredException", status=403)])
    aws.on("cost-optimization-hub.ListRecommendations", [RefusalError(code)] if code else {"items": []})
    aws.on("cost-optimization-hub.ListEnrollmentStatuses", {"items": [{"accountId": ACCOUNT, "status": "Inactive"}]})
    report = run(collector(regions=("us-east-1", "us-west-2")))
    assert not report.failed
    notes = [note for one in report.slices for note in one.notes]
    assert len(notes) == 2
    assert notes[0].startswith(f"{ACCOUNT} is not enrolled in Compute Optimizer")
    assert notes[1].startswith("Cost Optimization Hub is not switched on")
    assert report.requests["compute-optimizer.GetEC2InstanceRecommendations"] == 1, "one refusal speaks for all regions"
    assert rows(database, "SELECT count(*) FROM provider_advice") == [(0,)]


def test_a_part_that_may_not_be_read_is_a_remark(collector: Collector, run: Run, database: Store, aws: Aws) -> None:
    aws.on("compute-optimizer.GetIdleRecommendations", [RefusalError("AccessDeniedException")])
    aws.on("cost-optimization-hub.ListRecommendations", [RefusalError("AccessDeniedException")])
    aws.on("cost-optimization-hub.ListEnrollmentStatuses", [RefusalError("AccessDeniedException")])
    report = run(collector())
    assert not report.failed
    notes = [note for one in report.slices for note in one.notes]
    assert notes == [
        f"What Compute Optimizer says of {ACCOUNT} in us-east-1 (idle) is unknown: "
        "the permission is missing (AccessDeniedException).",
        "What the Cost Optimization Hub says is unknown: the permission is missing (AccessDeniedException).",
    ]
    assert rows(database, "SELECT count(*) FROM provider_advice") == [(2,)]

    aws.on("compute-optimizer.GetEC2InstanceRecommendations", [RefusalError("AccessDeniedException")])
    refused = run(collector(at=datetime(2026, 11, 22, tzinfo=UTC)))
    assert "AWS denies ListRecommendations" in (refused.error or ""), "nothing at all may be read"


def test_what_is_denied_today_keeps_the_advice_of_yesterday(
    collector: Collector, run: Run, database: Store, aws: Aws
) -> None:
    everything = "SELECT advice_id, adviser, as_of FROM provider_advice ORDER BY 1, 2"
    run(collector())
    before = rows(database, everything)
    for operation in ("compute-optimizer.GetIdleRecommendations", "cost-optimization-hub.ListRecommendations"):
        aws.on(operation, [RefusalError("AccessDeniedException", status=403)])
    aws.on("cost-optimization-hub.ListEnrollmentStatuses", [RefusalError("AccessDeniedException", status=403)])
    aws.on("compute-optimizer.GetEC2InstanceRecommendations", {"instanceRecommendations": [OVERSIZED]})

    report = run(collector(at=datetime(2026, 11, 22, tzinfo=UTC)))

    assert not report.failed
    after = rows(database, everything)
    assert len(before) == 6
    assert len(after) == 5, "one machine that AWS says nothing of any more"
    assert {row[0] for row in after} < {row[0] for row in before}


def test_a_disabled_region_is_left_out_and_others_are_read(collector: Collector, run: Run, aws: Aws) -> None:
    aws.on("compute-optimizer.GetIdleRecommendations", [RefusalError("UnrecognizedClientException"), {}])
    report = run(collector(regions=("ap-east-1", "us-east-1", "xx-none-1")))
    assert [len(one.notes) for one in report.slices] == [0, 1, 0, 0, 0]
    assert "the region is not enabled" in report.slices[1].notes[0]


def test_a_page_that_comes_again_fails_its_slice_alone(collector: Collector, run: Run, aws: Aws) -> None:
    aws.on("compute-optimizer.GetIdleRecommendations", {"idleRecommendations": [IDLE], "nextToken": "same"})
    report = run(collector())
    assert [one.outcome for one in report.slices] == ["loaded", "failed", "loaded"]
    assert "same page again" in report.slices[1].message


def test_what_could_not_be_judged_is_a_remark(collector: Collector, run: Run, aws: Aws) -> None:
    error = {"identifier": ENDPOINT, "code": "NotFound", "message": "gone"}
    aws.on("compute-optimizer.GetIdleRecommendations", {"idleRecommendations": [], "errors": [error]})
    assert run(collector()).slices[1].notes == (f"Compute Optimizer: {ENDPOINT}: NotFound gone",)


def test_a_machine_without_options_has_no_saving_rather_than_none_to_make() -> None:
    small = {"instanceArn": MACHINE, "finding": "Underprovisioned", "recommendationOptions": []}
    (row,) = machines([{"instanceRecommendations": [small]}], REFRESHED)
    assert (row["action"], row["proposed"], row["monthly_saving"]) == ("Rightsize", None, None)
    assert row["details"] == {"finding": "Underprovisioned", "options": []}


def test_the_doctor_says_what_is_switched_on(collector: Collector, aws: Aws) -> None:
    aws.on("cost-optimization-hub.ListEnrollmentStatuses", {"items": [{"accountId": ACCOUNT, "status": "Active"}]})
    aws.on("compute-optimizer.GetEnrollmentStatus", {"status": "Inactive"})
    hub, optimizer = collector().examine()
    assert (hub.state, hub.what) == ("good", "Cost Optimization Hub is switched on")
    assert (optimizer.state, optimizer.what) == ("note", "Compute Optimizer is not switched on")
    assert optimizer.next_step.startswith(f"{ACCOUNT} is not enrolled")

    aws.on("cost-optimization-hub.ListEnrollmentStatuses", [RefusalError("AccessDeniedException")])
    denied, _ = collector().examine()
    assert denied.what == "the permission cost-optimization-hub:ListEnrollmentStatuses is missing"


def test_advice_on_machines_needs_to_see_them() -> None:
    assert actions_for("compute-optimizer.GetEC2InstanceRecommendations") == (
        "compute-optimizer:GetEC2InstanceRecommendations",
        "ec2:DescribeInstances",
    )
