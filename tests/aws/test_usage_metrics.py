"""Inference from CloudWatch: Bedrock, its compatible endpoint and SageMaker, by the hour and counted once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.connections import AwsConnection
from aispend.settings import Settings, TagKeys
from aispend.store import Store
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import Series
from collectors.aws.usage import Usage
from collectors.aws.usage_rows import BEDROCK, SAGEMAKER
from collectors.contract import Files, Slice
from collectors.registry import sources
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_utilization import CloudWatch

DAY = date(2026, 11, 18)
TEN = datetime(2026, 11, 18, 10, tzinfo=UTC)
CLAUDE = "anthropic.claude-sonnet-4-20250514-v1:0"
PROFILE = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:application-inference-profile/abc123"


def series(namespace: str, metric: str, **dimensions: str) -> Series:
    return Series(namespace, metric, frozenset(dimensions.items()))


def bedrock(metric: str, model: str = CLAUDE, **more: str) -> Series:
    return series(BEDROCK, metric, ModelId=model, **more)


@pytest.fixture
def collector(connect: Callable[..., AwsClients], clock: Clock) -> Usage:
    return Usage(connect(), clock)


def profile(aws: Aws, *models: str) -> None:
    """The application inference profile there is."""
    arns = [{"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{model}"} for model in models]
    summary = {"inferenceProfileName": "search", "inferenceProfileArn": PROFILE, "inferenceProfileId": "abc123"}
    state = {"status": "ACTIVE", "type": "APPLICATION"}
    aws.on("bedrock.ListInferenceProfiles", {"inferenceProfileSummaries": [summary | state | {"models": arns}]})


def tags(aws: Aws, **given: str) -> None:
    aws.on("bedrock.ListTagsForResource", {"tags": [{"key": key, "value": value} for key, value in given.items()]})


def fetched(collector: Usage, folder: Path) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    reading = collector.fetch(Slice(f"{DAY}", "settled", "a day"), folder, None)
    (part,) = reading.parts
    assert isinstance(part, Files)
    rows = pq.read_table(part.paths[0]).to_pylist() if part.paths else []
    return [{name: value for name, value in row.items() if value is not None} for row in rows], reading.notes


def test_tokens_of_a_model_by_class_and_hour(aws: Aws, collector: Usage, tmp_path: Path) -> None:
    CloudWatch(
        aws,
        {
            bedrock("Invocations"): [(TEN, 10.0), (TEN + timedelta(hours=1), 3.0)],
            bedrock("InvocationClientErrors"): [(TEN, 1.0)],
            bedrock("InvocationServerErrors"): [(TEN, 2.0)],
            bedrock("InputTokenCount"): [(TEN, 1000.0)],
            bedrock("CacheReadInputTokenCount"): [(TEN, 4000.0)],
            bedrock("CacheWriteInputTokens"): [(TEN, 500.0)],
            bedrock("OutputTokenCount"): [(TEN, 700.0)],
            bedrock("InvocationLatency"): [(TEN, 812.5)],
            bedrock("InputTokenCount", ServiceTier="priority"): [(TEN, 400.0)],  # part of the 1000
            bedrock("TimeToFirstToken"): [(TEN, 9.0)],
        },
    )
    rows, notes = fetched(collector, tmp_path)

    common = {"provider": "aws", "account": ACCOUNT, "region": "us-east-1", "model": CLAUDE, "period_seconds": 3600.0}
    assert notes == ()
    assert rows == [
        {
            "timestamp": TEN,
            **common,
            "requests": 10.0,
            "failed_requests": 3.0,
            "uncached_input_tokens": 1000.0,
            "cached_input_tokens": 4000.0,
            "cache_write_tokens": 500.0,
            "output_tokens": 700.0,
            "latency_ms": 812.5,
        },
        {"timestamp": TEN + timedelta(hours=1), **common, "requests": 3.0},
    ]


@pytest.mark.parametrize("named", [PROFILE, "abc123"])
def test_an_inference_profile_is_a_resource_and_the_model_behind_it(
    aws: Aws, collector: Usage, tmp_path: Path, named: str
) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount", named): [(TEN, 5.0)]})
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}"
    summary = {
        "inferenceProfileName": "search",
        "inferenceProfileArn": PROFILE,
        "inferenceProfileId": "abc123",
        "models": [{"modelArn": arn}, {"modelArn": arn.replace("us-east-1", "us-west-2")}],
        "status": "ACTIVE",
        "type": "APPLICATION",
    }
    aws.on("bedrock.ListInferenceProfiles", {"inferenceProfileSummaries": [summary]})
    tags(aws, Owner="platform", Team="search", model="something else")

    ((row,), notes) = fetched(collector, tmp_path)

    assert (row["resource_id"], row["endpoint"], row["model"]) == (PROFILE, "abc123", CLAUDE)
    assert (row["team"], notes) == ("search", ())
    assert set(aws.operations()) <= {*Usage.operations, "sts.GetCallerIdentity"}


def test_a_profile_that_may_not_be_read_keeps_its_tokens_without_a_model(
    aws: Aws, collector: Usage, tmp_path: Path
) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount", PROFILE): [(TEN, 5.0)]})
    aws.on("bedrock.ListInferenceProfiles", [RefusalError("AccessDeniedException")])

    ((row,), notes) = fetched(collector, tmp_path)

    assert (row["output_tokens"], row["resource_id"], row.get("model")) == (5.0, PROFILE, None)
    assert "Which models are behind inference profiles" in notes[0]


def test_tags_that_may_not_be_read_are_a_remark_and_unknown(aws: Aws, collector: Usage, tmp_path: Path) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount", PROFILE): [(TEN, 5.0)]})
    profile(aws, CLAUDE)
    aws.on("bedrock.ListTagsForResource", [RefusalError("AccessDeniedException")])

    ((row,), notes) = fetched(collector, tmp_path)

    assert (row["model"], "team" in row) == (CLAUDE, False)
    assert notes == (
        f"The team of inference profiles in {ACCOUNT}, us-east-1 is unknown: the permission is missing"
        " (AccessDeniedException).",
    )


def test_a_profile_over_several_models_is_called_what_its_tag_says(aws: Aws, collector: Usage, tmp_path: Path) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount", PROFILE): [(TEN, 5.0)]})
    profile(aws, CLAUDE, "amazon.nova-pro-v1:0")
    tags(aws, model="router")
    ((row,), _) = fetched(collector, tmp_path)
    assert row["model"] == "router"


def test_the_companys_own_tag_keys_name_model_and_team(
    aws: Aws, database: Store, store_settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount", PROFILE): [(TEN, 5.0)]})
    profile(aws, CLAUDE, "amazon.nova-pro-v1:0")
    tags(aws, Squad="search", Team="everyone", Serves="router", model="something else")
    connection = AwsConnection.model_validate({"endpoint_url": aws.url, "regions": ("us-east-1",)})
    keys = TagKeys(model=("serves",), team=("squad",))
    settings = store_settings.model_copy(update={"aws": (connection,), "tags": keys})
    (source,) = sources(settings, database, clock, ["aws/usage"])
    assert isinstance(source.collector, Usage)
    ((row,), _) = fetched(source.collector, tmp_path)
    assert (row["team"], row["model"]) == ("search", "router")


def test_a_count_published_under_both_of_its_names_counts_once(aws: Aws, collector: Usage, tmp_path: Path) -> None:
    later = TEN + timedelta(hours=1)
    CloudWatch(
        aws,
        {
            bedrock("CacheReadInputTokenCount"): [(TEN, 4000.0)],
            bedrock("CacheReadInputTokens"): [(TEN, 4000.0), (later, 70.0)],
            bedrock("CacheWriteInputTokens"): [(TEN, 500.0)],
            bedrock("CacheWriteInputTokenCount"): [(TEN, 500.0)],
        },
    )
    rows, _ = fetched(collector, tmp_path)
    assert [(row["cached_input_tokens"], row.get("cache_write_tokens")) for row in rows] == [(4000, 500), (70, None)]


def test_latency_of_an_endpoint_is_given_in_microseconds(aws: Aws, collector: Usage, tmp_path: Path) -> None:
    whose = {"EndpointName": "Chat", "VariantName": "blue"}
    CloudWatch(
        aws,
        {
            series(SAGEMAKER, "Invocations", **whose): [(TEN, 8.0)],
            series(SAGEMAKER, "Invocations", EndpointName="Chat"): [(TEN, 8.0)],
            series(SAGEMAKER, "ModelLatency", **whose): [(TEN, 250_000.0)],
        },
    )
    ((row,), _) = fetched(collector, tmp_path)
    assert (row["requests"], row["latency_ms"], row["endpoint"]) == (8.0, 250.0, "Chat/blue")
    assert row["resource_id"] == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/chat"


def test_a_day_collected_again_while_it_grows_counts_once(
    aws: Aws, connect: Callable[..., AwsClients], clock: Clock, run: Callable[..., SourceReport], database: Store
) -> None:
    today = clock().date()
    start = datetime(today.year, today.month, today.day, tzinfo=UTC)
    for hours in (2, 4):
        CloudWatch(aws, {bedrock("OutputTokenCount"): [(start + timedelta(hours=n), 100.0) for n in range(hours)]})
        later: Clock = lambda hours=hours: start + timedelta(hours=hours)  # noqa: E731
        report = run(Usage(connect(), later), first=today, end=today + timedelta(days=1))
        assert (report.error, report.loaded) == (None, 1)

    with database.engine.connect() as connection:
        total = connection.scalar(text("SELECT sum(quantity) FROM inference_hour WHERE unit_class = 'output'"))
        model = connection.scalar(text("SELECT DISTINCT model FROM inference_hour"))
    assert (total, model) == (Decimal(400), "claude-sonnet-4")


def test_a_profile_that_is_tagged_on_the_way_counts_once(
    aws: Aws, connect: Callable[..., AwsClients], clock: Clock, run: Callable[..., SourceReport], database: Store
) -> None:
    """The hours of before it had a team are told anew, and not beside those of the team."""
    today = clock().date()
    start = datetime(today.year, today.month, today.day, tzinfo=UTC)
    CloudWatch(aws, {bedrock("OutputTokenCount", PROFILE): [(start + timedelta(hours=n), 100.0) for n in range(4)]})
    profile(aws, CLAUDE)
    for hours, given in ((2, {}), (4, {"team": "search"})):
        tags(aws, **given)
        later: Clock = lambda hours=hours: start + timedelta(hours=hours)  # noqa: E731
        report = run(Usage(connect(), later), first=today, end=today + timedelta(days=1))
        assert (report.error, report.loaded) == (None, 1)

    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT team, sum(quantity) FROM inference_hour GROUP BY 1")).all()
    assert found == [("search", Decimal(400))]


def test_a_region_that_refuses_later_keeps_what_it_had(
    aws: Aws, connect: Callable[..., AwsClients], clock: Clock, run: Callable[..., SourceReport], database: Store
) -> None:
    today = clock().date()
    start = datetime(today.year, today.month, today.day, tzinfo=UTC)
    double = CloudWatch(aws, {bedrock("OutputTokenCount"): [(start + timedelta(hours=n), 100.0) for n in range(4)]})
    refusals = iter([RefusalError("AccessDeniedException")])

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        for error in refusals:  # once: to the first region
            raise error
        return double.list_metrics(asked)

    for hours in (2, 4):
        later: Clock = lambda hours=hours: start + timedelta(hours=hours)  # noqa: E731
        run(Usage(connect(regions=("us-east-1", "us-west-2")), later), first=today, end=today + timedelta(days=1))
        aws.on("cloudwatch.ListMetrics", listed)

    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT region, sum(quantity) FROM inference_hour GROUP BY 1 ORDER BY 1")).all()
    assert found == [("us-east-1", Decimal(200)), ("us-west-2", Decimal(400))]


def test_a_profile_whose_team_becomes_known_counts_once_also_beside_a_region_that_refuses(
    aws: Aws, connect: Callable[..., AwsClients], clock: Clock, run: Callable[..., SourceReport], database: Store
) -> None:
    """What one region was told as takes the place of what it had; the other one keeps what it has."""
    today = clock().date()
    start = datetime(today.year, today.month, today.day, tzinfo=UTC)
    double = CloudWatch(
        aws, {bedrock("OutputTokenCount", PROFILE): [(start + timedelta(hours=n), 100.0) for n in range(4)]}
    )
    profile(aws, CLAUDE)
    refused: set[str] = set()

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        if aws.calls[-1][2] in refused:
            raise RefusalError("AccessDeniedException")
        return double.list_metrics(asked)

    aws.on("cloudwatch.ListMetrics", listed)
    for hours, given in ((2, {}), (4, {"team": "search"})):
        tags(aws, **given)
        later: Clock = lambda hours=hours: start + timedelta(hours=hours)  # noqa: E731
        run(Usage(connect(regions=("us-east-1", "us-west-2")), later), first=today, end=today + timedelta(days=1))
        refused.add("us-west-2")

    with database.engine.connect() as connection:
        found = connection.execute(
            text("SELECT region, team, sum(quantity) FROM inference_hour GROUP BY 1, 2 ORDER BY 1, 2")
        ).all()
    assert found == [("us-east-1", "search", Decimal(400)), ("us-west-2", None, Decimal(200))]
