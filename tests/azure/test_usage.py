"""What deployments and endpoints served: each request and token once, whichever metrics count it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import TagKeys
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.metrics import AT_ONCE
from collectors.azure.usage import Usage
from collectors.runner import SourceReport
from sample.azure_double import Azure, RefusalError
from sample.azure_graph import Graph
from sample.azure_monitor import METRICS, Monitor
from tests.azure.double import SUBSCRIPTION, subscription
from tests.azure.graph import AI, ML

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
DAY, NEXT = date(2026, 11, 19), date(2026, 11, 20)
TEN = "2026-11-19T10:00:00"
CHAT = {"ModelDeploymentName": "chat", "ModelName": "gpt-4o", "ModelVersion": "2024-08-06"}


@pytest.fixture
def monitor(azure: Azure) -> Monitor:
    """Azure Monitor of one account."""
    Graph(azure).has("cognitiveservices/accounts", {"id": AI, "name": "acme-ai", "location": "eastus"})
    return Monitor(azure)


def kept(store: Store) -> dict[tuple[str, str | None, str], int]:
    """Quantities of what is known, by endpoint, model and class of unit, over all hours."""
    query = """SELECT endpoint, model, unit_class, sum(quantity) AS quantity FROM inference_hour
               GROUP BY 1, 2, 3"""
    with store.engine.connect() as connection:
        return {(row.endpoint, row.model, row.unit_class): int(row.quantity) for row in connection.execute(text(query))}


def newer(monitor: Monitor, *, ok: float = 90, failed: float = 0, total: float | None = None) -> None:
    """An hour of the newer family."""
    monitor.has(AI, "ModelRequests", TEN, ok, **CHAT, StatusCode="200")
    if failed:
        monitor.has(AI, "ModelRequests", TEN, failed, **CHAT, StatusCode="429")
    for metric, value in {"InputTokens": 1000.0, "OutputTokens": 300.0, "cacheReadInputTokens": 200.0}.items():
        monitor.has(AI, metric, TEN, value, **CHAT)
    if total is not None:
        monitor.has(AI, "TotalTokens", TEN, total, **CHAT)
    monitor.has(AI, "TimeToLastByte", TEN, 850.0, **CHAT)


def older(monitor: Monitor, ok: float) -> None:
    """The same hour as the older family counts it."""
    monitor.has(AI, "AzureOpenAIRequests", TEN, ok, **CHAT, StatusCode="200")
    named = {name: value for name, value in CHAT.items() if name != "ModelName"}
    monitor.has(AI, "ProcessedPromptTokens", TEN, 1000.0, **named)
    monitor.has(AI, "GeneratedTokens", TEN, 300.0, **named)


def collected(connect: Connect, clock: Clock, run: Run) -> SourceReport:
    report = run(Usage(connect(), clock), first=DAY, end=NEXT)
    assert report.error is None, report.error
    return report


def test_a_deployment_is_told_once_though_both_families_count_it(
    monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    newer(monitor, ok=90, failed=10)
    older(monitor, ok=90)
    report = collected(connect, clock, run)
    assert [one.notes for one in report.slices] == [()]
    assert set(report.requests) == set(Usage.operations)
    name, model = "acme-ai/chat", "gpt-4o"
    assert kept(database) == {
        (name, model, "requests"): 90,
        (name, model, "failed_requests"): 10,
        (name, model, "input"): 800,
        (name, model, "cached_input"): 200,
        (name, model, "output"): 300,
    }
    query = (
        "SELECT DISTINCT provider, account, region, latency_p50_ms::int FROM inference_hour WHERE latency_p50_ms > 0"
    )
    with database.engine.connect() as connection:
        assert connection.execute(text(query)).all() == [("azure", SUBSCRIPTION, "eastus", 850)]
        # the account is what bills name
        assert connection.scalar(text("SELECT DISTINCT alias FROM inference_hour")) == AI.lower()


def test_a_deployment_that_is_paid_for_by_its_capacity_is_not_told_as_paid_for_by_the_token(
    monitor: Monitor, azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    skus = {"Chat": "GlobalProvisionedManaged", "small": "GlobalStandard", "night": "GlobalBatch"}
    listed = [{"name": name, "id": name, "sku": {"name": sku, "capacity": 50}} for name, sku in skus.items()]
    azure.on(f"GET {AI}/deployments", {"value": listed})
    newer(monitor)
    for name in ("small", "night", "gone"):
        monitor.has(AI, "ModelRequests", TEN, 5, **CHAT | {"ModelDeploymentName": name}, StatusCode="200")
    assert collected(connect, clock, run).slices[0].notes == ()
    assert tiers(database) == {"chat": "provisioned", "small": "standard", "night": "batch", "gone": None}


def test_how_a_deployment_is_paid_for_is_unknown_where_that_is_denied(
    monitor: Monitor, azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    azure.on(f"GET {AI}/deployments", RefusalError(403, "AuthorizationFailed"))
    newer(monitor)
    (note,) = collected(connect, clock, run).slices[0].notes
    assert "Microsoft.CognitiveServices/accounts/deployments/read is missing" in note
    assert tiers(database) == {"chat": None}


def test_whose_a_deployment_is_its_tags_say(
    monitor: Monitor, azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    listed = [
        {"name": "Chat", "id": "1", "sku": {"name": "Standard"}, "tags": {"Owner": "search", "cost-team": "stores"}},
        {"name": "small", "id": "2", "sku": {"name": "Standard"}, "tags": None},
    ]
    azure.on(f"GET {AI}/deployments", {"value": listed})
    newer(monitor)
    monitor.has(AI, "ModelRequests", TEN, 5, **CHAT | {"ModelDeploymentName": "small"}, StatusCode="200")
    usage = Usage(connect(), clock)
    usage.tag_keys = TagKeys(team=("cost-team", "owner"))
    run(usage, first=DAY, end=NEXT)
    query = "SELECT DISTINCT split_part(endpoint, '/', 2), team FROM inference_hour"
    with database.engine.connect() as connection:
        assert {row[0]: row[1] for row in connection.execute(text(query))} == {"chat": "stores", "small": None}


def tiers(store: Store) -> dict[str, str | None]:
    query = "SELECT DISTINCT split_part(endpoint, '/', 2), service_tier FROM inference_hour"
    with store.engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(text(query))}


def test_the_older_family_is_taken_where_it_counts_more_and_learns_the_model_from_its_requests(
    monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    older(monitor, ok=90)
    collected(connect, clock, run)
    found = kept(database)
    assert found["acme-ai/chat", "gpt-4o", "input"] == 1000
    assert found["acme-ai/chat", "gpt-4o", "requests"] == 90
    newer(monitor, ok=40)  # it began during the day
    run(Usage(connect(), lambda: datetime(2026, 11, 21, 7, tzinfo=UTC)), first=DAY, end=NEXT)
    assert kept(database)["acme-ai/chat", "gpt-4o", "requests"] == 90


@pytest.mark.parametrize(("newer_counts", "asked"), [(90, False), (40, True), (0, True)])
def test_tokens_of_the_older_family_are_asked_for_only_where_they_may_be_taken(
    newer_counts: float,
    asked: bool,
    azure: Azure,
    monitor: Monitor,
    connect: Connect,
    clock: Clock,
    run: Run,
    database: Store,
) -> None:
    if newer_counts:
        newer(monitor, ok=newer_counts)
    older(monitor, ok=90)
    collected(connect, clock, run)
    questions = {call.query["metricnames"] for call in azure.asked("metrics:getBatch")}
    assert ("ProcessedPromptTokens,GeneratedTokens" in questions) is asked
    assert kept(database)["acme-ai/chat", "gpt-4o", "requests"] == 90


def test_cached_tokens_beside_the_input_are_not_taken_out_of_it(
    monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    newer(monitor, total=1500)
    collected(connect, clock, run)
    assert kept(database)["acme-ai/chat", "gpt-4o", "input"] == 1000


def test_more_than_ten_deployments_are_all_told(
    azure: Azure, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    for number in range(14):
        named = CHAT | {"ModelDeploymentName": f"d{number}"}
        monitor.has(AI, "ModelRequests", TEN, 1, **named, StatusCode="200")
    collected(connect, clock, run)
    assert sum(kept(database).values()) == 14
    assert {call.query.get("top") for call in azure.asked("metrics:getBatch")} == {"1000"}


def test_fifty_accounts_at_a_time(azure: Azure, connect: Connect, clock: Clock, run: Run) -> None:
    rows = [{"id": f"{AI}{number}", "name": "a", "location": "eastus"} for number in range(AT_ONCE + 1)]
    Graph(azure).has("cognitiveservices/accounts", *rows)
    Monitor(azure)
    collected(connect, clock, run)
    assert sorted({len(call.body["resourceids"]) for call in azure.asked("metrics:getBatch")}) == [1, AT_ONCE]


def test_online_endpoints_count_requests_and_no_tokens(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    endpoint = f"{ML}/onlineEndpoints/rank"
    Graph(azure).has("/onlineendpoints'", {"id": endpoint, "name": "rank", "location": "westeurope"})
    monitor = Monitor(azure)
    monitor.has(endpoint, "RequestsPerMinute", TEN, 120, deployment="blue", statusCodeClass="2xx")
    monitor.has(endpoint, "RequestsPerMinute", TEN, 3, deployment="blue", statusCodeClass="5xx")
    monitor.has(endpoint, "RequestLatency", TEN, 40, deployment="blue")
    collected(connect, clock, run)
    assert kept(database) == {("rank/blue", None, "requests"): 120, ("rank/blue", None, "failed_requests"): 3}


def test_a_family_azure_no_longer_knows_is_a_remark_and_none_at_all_replaces_nothing(
    monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    newer(monitor)
    monitor.unknown = {"AzureOpenAIRequests", "ProcessedPromptTokens"}
    report = collected(connect, clock, run)
    assert "does not know AzureOpenAIRequests" in report.slices[0].notes[0]
    before = kept(database)
    assert before["acme-ai/chat", "gpt-4o", "requests"] == 90
    assert collected(connect, clock, run).slices == [], "nothing is missing"

    monitor.unknown |= {"ModelRequests", "InputTokens"}
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE collection SET change_token = 'old'"))
    collected(connect, clock, run)
    assert kept(database) == before


def test_what_is_denied_is_asked_for_again(
    azure: Azure, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    elsewhere = {"id": f"{AI}2", "name": "acme-ai2", "location": "westeurope"}
    Graph(azure).has("cognitiveservices/accounts", {"id": AI, "name": "acme-ai", "location": "eastus"}, elsewhere)
    newer(monitor)
    answer = monitor._answer

    def denied(call: Any) -> Any:
        refused = call.body["resourceids"][0].endswith("2")
        return RefusalError(403, "AuthorizationFailed") if refused else answer(call)

    azure.on(METRICS, denied)
    report = collected(connect, clock, run)
    assert "Microsoft.Insights/metrics/read is missing" in report.slices[0].notes[0]
    assert kept(database)["acme-ai/chat", "gpt-4o", "requests"] == 90
    azure.on(METRICS, answer)
    assert [one.notes for one in collected(connect, clock, run).slices] == [()]
    assert collected(connect, clock, run).slices == []


def test_a_subscription_that_may_not_be_read_is_read_once_it_may(
    azure: Azure, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    other = "22222222-2222-3333-4444-555555555555"
    azure.on("GET /subscriptions", {"value": [subscription(), subscription(other)]})
    elsewhere = AI.replace(SUBSCRIPTION, other)
    graph = Graph(azure)
    graph.has(
        "cognitiveservices/accounts", *({"id": one, "name": "a", "location": "eastus"} for one in (AI, elsewhere))
    )
    newer(monitor)
    monitor.has(elsewhere, "ModelRequests", TEN, 7, **CHAT, StatusCode="200")
    permitted = f"GET /subscriptions/{other}/providers/Microsoft.Authorization/permissions"
    azure.on(permitted, {"value": [{"actions": ["*/read"], "notActions": ["Microsoft.Insights/metrics/*"]}]})

    (day,) = collected(connect, clock, run).slices
    assert "Microsoft.Insights/metrics/read is missing" in day.notes[0]
    assert kept(database)["acme-ai/chat", "gpt-4o", "requests"] == 90
    assert collected(connect, clock, run).slices == [], "asking again brings nothing"
    azure.on(permitted, {"value": [{"actions": ["*"], "notActions": []}]})
    assert [one.notes for one in collected(connect, clock, run).slices] == [()]
    assert kept(database)["acme-ai/chat", "gpt-4o", "requests"] == 97
    assert collected(connect, clock, run).slices == []


def test_a_subscription_that_is_added_is_asked_for_on_days_that_are_over_for_the_others(
    azure: Azure, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """7 of the one that is added beside 90 of the one that was there; taken away again, nothing is asked anew."""
    other = "22222222-2222-3333-4444-555555555555"
    elsewhere = AI.replace(SUBSCRIPTION, other)
    newer(monitor)
    monitor.has(elsewhere, "ModelRequests", TEN, 7, **CHAT, StatusCode="200")
    assert collected(connect, clock, run).loaded == 1

    azure.on("GET /subscriptions", {"value": [subscription(), subscription(other)]})
    accounts = [{"id": one, "name": "a", "location": "eastus"} for one in (AI, elsewhere)]
    Graph(azure).has("cognitiveservices/accounts", *accounts)
    assert collected(connect, clock, run).loaded == 1
    assert kept(database)["acme-ai/chat", "gpt-4o", "requests"] == 97
    assert collected(connect, clock, run).slices == []

    azure.on("GET /subscriptions", {"value": [subscription()]})
    assert collected(connect, clock, run).slices == []


def test_where_all_is_denied_the_day_fails_and_the_doctor_names_the_permission(
    azure: Azure, monitor: Monitor, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    newer(monitor)
    azure.on(METRICS, RefusalError(403, "AuthorizationFailed"))
    report = run(Usage(connect(), clock), first=DAY, end=NEXT)
    assert "denies" in (report.error or "")
    (found,) = Usage(connect(), clock).examine()
    assert (found.state, found.what) == (
        "broken",
        "Azure denies it: the permission Microsoft.Insights/metrics/read is missing: 403 AuthorizationFailed",
    )


def test_without_anything_that_serves_nothing_is_asked(azure: Azure, connect: Connect, clock: Clock, run: Run) -> None:
    Graph(azure)
    report = run(Usage(connect(), clock))
    assert (report.slices, "metrics.QueryMetrics" in report.requests) == ([], False)
    (found,) = Usage(connect(), clock).examine()
    assert found.state == "note"


def test_a_storm_of_limits_ends_the_run_and_the_next_goes_on(
    azure: Azure, monitor: Monitor, connect: Connect, clock: Clock, run: Run, waits: list[float]
) -> None:
    answer = monitor._answer
    azure.on(METRICS, RefusalError(429, "TooManyRequests", headers={"Retry-After": "2"}))
    report = run(Usage(connect(), clock))
    assert [one.outcome for one in report.slices] == ["failed"]
    assert "none is asked any more now" in report.slices[0].message
    assert report.requests["metrics.QueryMetrics"] == 6
    assert waits == [2.0] * 5
    azure.on(METRICS, answer)
    assert run(Usage(connect(), clock), first=DAY, end=NEXT).loaded == 1
