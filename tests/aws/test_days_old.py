"""Days so old that CloudWatch does not list all of their series any more: told by what it lists, and said to be so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.aws.base import AwsCollector
from collectors.aws.gaps import is_unlisted
from collectors.aws.usage import Usage
from collectors.aws.utilization import Utilization
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_days import BOTH, Connect, Refusing, Run, tokens
from tests.aws.test_usage_metrics import CLAUDE, PROFILE, bedrock, profile, tags
from tests.aws.test_utilization import CloudWatch, agent

OLD = date(2026, 11, 1)
THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
WINDOW = {"first": OLD, "end": OLD + timedelta(days=1)}
NOTE = (
    "What had its last points before 2026-11-07 was not asked for and is unknown: CloudWatch does not list what ended"
    " more than two weeks ago."
)


def counted(database: Store) -> list[tuple[str, str | None, str | None, Decimal]]:
    with database.engine.connect() as connection:
        query = "SELECT region, model, team, sum(quantity) FROM inference_hour GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.mark.parametrize("kind", [Usage, Utilization])
def test_a_day_older_than_two_weeks_is_not_taken_for_empty(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store, kind: type[AwsCollector]
) -> None:
    """What was used on that day alone is not listed any more; the day says so, and is not asked again for it."""
    CloudWatch(aws, {})
    report = run(kind(connect(), clock), **WINDOW)
    assert (report.error, report.slices[0].notes) == (None, (NOTE,))
    assert tokens(database) == {f"{OLD}": "settled without unlisted"}
    for days in (0, 1):
        again = run(kind(connect(), lambda days=days: clock() + timedelta(days=days)), **WINDOW)
        assert (again.slices, again.requests) == ([], {"sts.GetCallerIdentity": 1})


@pytest.mark.parametrize("kind", [Usage, Utilization])
def test_what_is_still_listed_is_read_of_old_days_too(
    aws: Aws, connect: Connect, clock: Clock, run: Run, kind: type[AwsCollector]
) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount"): [(THEN, 7.0)], agent("utilization_gpu"): [(THEN, 7.0)]})
    report = run(kind(connect(), clock), **WINDOW)
    assert [(one.outcome, one.rows) for one in report.slices] == [("loaded", 1)]


@pytest.mark.parametrize(("hours", "unlisted"), [(0, False), (1, True)])
def test_a_day_is_old_when_what_its_first_hour_had_may_be_gone(hours: int, unlisted: bool) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    assert is_unlisted(start, start + timedelta(days=14, hours=hours)) is unlisted


def test_an_old_day_asked_again_for_one_region_keeps_what_is_not_listed_any_more_of_the_other(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Collected when it was new; the refused region is granted when the models of then are gone from the list."""
    double = CloudWatch(aws, {bedrock("OutputTokenCount", "some.old"): [(THEN, 5.0)]})
    refusing = Refusing(aws, "cloudwatch.ListMetrics", "us-west-2")
    first = run(Usage(connect(regions=BOTH), lambda: THEN + timedelta(days=1)), **WINDOW)
    assert (first.error, first.failed) == (None, False)
    assert counted(database) == [("us-east-1", "some.old", None, Decimal(5))]

    refusing.on = False
    double.points.clear()
    double.points[bedrock("OutputTokenCount", "some.new")] = [(THEN, 7.0)]
    run(Usage(connect(regions=BOTH), clock), **WINDOW)
    assert counted(database) == [
        ("us-east-1", "some.old", None, Decimal(5)),
        ("us-west-2", "some.new", None, Decimal(7)),
    ]
    assert tokens(database) == {f"{OLD}": "settled without unlisted"}


def test_the_team_of_an_old_day_is_not_asked_for_again_since_it_would_count_beside_what_is_there(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    CloudWatch(aws, {bedrock("OutputTokenCount", PROFILE): [(THEN, 5.0)]})
    profile(aws, CLAUDE)
    aws.on("bedrock.ListTagsForResource", [RefusalError("AccessDeniedException")])
    run(Usage(connect(), lambda: THEN + timedelta(days=1)), **WINDOW)
    tags(aws, team="search")
    again = run(Usage(connect(), clock), **WINDOW)
    assert (again.slices, again.requests) == ([], {"sts.GetCallerIdentity": 1})
    assert counted(database) == [("us-east-1", "claude-sonnet-4", None, Decimal(5))]


def test_a_day_that_was_never_read_to_its_end_is_read_whole(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """The collector stood still for weeks after that day's noon."""
    CloudWatch(aws, {bedrock("OutputTokenCount"): [(THEN, 5.0), (THEN + timedelta(hours=8), 2.0)]})
    at: list[Callable[[], datetime]] = [lambda: THEN + timedelta(hours=2), clock]
    for now in at:
        run(Usage(connect(), now), **WINDOW)
    assert counted(database) == [("us-east-1", "claude-sonnet-4", None, Decimal(7))]
    assert ACCOUNT not in tokens(database)[f"{OLD}"]
