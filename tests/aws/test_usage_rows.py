"""What counts once: levels of the compatible endpoint, and profiles that are named in two ways."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.clock import Clock
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import Group, Series
from collectors.aws.usage import Usage
from collectors.aws.usage_rows import MANTLE, SAGEMAKER, Beyond, of_bedrock, of_endpoints, of_mantle, rows
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws
from tests.aws.test_usage_metrics import CLAUDE, PROFILE, TEN, bedrock, fetched, profile, series, tags
from tests.aws.test_utilization import CloudWatch

MODEL = "openai.gpt-oss-120b"
PLACE = (ACCOUNT, "us-east-1")
ELEVEN = TEN + timedelta(hours=1)
Points = dict[Series, list[tuple[datetime, float]]]


@pytest.fixture
def collector(connect: Callable[..., AwsClients], clock: Clock) -> Usage:
    return Usage(connect(), clock)


def mantle(metric: str, project: str | None = None, model: str | None = MODEL) -> Series:
    given = {"Project": project, "Model": model}
    return series(MANTLE, metric, **{name: value for name, value in given.items() if value})


def counted(found: list[dict[str, Any]], column: str) -> dict[tuple[Any, datetime], float]:
    return {(row.get("endpoint"), row["timestamp"]): row[column] for row in found if column in row}


def told(groups: list[Group], points: Points) -> list[dict[str, Any]]:
    """The rows of these groups, read in this order."""
    beyond = Beyond()
    found: list[dict[str, Any]] = []
    for group in groups:
        answer = {label: dict(points[query.series]) for label, query in group.queries.items()}
        found += beyond.passing(group.key, rows(group, answer))
    return [*found, *beyond.rows()]


def test_tokens_of_the_compatible_endpoint_come_from_its_lowest_level(
    aws: Aws, collector: Usage, tmp_path: Path
) -> None:
    """Its totals are of the account, a project or a model; a project's model has its tokens under another name."""
    CloudWatch(
        aws,
        {
            mantle("Inferences", "search"): [(TEN, 10.0)],
            mantle("InputTokens", "search"): [(TEN, 1000.0)],
            mantle("OutputTokens", "search"): [(TEN, 500.0)],
            mantle("Inferences"): [(TEN, 10.0)],
            mantle("TotalInputTokens"): [(TEN, 1000.0)],
            mantle("TotalOutputTokens"): [(TEN, 500.0)],
            mantle("TotalInputTokens", "search", None): [(TEN, 1000.0)],
            mantle("TotalInputTokens", None, None): [(TEN, 1000.0)],
        },
    )
    ((row,), notes) = fetched(collector, tmp_path)
    assert notes == ()
    assert (row["uncached_input_tokens"], row["output_tokens"], row["requests"]) == (1000.0, 500.0, 10.0)
    assert (row["endpoint"], row["model"]) == ("search", MODEL)


def test_what_a_model_has_beyond_its_projects_is_of_none(aws: Aws, collector: Usage, tmp_path: Path) -> None:
    CloudWatch(
        aws,
        {
            mantle("TotalInputTokens"): [(TEN, 1000.0), (ELEVEN, 40.0)],
            mantle("InputTokens", "search"): [(TEN, 600.0)],
            mantle("InputTokens", "chat"): [(TEN, 150.0), (ELEVEN, 40.0)],
        },
    )
    found, _ = fetched(collector, tmp_path)
    assert counted(found, "uncached_input_tokens") == {
        ("search", TEN): 600.0,
        ("chat", TEN): 150.0,
        ("chat", ELEVEN): 40.0,
        (None, TEN): 250.0,
    }


def test_nothing_is_told_as_of_no_project_where_a_projects_series_failed(
    aws: Aws, collector: Usage, tmp_path: Path
) -> None:
    lost = mantle("InputTokens", "search")
    double = CloudWatch(aws, {mantle("TotalInputTokens"): [(TEN, 1000.0)], lost: []})
    double.status = {lost: ["InternalError"] * 2}
    assert fetched(collector, tmp_path)[0] == []


HOURS = st.dictionaries(st.integers(0, 23).map(lambda n: TEN + timedelta(hours=n)), st.integers(0, 9).map(float))


@given(HOURS, HOURS, HOURS)
def test_a_day_of_the_compatible_endpoint_is_never_less_nor_more_than_its_models_or_projects(
    model: dict[datetime, float], one: dict[datetime, float], other: dict[datetime, float]
) -> None:
    """The greater of both, whatever hours the levels were published in; no hour is negative."""
    whose = {"TotalInputTokens": (None, model), "InputTokens": ("search", one)}
    points: Points = {mantle(metric, project): list(hours.items()) for metric, (project, hours) in whose.items()}
    points[mantle("InputTokens", "chat")] = list(other.items())
    found = told(of_mantle(points, PLACE), points)
    assert sum(row["uncached_input_tokens"] for row in found) == max(
        sum(model.values()), sum(one.values()) + sum(other.values())
    )
    assert all(row["uncached_input_tokens"] >= 0 for row in found)


def test_traffic_by_id_and_by_arn_of_a_profile_adds_up(aws: Aws, collector: Usage, tmp_path: Path) -> None:
    CloudWatch(
        aws, {bedrock("InputTokenCount", "abc123"): [(TEN, 100.0)], bedrock("InputTokenCount", PROFILE): [(TEN, 50.0)]}
    )
    profile(aws, CLAUDE)
    tags(aws, team="search")
    found, _ = fetched(collector, tmp_path)
    assert sum(row["uncached_input_tokens"] for row in found) == 150
    assert {(row["resource_id"], row["model"], row["team"]) for row in found} == {(PROFILE, CLAUDE, "search")}


@pytest.mark.parametrize(("latency", "tokens"), [(812.5, 100.0), (812.75, 200.0)])
def test_a_profiles_traffic_published_under_both_names_counts_once(
    aws: Aws, collector: Usage, tmp_path: Path, latency: float, tokens: float
) -> None:
    """The same counts and the same mean latency are the same requests; another latency is of others."""
    CloudWatch(
        aws,
        {
            bedrock("InputTokenCount", "abc123"): [(TEN, 100.0)],
            bedrock("InvocationLatency", "abc123"): [(TEN, 812.5)],
            bedrock("InvocationLatency", PROFILE): [(TEN, latency)],
            bedrock("InputTokenCount", PROFILE): [(TEN, 100.0)],
        },
    )
    profile(aws, CLAUDE)
    tags(aws)
    found, _ = fetched(collector, tmp_path)
    assert sum(row["uncached_input_tokens"] for row in found) == tokens


def test_a_name_that_differs_is_another_resource() -> None:
    groups = of_bedrock([bedrock("Invocations", "abc123"), bedrock("Invocations", CLAUDE)], PLACE, {})
    assert [group.key.model for group in groups] == ["abc123", CLAUDE]


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_endpoints_of_other_partitions_are_named_as_the_bill_does(region: str, partition: str) -> None:
    called = series(SAGEMAKER, "Invocations", EndpointName="Chat", VariantName="blue")
    (group,) = of_endpoints([called], (ACCOUNT, region))
    assert group.key.resource_id == f"arn:{partition}:sagemaker:{region}:{ACCOUNT}:endpoint/chat"
