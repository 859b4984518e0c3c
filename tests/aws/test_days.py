"""Days that were read in part: asked again once what was missing answers, and not before; whole days never."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.aws.base import AwsCollector
from collectors.aws.clients import AwsClients
from collectors.aws.days import day_slices, still_kept
from collectors.aws.gaps import MOST_PROBED, Gap, Probe, gaps_of, token_of
from collectors.aws.usage import Usage
from collectors.aws.utilization import Utilization
from collectors.contract import Seen, Window
from collectors.days import SETTLES, mark
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_usage_metrics import CLAUDE, PROFILE, bedrock, profile, tags
from tests.aws.test_utilization import DAY, NOON, CloudWatch, agent, series, steady

Connect = Callable[..., AwsClients]
Run = Callable[..., SourceReport]
SPAN = {"first": DAY - timedelta(days=2), "end": DAY + timedelta(days=1)}
BOTH = ("us-east-1", "us-west-2")


class Refusing:
    """Refuses an operation in a region, as long as ``on``."""

    def __init__(self, aws: Aws, operation: str, region: str) -> None:
        self.on, self.sent = True, 0
        answer = aws.answers[operation]

        def answered(asked: dict[str, Any]) -> Any:
            if self.on and aws.calls[-1][2] == region:
                self.sent += 1
                raise RefusalError("AccessDeniedException", status=403)
            return answer(asked)

        aws.on(operation, answered)


def tokens(database: Store) -> dict[str, str]:
    """By day, without the marks of accounts and regions."""
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT slice, change_token FROM collection"))
        return {row.slice: re.sub(r" of [0-9a-f,]+", "", row.change_token) for row in found}


@pytest.mark.parametrize("kind", [Utilization, Usage])
@pytest.mark.parametrize("operation", ["ListMetrics", "GetMetricData"])
def test_days_without_a_region_are_asked_again_once_it_may_be_read(
    aws: Aws,
    connect: Connect,
    clock: Clock,
    run: Run,
    database: Store,
    kind: Callable[[AwsClients, Clock], AwsCollector],
    operation: str,
) -> None:
    points = {agent("utilization_gpu"): steady(40.0), bedrock("OutputTokenCount"): [(NOON, 7.0)]}
    CloudWatch(aws, points)
    refusing = Refusing(aws, f"cloudwatch.{operation}", "us-west-2")

    first = run(kind(connect(regions=BOTH), clock), **SPAN)
    lacking = f"settled without cloudwatch.{operation} {ACCOUNT}/us-west-2"
    assert (first.error, first.loaded) == (None, 3)
    assert set(tokens(database).values()) == {lacking}

    still = run(kind(connect(regions=BOTH), clock), **SPAN)
    assert (still.loaded, still.requests_sent) == (0, 2), "one question, and whose account this is"

    refusing.on = False
    later = run(kind(connect(regions=BOTH), clock), **SPAN)
    assert (later.error, later.loaded) == (None, 3)
    assert set(tokens(database).values()) == {"settled"}

    last = run(kind(connect(regions=BOTH), clock), **SPAN)
    assert (last.loaded, last.requests) == (0, {"sts.GetCallerIdentity": 1})


def test_what_was_missing_is_added_and_what_was_there_counts_once(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount"): [(NOON, 7.0)]})
    refusing = Refusing(aws, "cloudwatch.ListMetrics", "us-west-2")
    for on in (True, False):
        refusing.on = on
        run(Usage(connect(regions=BOTH), clock), **SPAN)
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT region, sum(quantity) FROM inference_hour GROUP BY 1 ORDER BY 1")).all()
    assert found == [("us-east-1", Decimal(7)), ("us-west-2", Decimal(7))]


def test_a_days_team_is_asked_for_again_once_the_tags_may_be_read(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount", PROFILE): [(NOON, 7.0)]})
    profile(aws, CLAUDE)
    tags(aws, team="search")
    refusing = Refusing(aws, "bedrock.ListTagsForResource", "us-east-1")
    found = []
    for on in (True, True, False):
        refusing.on = on
        run(Usage(connect(), clock), **SPAN)
        with database.engine.connect() as connection:
            found.append(connection.execute(text("SELECT team, sum(quantity) FROM inference_hour GROUP BY 1")).all())
    assert found == [[(None, Decimal(7))], [(None, Decimal(7))], [("search", Decimal(7))]]
    assert refusing.sent == 2, "in the first run once for all days, and once to see whether it is still so"


def test_a_days_endpoints_are_asked_for_again_once_they_may_be_described(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    variant = {"EndpointName": "Chat", "VariantName": "blue"}
    CloudWatch(aws, {series("/aws/sagemaker/Endpoints", "GPUUtilization", **variant): steady(40.0)})
    aws.on("sagemaker.DescribeEndpoint", [RefusalError("AccessDeniedException")])
    run(Utilization(connect(), clock), **SPAN)
    assert tokens(database)[f"{DAY}"] == f"settled without sagemaker.DescribeEndpoint {ACCOUNT}/us-east-1"
    assert tokens(database)[f"{DAY - timedelta(days=1)}"] == "settled", "it had no points"

    aws.on("sagemaker.DescribeEndpoint", [RefusalError("ValidationException")])  # there is none of the name asked for
    again = run(Utilization(connect(), clock), **SPAN)
    assert [one.title for one in again.slices if one.outcome == "loaded"] == [f"utilization of {DAY}"]
    assert tokens(database)[f"{DAY}"] == "settled"


def test_series_that_fail_are_asked_for_again_less_and_less_often(
    aws: Aws, connect: Connect, run: Run, database: Store, clock: Clock
) -> None:
    double = CloudWatch(aws, {agent("utilization_gpu"): steady(40.0)})
    double.status = {agent("utilization_gpu"): ["InternalError"] * 2}
    window = {"first": DAY, "end": DAY + timedelta(days=1)}
    run(Utilization(connect(), clock), **window)
    assert tokens(database)[f"{DAY}"] == f"settled without series {ACCOUNT}/us-east-1"
    at_once = run(Utilization(connect(), clock), **window)
    assert (at_once.loaded, at_once.requests) == (0, {"sts.GetCallerIdentity": 1})
    next_day = run(Utilization(connect(), lambda: clock() + timedelta(days=1)), **window)
    assert (next_day.loaded, tokens(database)[f"{DAY}"]) == (1, "settled")


def test_today_without_a_region_is_asked_again_in_the_same_hour_once_it_answers(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    CloudWatch(aws, {})
    refusing = Refusing(aws, "cloudwatch.ListMetrics", "us-west-2")
    today = {"first": clock().date(), "end": clock().date() + timedelta(days=1)}
    outcomes = []
    for on in (True, True, False, False):
        refusing.on = on
        report = run(Usage(connect(regions=BOTH), clock), **today)
        outcomes.append((report.loaded, tokens(database)[f"{today['first']}"]))
    partly = f"2026-11-21T06 without cloudwatch.ListMetrics {ACCOUNT}/us-west-2"
    assert outcomes == [(1, partly), (0, partly), (1, "2026-11-21T06"), (0, "2026-11-21T06")]


def test_an_account_whose_role_may_not_be_taken_on_is_one_gap_and_not_one_per_region(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    CloudWatch(aws, {})
    aws.on("sts.AssumeRole", [RefusalError("AccessDenied", status=403)])
    member = "444455556666"
    given = {"regions": BOTH, "accounts": (ACCOUNT, member), "member_role": "aispend-read"}
    run(Usage(connect(**given), clock), **SPAN)
    assert set(tokens(database).values()) == {f"settled without sts.AssumeRole {member}"}
    again = run(Usage(connect(**given), clock), **SPAN)
    assert again.requests == {"sts.GetCallerIdentity": 1, "sts.AssumeRole": 1}


def test_many_gaps_are_asked_about_in_turn(aws: Aws, connect: Connect) -> None:
    CloudWatch(aws, {})
    gaps = [Gap("cloudwatch.ListMetrics", ACCOUNT, f"eu-west-{n:02}") for n in range(2 * MOST_PROBED + 1)]
    start = datetime(2026, 11, 21, tzinfo=UTC)
    seen = {"2026-11-18": Seen(token_of("settled", gaps), start, 1)}
    found = []
    for hour in range(3):
        now = start + timedelta(hours=hour)
        probe = Probe(connect(), lambda now=now: now, seen)
        found.append({gap for gap in gaps if probe.may_bring_more([gap], start, start)})
    assert [len(some) for some in found] == [MOST_PROBED] * 3
    assert set().union(*found) == set(gaps)


@given(
    st.sets(
        st.builds(
            Gap,
            st.sampled_from(["cloudwatch.ListMetrics", "sts.AssumeRole", "series"]),
            st.from_regex(r"[0-9]{12}", fullmatch=True),
            st.sampled_from(["", "us-east-1", "cn-north-1"]),
        )
    )
)
def test_a_gap_is_told_and_understood(gaps: set[Gap]) -> None:
    assert gaps_of(token_of("settled of 5994471a", gaps)) == tuple(sorted(gaps))


@pytest.mark.parametrize(
    ("days_old", "read_when", "kept"),
    [(62, 61, True), (64, 62, False), (64, 63, True), (454, 400, True), (456, 400, False)],
)
def test_a_day_is_asked_again_while_the_points_it_was_told_by_are_kept(
    days_old: int, read_when: int, kept: bool
) -> None:
    """Five-minute points are kept 63 days, those of an hour 455: coarser ones do not take the place of finer ones."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    read, now = start + timedelta(days=read_when), start + timedelta(days=days_old)
    assert still_kept(start, read, now, 300) is kept


@pytest.mark.parametrize("answers", [True, False])
def test_a_settled_day_that_was_whole_is_not_asked_again_and_others_are(
    aws: Aws, connect: Connect, answers: bool
) -> None:
    CloudWatch(aws, {})
    Refusing(aws, "cloudwatch.ListMetrics", "us-east-1").on = not answers
    now = datetime(2026, 11, 21, tzinfo=UTC) + SETTLES
    scopes = (ACCOUNT, "us-east-1")
    whole = f"settled of {','.join(sorted(map(mark, scopes)))}"
    lacking = f"{whole} without cloudwatch.ListMetrics {ACCOUNT}/us-east-1"
    days = [date(2026, 11, day) for day in (18, 19, 20)]
    seen = {f"{day}": Seen(token, now, 1) for day, token in zip(days, [whole, lacking, "2026-11-20T23"], strict=True)}
    probe = Probe(connect(), lambda: now, seen)
    window = Window(days[0], date(2026, 11, 21))
    found = list(day_slices(window, seen, now, "usage", scopes=scopes, probe=probe, finest=3600))
    assert [(one.key, one.token) for one in found] == [
        ("2026-11-20", whole),
        *([("2026-11-19", whole)] if answers else []),
    ]


@pytest.mark.parametrize("kind", [Usage, Utilization])
def test_days_that_are_over_are_asked_for_a_region_that_is_added_and_for_no_other(
    aws: Aws,
    connect: Connect,
    clock: Clock,
    run: Run,
    database: Store,
    kind: Callable[[AwsClients, Clock], AwsCollector],
) -> None:
    """Each question costs money: what is there of the others is not asked for again."""
    CloudWatch(aws, {agent("utilization_gpu"): steady(40.0), bedrock("OutputTokenCount"): [(NOON, 7.0)]})
    assert run(kind(connect(regions=BOTH[:1]), clock), **SPAN).loaded == 3
    aws.calls.clear()
    added = run(kind(connect(regions=BOTH), clock), **SPAN)
    assert (added.error, added.loaded) == (None, 3)
    assert {region for name, _, region, _ in aws.calls if name == "cloudwatch.GetMetricData"} == {BOTH[1]}
    assert run(kind(connect(regions=BOTH), clock), **SPAN).loaded == 0
    fewer = run(kind(connect(regions=BOTH[:1]), clock), **SPAN)
    assert fewer.slices == [], "what is asked about no more is no reason to ask again"
