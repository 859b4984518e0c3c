"""SageMaker's jobs as workloads: billed time, all instances, how they ended, and what a warm pool keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.aws.clients import AwsClients
from collectors.aws.inventory import Inventory
from collectors.aws.inventory_jobs import accelerators, workloads
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_lives import EMPTY

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
START = datetime(2026, 11, 20, 10, tzinfo=UTC)
SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
EIGHT_H100 = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}


def training(name: str = "llama", status: str = "Completed", **more: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name, "TrainingJobArn": f"{SAGEMAKER}:training-job/{name}", "TrainingJobStatus": status,
        "TrainingStartTime": START, "TrainingEndTime": START + timedelta(hours=2), "ResourceConfig": EIGHT_H100,
    } | more  # fmt: skip


def rows(job: dict[str, Any], kind: str = "Training") -> list[dict[str, Any]]:
    return list(workloads(kind, job, NOW))


def test_what_is_billed_is_what_ran_and_all_instances_count() -> None:
    (row,) = rows(training(BillableTimeInSeconds=5400, TrainingTimeInSeconds=7200))
    assert (row["period_seconds"], row["accelerators_requested"]) == (5400, Decimal(16))
    assert (row["kind"], row["stage"], row["outcome"]) == ("job", "training", "succeeded")
    assert row["timestamp"] == "2026-11-20T10:00:00+00:00"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("Failed", "failed"), ("Stopped", None), ("Completed", "succeeded"), ("InProgress", "running")],
)
def test_without_billed_time_the_time_between_start_and_end_counts(status: str, outcome: str | None) -> None:
    (row,) = rows(training(status=status))
    assert (row["period_seconds"], row["outcome"]) == (7200, outcome)


def test_a_job_in_progress_ran_until_now_and_one_that_never_started_not_at_all() -> None:
    running = training(status="InProgress", BillableTimeInSeconds=60)
    del running["TrainingEndTime"]
    assert [row["period_seconds"] for row in rows(running)] == [20 * 3600]
    failed = training(status="Failed")
    del failed["TrainingStartTime"]
    assert rows(failed) == []


def test_a_warm_pool_is_time_paid_for_in_which_nothing_ran() -> None:
    job, pool = rows(training(WarmPoolStatus={"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 900}))
    assert (pool["kind"], pool["period_seconds"], pool["timestamp"]) == ("warm_pool", 900, "2026-11-20T12:00:00+00:00")
    assert (pool["accelerators_requested"], pool["accelerators_used"]) == (Decimal(16), 0)
    assert pool["workload"] != job["workload"]
    _, waiting = rows(training(WarmPoolStatus={"Status": "Available"}))
    assert waiting["period_seconds"] == 18 * 3600, "from the end of the job until now"
    assert len(rows(training(WarmPoolStatus={"Status": "InUse"}))) == 1


def test_accelerators_of_groups_add_up_and_one_unknown_machine_makes_them_unknown() -> None:
    groups = [
        {"InstanceType": "ml.g5.12xlarge", "InstanceCount": 3, "InstanceGroupName": "a"},
        {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "InstanceGroupName": "b"},
    ]
    assert accelerators("Training", training(ResourceConfig={"InstanceGroups": groups})) == 20
    groups[0]["InstanceType"] = "ml.c5.xlarge"
    assert accelerators("Training", training(ResourceConfig={"InstanceGroups": groups})) is None
    chosen = {"SelectedInstanceType": "ml.g6.12xlarge", "SelectedInstanceCount": 1, "InstancePreferences": []}
    assert accelerators("Training", training(ResourceConfig=chosen)) == 4


@pytest.fixture
def account(aws: Aws) -> Aws:
    """An account with two training jobs (one of them in progress), a transform and a processing job."""
    for operation, answer in EMPTY.items():
        aws.on(operation, answer)
    aws.on("cloudtrail.LookupEvents", {"Events": []})
    aws.on("ec2.DescribeInstances", {"Reservations": []})
    done = training("done", CreationTime=START, BillableTimeInSeconds=5400)
    going = training("going", "InProgress", CreationTime=START)
    del going["TrainingEndTime"]
    jobs = {"done": done, "going": going}

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("WarmPoolStatusEquals"):
            return {"TrainingJobSummaries": []}
        running = asked.get("StatusEquals") == "InProgress"
        found = [
            {
                "TrainingJobName": name, "TrainingJobArn": job["TrainingJobArn"], "CreationTime": START,
                "TrainingJobStatus": job["TrainingJobStatus"],
            }
            for name, job in jobs.items() if not running or job["TrainingJobStatus"] == "InProgress"
        ]  # fmt: skip
        if asked.get("LastModifiedTimeAfter") and not asked.get("NextToken"):
            return {"TrainingJobSummaries": found[:1], "NextToken": "more"}
        return {"TrainingJobSummaries": found if not asked.get("NextToken") else found[1:]}

    aws.on("sagemaker.ListTrainingJobs", listed)
    filled = {"ModelArtifacts": {"S3ModelArtifacts": "s3://x"}, "SecondaryStatus": "Completed", "StoppingCondition": {}}
    filled |= {"AlgorithmSpecification": {"TrainingInputMode": "File"}}
    aws.on("sagemaker.DescribeTrainingJob", lambda asked: jobs[asked["TrainingJobName"]] | filled)
    summary = {"CreationTime": START}
    name, arn = "batch-1", f"{SAGEMAKER}:transform-job/batch-1"
    aws.on(
        "sagemaker.ListTransformJobs",
        {
            "TransformJobSummaries": [
                summary | {"TransformJobName": name, "TransformJobArn": arn, "TransformJobStatus": "Failed"}
            ]
        },
    )
    aws.on(
        "sagemaker.DescribeTransformJob",
        {
            "TransformJobName": name, "TransformJobArn": arn, "TransformJobStatus": "Failed", "ModelName": "bert",
            "CreationTime": START, "TransformStartTime": START, "TransformEndTime": START + timedelta(minutes=30),
            "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://x"}}},
            "TransformResources": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 3},
        },
    )  # fmt: skip
    return aws


def test_jobs_become_workloads_once_each(
    account: Aws, connect: Callable[..., AwsClients], clock: Clock, run: Callable[..., SourceReport], database: Store
) -> None:
    account.on("sagemaker.ListProcessingJobs", [RefusalError("AccessDeniedException")])

    report = run(Inventory(connect(), clock))

    assert not report.failed
    assert report.slices[2].notes == (
        "SageMaker processing jobs is unknown: the permission is missing (AccessDeniedException).",
    )
    asked = [call[1] for call in account.calls if call[0] == "sagemaker.ListTrainingJobs"]
    (since,) = {one["LastModifiedTimeAfter"] for one in asked if "LastModifiedTimeAfter" in one}
    assert since.replace(tzinfo=UTC) == NOW - timedelta(days=90)
    assert account.operations().count("sagemaker.DescribeTrainingJob") == 2
    assert set(account.operations()) - {"sts.GetCallerIdentity"} <= set(Inventory.operations)
    with database.engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT workload, stage, outcome, sum(seconds)::int, max(accelerators_requested)::int"
                " FROM workload_hour GROUP BY 1, 2, 3 ORDER BY 1"
            )
        ).all()
        lived = connection.execute(text("SELECT count(*), count(ended_at) FROM resource_life")).one()
    assert [tuple(row) for row in found] == [
        ("batch-1", "inference_batch", "failed", 1800, 3),
        ("done", "training", "succeeded", 5400, 16),
        ("going", "training", "running", 72000, 16),
    ]
    assert tuple(lived) == (3, 2)


def test_the_end_of_a_job_replaces_every_hour_it_had_seemed_to_run(
    account: Aws, connect: Callable[..., AwsClients], run: Callable[..., SourceReport], database: Store
) -> None:
    """Managed spot: 21 hours from start to end, of which one is billed; seen after 20 of them."""
    run(Inventory(connect(), lambda: NOW))
    over = training("going", BillableTimeInSeconds=3600, TrainingTimeInSeconds=75_600, CreationTime=START)
    over |= {"TrainingEndTime": START + timedelta(hours=21)}
    pool = {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 900}
    describe = account.answers["sagemaker.DescribeTrainingJob"]
    account.on(
        "sagemaker.DescribeTrainingJob",
        lambda asked: (
            (describe(asked) | over | {"WarmPoolStatus": pool})
            if asked["TrainingJobName"] == "going"
            else describe(asked)
        ),
    )

    run(Inventory(connect(), lambda: NOW + timedelta(hours=2)))

    query = text(
        "SELECT workload, outcome, min(hour), sum(seconds)::int FROM workload_hour WHERE workload LIKE 'going%'"
        " GROUP BY 1, 2 ORDER BY 1"
    )
    with database.engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(query)] == [
            ("going", "succeeded", START, 3600),
            ("going warm pool", None, START + timedelta(hours=21), 900),
        ]
        others = connection.scalar(text("SELECT sum(seconds)::int FROM workload_hour WHERE workload = 'done'"))
    assert others == 5400


def test_jobs_that_were_denied_are_read_from_where_they_were_left(
    account: Aws, connect: Callable[..., AwsClients], run: Callable[..., SourceReport]
) -> None:
    asked: list[datetime] = []

    def listed(given: dict[str, Any]) -> dict[str, Any]:
        if "LastModifiedTimeAfter" in given:
            asked.append(given["LastModifiedTimeAfter"].replace(tzinfo=UTC))
        return {"ProcessingJobSummaries": []}

    account.on("sagemaker.ListProcessingJobs", [RefusalError("AccessDeniedException")])
    run(Inventory(connect(), lambda: NOW))
    run(Inventory(connect(), lambda: NOW + timedelta(hours=1)))
    account.on("sagemaker.ListProcessingJobs", listed)

    granted = NOW + timedelta(hours=1, minutes=10)
    run(Inventory(connect(), lambda: granted))
    run(Inventory(connect(), lambda: granted + timedelta(hours=1)))

    assert asked == [granted - timedelta(days=90), NOW - timedelta(hours=2)], "within the hour, and then as ever"
