"""Utilization of SageMaker from CloudWatch: sums over the GPUs of a machine, machine by machine, in doubt left out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.aws.cloudwatch import Series
from collectors.aws.utilization import Utilization
from collectors.aws.utilization_sagemaker import ENDPOINTS, JOBS
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_utilization import DAY, NOON, CloudWatch, Connect, Run, agent, fetched, series, steady

TRAINING, PROCESSING, TRANSFORM = JOBS
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
OLD = NOON - timedelta(days=90)


def served(metric: str, variant: str = "blue") -> Series:
    return series(ENDPOINTS, metric, EndpointName="Chat", VariantName=variant)


def trained(machine: str, metric: str = "GPUUtilization", job: str = "tune-7") -> Series:
    return series(TRAINING, metric, Host=f"{job}/{machine}")


def endpoint(aws: Aws, *variants: dict[str, Any], since: datetime = OLD, **running: int) -> None:
    """An endpoint ``Chat`` of these variants, of which so many machines are running."""
    about = {"EndpointName": "Chat", "EndpointArn": f"{ARN}:endpoint/chat", "EndpointStatus": "InService"}
    times = {"CreationTime": OLD, "LastModifiedTime": NOON}
    now = [{"VariantName": name, "CurrentInstanceCount": count} for name, count in running.items()]
    shown = {"EndpointConfigName": "chat-2"} | ({"ProductionVariants": now} if now else {})
    aws.on("sagemaker.DescribeEndpoint", about | times | shown)
    config = {"EndpointConfigName": "chat-2", "EndpointConfigArn": f"{ARN}:endpoint-config/chat-2"}
    listed = [{"ModelName": "m"} | one for one in variants]
    aws.on("sagemaker.DescribeEndpointConfig", config | {"ProductionVariants": listed, "CreationTime": since})


def training(aws: Aws, **resources: Any) -> None:
    about = {"TrainingJobName": "tune-7", "TrainingJobArn": f"{ARN}:training-job/tune-7", "CreationTime": OLD}
    status = {"TrainingJobStatus": "Completed", "SecondaryStatus": "Completed"}
    model = {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"}, "StoppingCondition": {}}
    algorithm = {"AlgorithmSpecification": {"TrainingInputMode": "File"}}
    given = {"ResourceConfig": {"VolumeSizeInGB": 1} | resources}
    aws.on("sagemaker.DescribeTrainingJob", about | status | model | algorithm | given)


def machines(instance_type: str) -> dict[str, Any]:
    return {"InstanceType": instance_type, "InstanceCount": 1, "InstanceGroupName": instance_type}


@pytest.fixture
def collector(connect: Connect, clock: Clock) -> Utilization:
    return Utilization(connect(), clock)


def test_a_sum_over_the_gpus_of_a_machine_is_divided(aws: Aws, collector: Utilization, tmp_path: Path) -> None:
    """240 over four GPUs is 60 each, 100 of their memory 25 % of 24 GB; the type is known by the configuration."""
    memory = served("GPUMemoryUtilization")
    double = CloudWatch(aws, {served("GPUUtilization"): [(NOON, 240.0)], memory: [(NOON, 100.0)]})
    double.maxima = {memory: [(NOON, 300.0)]}
    endpoint(aws, {"VariantName": "blue", "InstanceType": "ml.g5.12xlarge"})

    rows, notes = fetched(collector, tmp_path)

    assert notes == ()
    assert [(row["accelerator_index"], row["gpu_utilization"]) for row in rows] == [(n, 60.0) for n in range(4)]
    memory_of = ("memory_used_bytes", "memory_used_max_bytes", "memory_total_bytes")
    assert {tuple(row[name] for name in memory_of) for row in rows} == {(6e9, 18e9, 24e9)}
    assert rows[0]["resource_id"] == f"{ARN}:endpoint/chat"


def test_variants_of_an_endpoint_are_not_taken_for_one_another(
    aws: Aws, collector: Utilization, tmp_path: Path
) -> None:
    CloudWatch(
        aws, {served("GPUUtilization", "green"): [(NOON, 10.0)], served("GPUUtilization", "blue"): [(NOON, 240.0)]}
    )
    green = {"VariantName": "green", "InstanceType": "ml.g5.xlarge"}
    endpoint(aws, green, {"VariantName": "blue", "InstanceType": "ml.g5.12xlarge"})

    rows, _ = fetched(collector, tmp_path)

    found = {row["accelerator_index"]: row["gpu_utilization"] for row in rows}
    assert (len(rows), found) == (5, {0: 60.0, 1: 60.0, 2: 60.0, 3: 60.0, 3000: 10.0})


@pytest.mark.parametrize(
    ("running", "gpus", "busy"),
    [({}, 32, 0.75), ({"blue": 1, "green": 3}, 32, 0.75), ({"blue": 3, "green": 1}, 32, 0.25), ({"green": 0}, 16, 0.5)],
    ids=["as configured", "as configured and running", "scaled the other way", "scaled to nothing since"],
)
def test_each_variant_weighs_by_its_machines(
    aws: Aws,
    connect: Connect,
    clock: Clock,
    run: Run,
    database: Store,
    running: dict[str, int],
    gpus: int,
    busy: float,
) -> None:
    """One idle machine of eight GPUs and three busy ones: 32 GPUs, 24 of them at work."""
    CloudWatch(aws, {served("GPUUtilization", "blue"): steady(0.0), served("GPUUtilization", "green"): steady(800.0)})
    big = {"InstanceType": "ml.p5.48xlarge"}
    blue, green = ({"VariantName": name, "InitialInstanceCount": n} for name, n in (("blue", 1), ("green", 3)))
    endpoint(aws, blue | big, green | big, **running)
    run(Utilization(connect(), clock), first=DAY, end=DAY + timedelta(days=1))
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT count(*), avg(activity_mean) FROM accelerator_hour")).one()
    assert tuple(found) == (gpus, busy)


def test_machines_of_a_job_are_not_taken_for_one_another(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Machine 1 at 100 % and machine 2 idle: sixteen GPUs, half of them at work."""
    CloudWatch(aws, {trained("algo-1"): steady(800.0), trained("algo-2"): steady(0.0)})
    training(aws, InstanceType="ml.p5.48xlarge", InstanceCount=2)

    report = run(Utilization(connect(), clock), first=DAY, end=DAY + timedelta(days=1))

    assert (report.error, report.failures) == (None, 0)
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT accelerator_index, activity_mean FROM accelerator_hour ORDER BY 1"))
        assert [tuple(row) for row in found] == [(n, 1.0 if n < 8 else 0.0) for n in range(16)]
        assert connection.scalar(text("SELECT DISTINCT alias FROM accelerator_hour")) == f"{ARN}:training-job/tune-7"


def test_machines_without_a_number_count_in_the_order_of_their_names(
    aws: Aws, collector: Utilization, tmp_path: Path
) -> None:
    hosts = [series(TRANSFORM, "GPUUtilization", Host=f"batch-1/{name}") for name in ("i-0b", "i-0a")]
    CloudWatch(aws, {hosts[0]: [(NOON, 20.0)], hosts[1]: [(NOON, 10.0)]})
    about = {"TransformJobName": "batch-1", "TransformJobArn": f"{ARN}:transform-job/batch-1", "CreationTime": OLD}
    about |= {"TransformJobStatus": "Completed", "ModelName": "m"}
    source = {"TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/i"}}}}
    used = {"TransformResources": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 2}}
    aws.on("sagemaker.DescribeTransformJob", about | source | used)

    rows, _ = fetched(collector, tmp_path)

    assert sorted((row["accelerator_index"], row["gpu_utilization"]) for row in rows) == [(0, 10.0), (1, 20.0)]


@pytest.mark.parametrize(
    ("resources", "each"),
    [
        ({"InstanceGroups": [machines("ml.g5.12xlarge")]}, [60.0] * 4),
        ({"InstanceGroups": [machines("ml.g5.12xlarge"), machines("ml.g5.48xlarge")]}, []),
        ({"InstanceType": "ml.z9.enormous", "InstanceCount": 1}, []),
    ],
    ids=["groups of one type", "groups of two types", "a type nobody knows"],
)
def test_a_number_of_gpus_that_is_not_known_is_never_guessed(
    aws: Aws, collector: Utilization, tmp_path: Path, resources: dict[str, Any], each: list[float]
) -> None:
    CloudWatch(aws, {trained("algo-1"): [(NOON, 240.0)]})
    training(aws, **resources)
    rows, notes = fetched(collector, tmp_path)
    assert [row["gpu_utilization"] for row in rows] == each
    assert ["training-job/tune-7: utilization left out" in note for note in notes] == [True] * (not each)


def test_a_job_that_is_gone_is_left_out_and_named(aws: Aws, collector: Utilization, tmp_path: Path) -> None:
    CloudWatch(aws, {trained("algo-1"): [(NOON, 240.0)], agent("utilization_gpu"): [(NOON, 1.0)]})
    aws.on("sagemaker.DescribeTrainingJob", [RefusalError("ValidationException", "not found")])

    rows, notes = fetched(collector, tmp_path)

    assert [row["resource_id"] for row in rows] == ["i-1"]
    assert "training-job/tune-7: utilization left out" in notes[0]


def test_a_missing_permission_is_said_once_and_the_rest_goes_on(
    aws: Aws, collector: Utilization, tmp_path: Path
) -> None:
    jobs = {trained("algo-1", job=f"tune-{n}"): [(NOON, 240.0)] for n in range(3)}
    CloudWatch(aws, {**jobs, agent("utilization_gpu"): [(NOON, 1.0)]})
    aws.on("sagemaker.DescribeTrainingJob", [RefusalError("AccessDeniedException", "no")])

    rows, notes = fetched(collector, tmp_path)

    assert [row["resource_id"] for row in rows] == ["i-1"]
    (note,) = notes
    said = f"Utilization of training jobs in {ACCOUNT}, us-east-1 is unknown: the permission is missing"
    assert note == f"{said} (AccessDeniedException)."


def test_a_rate_limit_is_waited_for_and_the_day_not_taken_for_read(
    aws: Aws, connect: Connect, clock: Clock, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    CloudWatch(aws, {trained("algo-1"): [(NOON, 240.0)]})
    aws.on("sagemaker.DescribeTrainingJob", [RefusalError("ThrottlingException", "slow down")])
    report = run(Utilization(connect(), clock), first=DAY, end=DAY + timedelta(days=1))
    assert [one.outcome for one in report.slices] == ["waiting"]

    training(aws, InstanceType="ml.g5.12xlarge", InstanceCount=1)
    again = run(Utilization(connect(), clock), first=DAY, end=DAY + timedelta(days=1))
    assert [(one.outcome, one.rows) for one in again.slices] == [("loaded", 4)]


def test_points_from_before_the_configuration_belong_to_machines_nobody_knows(
    aws: Aws, collector: Utilization, tmp_path: Path
) -> None:
    CloudWatch(aws, {served("GPUUtilization"): [(NOON, 240.0), (NOON + timedelta(minutes=30), 90.0)]})
    endpoint(aws, {"VariantName": "blue", "InstanceType": "ml.g5.xlarge"}, since=NOON + timedelta(minutes=20))
    rows, notes = fetched(collector, tmp_path)
    assert [(row["timestamp"], row["gpu_utilization"]) for row in rows] == [(NOON + timedelta(minutes=30), 90.0)]
    assert notes == (f"{ARN}:endpoint/chat: 1 points left out, from before its present configuration.",)


def test_what_cannot_be_is_left_out_and_costs_nobody_else_the_day(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """240 % on one GPU is a mistake about the machine, 100.4 % is a rounding."""
    CloudWatch(aws, {trained("algo-1"): steady(240.0), agent("utilization_gpu"): steady(100.4)})
    training(aws, InstanceType="ml.g5.xlarge", InstanceCount=1)

    report = run(Utilization(connect(), clock), first=DAY, end=DAY + timedelta(days=1))

    (one,) = report.slices
    assert (one.outcome, one.message) == ("loaded", "")
    assert f"{ARN}:training-job/tune-7: 12 points left out, of more than 100 percent." in one.notes
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT alias, activity_max FROM accelerator_hour")).all() == [("i-1", 1.0)]


def test_only_what_ran_on_the_day_is_looked_up(aws: Aws, collector: Utilization, tmp_path: Path) -> None:
    yesterday = {trained("algo-1", job=f"tune-{n}"): [(NOON - timedelta(days=1), 8.0)] for n in range(20)}
    CloudWatch(aws, {**yesterday, trained("algo-1"): steady(8.0), trained("algo-2"): steady(8.0)})
    training(aws, InstanceType="ml.g5.xlarge", InstanceCount=2)
    fetched(collector, tmp_path)
    assert aws.operations().count("sagemaker.DescribeTrainingJob") == 1


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_resources_of_other_partitions_are_named_as_the_bill_does(
    aws: Aws, connect: Callable[..., Any], clock: Clock, tmp_path: Path, region: str, partition: str
) -> None:
    CloudWatch(aws, {trained("algo-1"): [(NOON, 50.0)]})
    training(aws, InstanceType="ml.g5.xlarge", InstanceCount=1)
    (row,), _ = fetched(Utilization(connect(regions=(region,)), clock), tmp_path)
    assert row["resource_id"] == f"arn:{partition}:sagemaker:{region}:{ACCOUNT}:training-job/tune-7"
