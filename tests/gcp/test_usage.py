"""What models answered, through the real client over gRPC: tokens, requests, failures and latencies by the hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.usage import Usage
from collectors.gcp.usage_rows import ENDPOINT_LATENCIES, INVOCATIONS, LATENCIES, PREDICTIONS, RESPONSES, TOKENS
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from sample.monitoring import Monitoring, Written
from tests.gcp.double import Google, served
from tests.gcp.metrics import AT_ONCE, NOON, every

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
DAY = {"first": date(2026, 11, 20), "end": date(2026, 11, 21)}
GEMINI = {"publisher": "google", "model_user_id": "gemini-2.5-pro", "location": "us-central1"}
ENDPOINT = {"resource_container": "111", "location": "us-central1", "endpoint_id": "42"}
SUM = {"aligner": "ALIGN_DELTA", "reducer": "REDUCE_SUM"}
CACHED = "Google does not tell cached input apart: it is counted with the uncached, and its number is unknown."


@pytest.fixture
def google() -> Iterator[Google]:
    with served() as double:
        yield double


@pytest.fixture
def metrics(google: Google) -> Monitoring:
    known = Monitoring(AT_ONCE)
    google.series = known.answer
    return known


def counted(database: Store) -> list[Any]:
    query = """SELECT to_char(hour AT TIME ZONE 'UTC', 'HH24'), account, region, model, service_tier, unit_class,
               quantity::int, latency_p50_ms::float FROM inference_hour
               ORDER BY 1, service_tier, endpoint, unit_class"""
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def gemini(question: Any, *values: Any, tier: str = "shared", **labels: str) -> Written:
    return Written(question.metric, GEMINI, every(3600, NOON, *values), {"request_type": tier} | labels, **SUM)


def test_tokens_requests_and_failures_of_a_model_by_hour_and_tier(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    metrics.series = [
        gemini(TOKENS, 1000, 2000, type="input"),
        gemini(TOKENS, 100, type="output"),
        gemini(TOKENS, 7, type="input", tier="dedicated"),
        gemini(INVOCATIONS, 10, 20, response_code="200"),
        gemini(INVOCATIONS, 3, response_code="429"),
        gemini(INVOCATIONS, 2, response_code="500"),
        gemini(LATENCIES, (10, 850.0), latency_type="model"),
    ]
    report = run(Usage(connect(projects=["ml-prod"]), clock), **DAY)

    assert (report.error, report.slices[0].message) == (None, "")
    assert CACHED in report.slices[0].notes
    place = ("ml-prod", "us-central1", "gemini-2.5-pro")
    assert counted(database) == [
        ("12", *place, "provisioned", "input", 7, None),
        ("12", *place, "standard", "failed_requests", 5, None),
        ("12", *place, "standard", "input", 1000, None),
        ("12", *place, "standard", "output", 100, None),
        ("12", *place, "standard", "requests", 10, 850.0),
        ("13", *place, "standard", "input", 2000, None),
        ("13", *place, "standard", "requests", 20, None),
    ]


def test_an_endpoint_counts_responses_and_where_there_are_none_predictions(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    def of(question: Any, model: str, *values: Any, **labels: str) -> Written:
        labels |= {"deployed_model_id": model}
        return Written(question.metric, ENDPOINT, every(3600, NOON, *values), labels, **SUM)

    metrics.series = [
        of(RESPONSES, "77", 40, response_code="200"),
        of(RESPONSES, "77", 1, response_code="503"),
        of(PREDICTIONS, "77", 400),
        of(PREDICTIONS, "88", 5),
        of(ENDPOINT_LATENCIES, "77", (41, 20.0), latency_type="overhead"),
        of(ENDPOINT_LATENCIES, "77", (41, 120.0), latency_type="total"),
        of(ENDPOINT_LATENCIES, "77", (41, 100.0), latency_type="model"),
    ]
    run(Usage(connect(projects=["ml-prod"]), clock), **DAY)

    assert [row[5:] for row in counted(database)] == [
        ("failed_requests", 1, None),
        ("requests", 40, 120.0),
        ("requests", 5, None),
    ]
    with database.engine.connect() as connection:
        names = connection.execute(text("SELECT DISTINCT alias, endpoint FROM inference_hour ORDER BY 2")).all()
    itself = "projects/111/locations/us-central1/endpoints/42"
    assert [tuple(one) for one in names] == [(itself, "42/77"), (itself, "42/88")]


def test_one_type_of_metric_is_asked_for_at_a_time_in_the_project_itself(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    metrics.series = [gemini(TOKENS, 1000, type="input")]
    run(Usage(connect(projects=["ml-prod"]), clock), **DAY)

    full = next(one for one in metrics.asked if one.view.name == "FULL")
    assert full.filter == f'metric.type = "{TOKENS.metric}" AND project = "ml-prod"'
    assert list(full.aggregation.group_by_fields)[:2] == [
        "resource.labels.publisher",
        "resource.labels.model_user_id",
    ]
    assert full.aggregation.alignment_period.total_seconds() == 3600


def test_a_restated_hour_takes_the_place_of_what_it_was(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    today = {"first": date(2026, 11, 21), "end": date(2026, 11, 22)}
    midnight = clock().replace(hour=0)

    def of(value: int) -> Written:
        return Written(TOKENS.metric, GEMINI, every(3600, midnight, value), {"type": "output"}, **SUM)

    metrics.series = [of(5)]
    run(Usage(connect(projects=["ml-prod"]), clock), **today)
    metrics.series = [of(9)]
    run(Usage(connect(projects=["ml-prod"]), lambda: clock().replace(hour=7)), **today)
    assert [row[6] for row in counted(database)] == [9]


def test_all_denied_fails_and_names_the_permission(
    google: Google, metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    said = "Permission monitoring.timeSeries.list denied"
    google.faults["monitoring.ListTimeSeries"] = RefusedError(403, "PERMISSION_DENIED", said)
    report = run(Usage(connect(projects=["ml-prod"]), clock), **DAY)
    assert "monitoring.timeSeries.list" in (report.error or report.slices[0].message)
    assert counted(database) == []


def test_a_project_that_is_added_later_gets_days_that_are_over(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    days = {"first": date(2026, 11, 18), "end": date(2026, 11, 19)}
    assert run(Usage(connect(projects=["ml-prod"]), clock), **days).unchanged == 0
    assert run(Usage(connect(projects=["ml-prod"]), clock), **days).slices == []
    google.calls.clear()
    (day,) = run(Usage(connect(projects=["ml-prod", "ml-dev"]), clock), **days).slices
    assert day.outcome != "unchanged"
    assert run(Usage(connect(projects=["ml-prod", "ml-dev"]), clock), **days).slices == []


def test_what_google_does_not_tell_is_said_once_in_a_run(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run
) -> None:
    days = (NOON - timedelta(days=1), NOON)
    metrics.series = [Written(TOKENS.metric, GEMINI, every(3600, at, 7), {"type": "input"}, **SUM) for at in days]
    report = run(Usage(connect(projects=["ml-prod"]), clock), first=date(2026, 11, 19), end=date(2026, 11, 21))

    assert report.loaded == len(days)
    assert [note for one in report.slices for note in one.notes].count(CACHED) == 1
