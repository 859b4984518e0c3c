"""What asking CloudWatch for utilization costs: of all accounts and regions, with its basis, in bounded requests."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from aispend.clock import Clock
from collectors.aws import cloudwatch_cost
from collectors.aws.base import AwsCollector
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import monthly_cost
from collectors.aws.usage import Usage
from collectors.aws.usage_rows import SAGEMAKER
from collectors.aws.utilization import Utilization
from collectors.aws.utilization_sagemaker import OPERATIONS
from collectors.contract import Finding
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_usage_metrics import bedrock
from tests.aws.test_utilization import CloudWatch, agent, series

Connect = Callable[..., AwsClients]
MEMBER = "444455556666"
ORGANISATION = {"regions": ("us-east-1", "us-west-2"), "accounts": (ACCOUNT, MEMBER), "member_role": "aispend-read"}


@pytest.fixture
def member(aws: Aws) -> Aws:
    """A member account whose role may be taken on."""
    secret = {"AccessKeyId": "AKIAMEMBERMEMBER", "SecretAccessKey": "not-a-secret", "SessionToken": "token"}
    aws.on("sts.AssumeRole", {"Credentials": secret | {"Expiration": "2099-01-01T00:00:00Z"}})
    return aws


@pytest.fixture(autouse=True)
def described(aws: Aws) -> None:
    """SageMaker may be asked, and has nothing of the names it is asked for."""
    for operation in OPERATIONS:
        aws.on(operation, [RefusalError("ValidationException", "could not find it")])


def looked(collector: AwsCollector) -> list[Finding]:
    return [one for one in collector.examine() if not one.what.startswith("can be read")]


def test_asking_costs_a_cent_per_thousand_metrics_and_per_thousand_requests() -> None:
    """4,000 metrics, 25 times a day, 30.4167 days: 3,041,667 metrics are 30.42 USD; 48 requests 24 times: 0.35."""
    assert monthly_cost(4_000, 25) == Decimal("30.42")
    assert monthly_cost(48, 24) == Decimal("0.35")


def test_machines_of_all_accounts_and_regions_are_counted(member: Aws, connect: Connect, clock: Clock) -> None:
    """Four places with two machines each and an endpoint, of 2 + 1 metrics: 12 of each kind of place."""
    CloudWatch(
        member,
        {
            agent("utilization_gpu"): [],
            agent("memory_used", "i-2"): [],
            series("/aws/sagemaker/Endpoints", "GPUUtilization", EndpointName="Chat", VariantName="blue"): [],
        },
    )
    (one,) = looked(Utilization(connect(**ORGANISATION), clock))
    # 12 metrics x 25 x 30.4167 = 9,125, 0.09 USD; 16 listings x 4 places x 24 x 30.4167 = 46,720, 0.47 USD
    assert (one.state, one.what) == (
        "good",
        "8 machines publish GPU metrics; in 4 places (account and region) 12 metrics are asked for 25 times a day at"
        " 0.01 USD per 1,000 and found by 64 requests an hour at 0.01 USD per 1,000: about 0.56 USD a month at the list"
        " prices of 2026-11-21; the peaks of memory, a second statistic of a metric, cost nothing more",
    )
    keys = {call[3] for call in member.calls if call[0] == "cloudwatch.ListMetrics"}
    assert keys == {"AKIATEST", "AKIAMEMBERMEMBER"}


def test_what_may_not_be_read_is_named_and_the_rest_is_counted(aws: Aws, connect: Connect, clock: Clock) -> None:
    aws.on("sts.AssumeRole", [RefusalError("AccessDenied", status=403)])
    CloudWatch(aws, {agent("utilization_gpu"): []})
    broken, cost = looked(Utilization(connect(**ORGANISATION), clock))
    assert broken == Finding(
        "broken",
        f"{MEMBER}, us-east-1 and 1 more: the permission AssumeRole is missing",
        "Grant AssumeRole: aispend policy aws prints the policy.",
    )
    assert cost.what.startswith("2 machines publish GPU metrics; in 2 places")


def test_a_region_that_is_not_enabled_is_no_fault_of_the_credentials(aws: Aws, connect: Connect, clock: Clock) -> None:
    double = CloudWatch(aws, {agent("utilization_gpu"): []})

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        if aws.calls[-1][2] == "af-south-1":
            raise RefusalError("UnrecognizedClientException", status=403)
        return double.list_metrics(asked)

    aws.on("cloudwatch.ListMetrics", listed)
    off, cost = looked(Utilization(connect(regions=("af-south-1", "us-east-1")), clock))
    assert (off.state, off.what) == ("note", f"{ACCOUNT}, af-south-1: the region is not enabled")
    assert cost.what.startswith("1 machines publish GPU metrics; in 1 places")


def test_an_agent_in_a_member_account_is_found(member: Aws, connect: Connect, clock: Clock) -> None:
    double = CloudWatch(member, {agent("utilization_gpu"): []})

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        return double.list_metrics(asked) if member.calls[-1][3] == "AKIAMEMBERMEMBER" else {"Metrics": []}

    member.on("cloudwatch.ListMetrics", listed)
    (one,) = looked(Utilization(connect(**ORGANISATION), clock))
    assert one.what.startswith("2 machines publish GPU metrics; in 4 places")


def test_what_usage_asks_for_is_said_before_it_does(aws: Aws, connect: Connect, clock: Clock) -> None:
    chat = {"EndpointName": "Chat", "VariantName": "blue"}
    CloudWatch(
        aws,
        {
            bedrock("Invocations"): [],
            bedrock("OutputTokenCount"): [],
            bedrock("TimeToFirstToken"): [],  # not asked for
            series(SAGEMAKER, "Invocations", **chat): [],
        },
    )
    aws.on("bedrock.ListInferenceProfiles", {"inferenceProfileSummaries": []})
    aws.on("bedrock.ListTagsForResource", [RefusalError("ResourceNotFoundException")])
    (one,) = looked(Usage(connect(), clock))
    # 3 metrics x 25 x 30.4167 = 2,281, 0.02 USD; 3 listings x 24 x 30.4167 = 2,190, 0.02 USD
    assert (one.state, one.what) == (
        "good",
        "2 models, profiles and endpoints publish what they served; in 1 places (account and region) 3 metrics are"
        " asked for 25 times a day at 0.01 USD per 1,000 and found by 3 requests an hour at 0.01 USD per 1,000:"
        " about 0.04 USD a month at the list prices of 2026-11-21",
    )


def test_of_many_places_some_are_looked_at_and_the_others_are_not_taken_for_nothing(
    member: Aws, connect: Connect, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudwatch_cost, "MOST_EXAMINED", 2)
    CloudWatch(member, {agent("utilization_gpu"): []})
    one, rest = looked(Utilization(connect(**ORGANISATION), clock))
    assert one.what.startswith("2 machines publish GPU metrics; in 2 places")
    assert (rest.state, rest.what) == ("note", "2 places more (account and region) were not looked at: cost unknown")
    asked: list[Any] = [call for call in member.calls if call[0] == "cloudwatch.ListMetrics"]
    assert (len(asked), {call[2] for call in asked}) == (33, {"us-east-1"}), "the home region of all accounts first"


def test_without_machines_their_use_is_unknown(aws: Aws, connect: Connect, clock: Clock) -> None:
    CloudWatch(aws, {})
    (one,) = looked(Utilization(connect(), clock))
    assert (one.state, "no machine publishes GPU metrics" in one.what) == ("note", True)
