"""Clients against the double: regions, roles, counts, budgets, and what errors say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from aispend.connections import AwsConnection
from aispend.errors import AccessError, BudgetError, CollectError, NotReadyError
from collectors.aws.base import actions_for, explained
from collectors.aws.clients import ATTEMPTS, AwsClients
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError

Connect = Callable[..., AwsClients]
NO_PLANS = {"savingsPlans": []}


def test_global_services_are_asked_at_home_whatever_the_region(aws: Aws, connect: Connect) -> None:
    aws.on("ce.GetCostAndUsage", {"ResultsByTime": []})
    aws.on("savingsplans.DescribeSavingsPlans", NO_PLANS)
    clients = connect()
    period = {"Start": "2026-11-01", "End": "2026-11-02"}
    clients.client("ce", region="eu-central-1").get_cost_and_usage(
        TimePeriod=period, Granularity="DAILY", Metrics=["UnblendedCost"]
    )
    clients.client("savingsplans", region="eu-central-1").describe_savings_plans()

    assert [(name, region) for name, _, region, _ in aws.calls] == [
        ("ce.GetCostAndUsage", "us-east-1"),
        ("savingsplans.DescribeSavingsPlans", "us-east-1"),
    ]


def test_times_are_utc_and_one_object_each_however_often_they_come(
    aws: Aws, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand GPUs have each time a thousand times; botocore makes it local time anew for each of them."""
    monkeypatch.setenv("TZ", "America/New_York")
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    results = [{"Id": name, "Timestamps": [noon], "Values": [1.0]} for name in ("q0", "q1")]
    aws.on("cloudwatch.GetMetricData", {"MetricDataResults": results})
    asked = {"MetricDataQueries": [{"Id": "q0", "Expression": "1"}], "StartTime": noon, "EndTime": noon}
    (first,), (second,) = (
        one["Timestamps"] for one in connect().client("cloudwatch").get_metric_data(**asked)["MetricDataResults"]
    )

    assert (first, first.tzinfo) == (noon, UTC)
    assert first is second


def test_member_accounts_are_read_through_the_role_and_its_own_credentials(aws: Aws, connect: Connect) -> None:
    aws.on(
        "organizations.ListAccounts",
        [
            {"Accounts": [{"Id": ACCOUNT, "Status": "ACTIVE"}], "NextToken": "more"},
            {"Accounts": [{"Id": "444455556666", "Status": "ACTIVE"}, {"Id": "7", "Status": "SUSPENDED"}]},
        ],
    )
    later = datetime.now(UTC) + timedelta(hours=1)
    given = {"AccessKeyId": "ASIAMEMBERACCOUNT", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": later}
    aws.on("sts.AssumeRole", {"Credentials": given})
    aws.on("sagemaker.ListEndpoints", {"Endpoints": []})
    clients = connect(member_role="aispend-read", role=None)

    for account in clients.accounts:
        clients.client("sagemaker", region="us-east-1", account=account).list_endpoints()

    (assumed,) = [parameters for name, parameters, _, _ in aws.calls if name == "sts.AssumeRole"]
    assert assumed["RoleArn"] == "arn:aws:iam::444455556666:role/aispend-read"
    assert [key for name, _, _, key in aws.calls if name == "sagemaker.ListEndpoints"] == [
        "AKIATEST",
        "ASIAMEMBERACCOUNT",
    ]


def test_every_attempt_is_counted_and_throttling_is_waited_out(
    aws: Aws, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    aws.on("savingsplans.DescribeSavingsPlans", [RefusalError("ThrottlingException", status=429), NO_PLANS])
    clients = connect()
    clients.client("savingsplans").describe_savings_plans()

    assert clients.requests() == {"savingsplans.DescribeSavingsPlans": 2}
    assert clients.requests() == {}, "each request is reported once"


def test_what_costs_money_stops_at_its_budget(aws: Aws) -> None:
    aws.on("ce.GetCostAndUsage", {"ResultsByTime": []})
    clients = AwsClients(AwsConnection(endpoint_url=aws.url), allowed={"ce": 2})
    ask = {"TimePeriod": {"Start": "2026-11-01", "End": "2026-11-02"}, "Granularity": "DAILY", "Metrics": ["x"]}
    for _ in range(2):
        clients.client("ce").get_cost_and_usage(**ask)
    with pytest.raises(BudgetError, match="cost_explorer_requests_per_day"):
        clients.client("ce").get_cost_and_usage(**ask)
    assert len(aws.calls) == 2


@pytest.mark.parametrize(
    ("code", "status", "kind", "says"),
    [
        ("AccessDeniedException", 400, AccessError, "denies"),
        ("ExpiredTokenException", 400, AccessError, "expired"),
        ("UnrecognizedClientException", 400, AccessError, "does not know"),
        ("RequestTimeTooSkewed", 403, AccessError, "clock"),
        ("ThrottlingException", 400, NotReadyError, "limits the rate"),
        ("InternalServerException", 500, CollectError, "could not answer"),
    ],
)
def test_an_error_says_what_to_do_and_no_secret(
    aws: Aws, connect: Connect, monkeypatch: pytest.MonkeyPatch, code: str, status: int, kind: type, says: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    aws.on("savingsplans.DescribeSavingsPlans", [RefusalError(code, status=status)])
    with pytest.raises(kind, match=says) as caught, explained("aws/commitments"):
        connect().client("savingsplans").describe_savings_plans()

    assert "aws/commitments, DescribeSavingsPlans" in str(caught.value)
    assert "not-a-secret" not in str(caught.value)
    retried = kind in (NotReadyError, CollectError)
    assert len(aws.calls) == (ATTEMPTS if retried else 1)


def test_without_credentials_the_way_to_them_is_named(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    clients = AwsClients(AwsConnection(endpoint_url=aws.url))
    with pytest.raises(AccessError, match="aws sso login"), explained("aws/bills"):
        clients.client("savingsplans").describe_savings_plans()


def test_actions_are_named_as_iam_names_them() -> None:
    assert actions_for("s3.HeadObject") == ("s3:GetObject", "s3:ListBucket")
    assert actions_for("ce.GetCostAndUsage") == ("ce:GetCostAndUsage",)
    assert actions_for("sts.GetCallerIdentity") == ()


def test_a_role_that_is_refused_leaves_no_traceback_in_the_log(
    aws: Aws, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    aws.on("sts.AssumeRole", [RefusalError("AccessDenied", "no")])
    clients = connect(member_role="reader", accounts=("444455556666",))
    with caplog.at_level(logging.DEBUG), pytest.raises(ClientError):
        clients.client("ec2", account="444455556666").describe_regions()
    assert "Traceback" not in caplog.text
