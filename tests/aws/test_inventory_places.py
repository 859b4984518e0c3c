"""Accounts that cannot be entered and regions that are closed: a remark each, and everything else is collected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aispend.clock import Clock
from aispend.store import Store
from collectors.aws.clients import AwsClients
from collectors.aws.inventory import Inventory
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_inventory import empty, history, instance

__all__ = ["empty"]  # a fixture
Connect = Callable[..., AwsClients]
Run = Callable[..., SourceReport]
STRANGE = "000000000001"
IN_REGION = {"ap-northeast-1": "i-1", "us-east-1": "i-2", "us-west-2": "i-3"}
CREDENTIALS = {"AccessKeyId": "ASIAMEMBERMEMBER", "SecretAccessKey": "x", "SessionToken": "t"}
ENTERED = {"Credentials": CREDENTIALS | {"Expiration": datetime(2099, 1, 1, tzinfo=UTC)}}


def denying(aws: Aws, region: str, code: str = "AccessDeniedException") -> dict[str, Any]:
    """Deny everything in a region, as a service control policy does; returns the answers from before."""
    before = dict(aws.answers)

    def wrapped(answer: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        def answered(asked: dict[str, Any]) -> Any:
            if aws.calls[-1][2] == region:
                raise RefusalError(code, "explicit deny in a service control policy", status=403)
            return answer(asked)

        return answered

    for name, answer in before.items():
        if not name.startswith("sts."):
            aws.on(name, wrapped(answer))
    return before


def test_an_account_without_the_role_is_a_remark_and_tried_once_a_run(
    empty: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    empty.on(
        "ec2.DescribeInstances",
        lambda _asked: {"Reservations": [{"Instances": [instance(IN_REGION[empty.calls[-1][2]])]}]},
    )
    empty.on("sts.AssumeRole", [RefusalError("AccessDenied", status=403)])

    def collector() -> Inventory:
        both = {"accounts": (STRANGE, ACCOUNT), "member_role": "reader", "regions": ("us-east-1", "us-west-2")}
        return Inventory(connect(**both), clock)

    report = run(collector())

    assert (report.error, report.failures) == (None, 0)
    assert report.slices[0].notes == (
        f"{STRANGE} is unknown: the role reader is not there, or does not trust this account.",
    )
    assert len(report.slices) == 1 + 2 * 3, "the account that cannot be entered is said once, for all regions"
    assert sorted(history(database)) == ["i-2", "i-3"]
    assert report.requests["sts.AssumeRole"] <= 3

    empty.on("sts.AssumeRole", ENTERED)
    empty.on("ec2.DescribeInstances", {"Reservations": []})
    again = run(collector())
    assert [one.outcome for one in again.slices] == ["loaded"] * 6 + ["unchanged"] * 6


def test_a_region_that_is_denied_is_a_remark_keeps_what_it_had_and_is_asked_again(
    empty: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    empty.on(
        "ec2.DescribeInstances",
        lambda _asked: {"Reservations": [{"Instances": [instance(IN_REGION[empty.calls[-1][2]])]}]},
    )
    regions = ("ap-northeast-1", "us-east-1")
    run(Inventory(connect(regions=regions), clock))
    before = denying(empty, "ap-northeast-1")

    def later() -> datetime:
        return clock() + timedelta(hours=1)

    report = run(Inventory(connect(regions=regions), later))

    assert (report.error, report.failures) == (None, 0)
    assert [one.title.split()[0] for one in report.slices] == ["listing", "listing", "events", "jobs"]
    assert report.slices[0].notes == (
        f"ap-northeast-1 of {ACCOUNT} is unknown: everything is denied there (AccessDeniedException).",
    )
    assert sorted(history(database)) == ["i-1", "i-2"], "what it had stays"

    empty.answers.update(before)
    again = run(Inventory(connect(regions=regions), later))
    assert [one.outcome for one in again.slices] == ["loaded"] * 3 + ["unchanged"] * 3


def test_where_everything_is_denied_everywhere_the_source_fails(
    empty: Aws, connect: Connect, clock: Clock, run: Run
) -> None:
    for region in ("eu-west-1", "us-east-1"):
        denying(empty, region)
    report = run(Inventory(connect(regions=("eu-west-1", "us-east-1")), clock))
    assert "AWS denies DescribeInstances" in str(report.error)
    assert len(report.slices) == 2
