"""Answers that make no sense: whoever gets one says so, writes nothing, and never fails in a way nobody foresaw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.cloud import Azure as Cloud
from collectors.runner import SourceReport
from sample.azure_double import Azure, RefusalError, Reply
from sample.azure_graph import PERMISSIONS, QUERY, Graph
from sample.azure_monitor import METRICS
from tests.azure.graph import AI, ML
from tests.clouds.contract import counts

COLLECTORS = Cloud().collectors()
NAMES = ("advice", "commitments", "inventory", "invoices", "offerings", "prices", "spot", "usage", "utilization")
Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
BROKEN: dict[str, Any] = {
    "no JSON": Reply("<html>Sign in to the proxy</html>"),
    "half of it": Reply('{"value": [{"id": '),
    "a list": [[1, 2]],
    "a text": Reply('"no"'),
    "nothing": {},
    "null": {"value": None, "data": None, "Items": None, "values": None},
    "not there": RefusalError(404, "NotFound"),
    "not used": RefusalError(409, "MissingSubscriptionRegistration"),
    "a limit": RefusalError(429, "TooManyRequests", headers={"Retry-After": "3"}),
    "a long limit": RefusalError(429, "TooManyRequests", headers={"Retry-After": "9999"}),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_an_answer_that_makes_no_sense_writes_nothing(
    fault: str, azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    azure.on("GET /*", BROKEN[fault])
    azure.on("POST /*", BROKEN[fault])
    told, before = {}, counts(database)
    for name in NAMES:
        report = run(COLLECTORS[name](connect(regions=("eastus",)), clock))
        told[name] = " ".join([report.error or "", *(one.message + " ".join(one.notes) for one in report.slices)])
        assert counts(database) == before, name
    assert not [name for name, said in told.items() if "did not expect" in said], told
    assert all(said.strip() for said in told.values()), told


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_asked_after_a_listing_may_be_broken_too(
    fault: str, azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph = Graph(azure)
    graph.has("cognitiveservices/accounts", {"id": AI, "name": "acme-ai", "location": "eastus"})
    graph.has("services/workspaces'", {"id": ML, "name": "ws", "location": "eastus"})
    for address in (METRICS, f"GET {AI}/deployments", f"GET {ML}/computes"):
        azure.on(address, BROKEN[fault])
    before = counts(database)
    for name in ("inventory", "usage", "utilization"):
        report = run(COLLECTORS[name](connect(), clock))
        said = " ".join([report.error or "", *(one.message for one in report.slices)])
        assert "did not expect" not in said, (name, said)
    written = {name for name, number in counts(database).items() if number != before[name]}
    assert written <= {"resource_history", "slice", "resource"}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_never_fails(name: str, fault: str, azure: Azure, connect: Connect, clock: Clock) -> None:
    for address in ("GET /*", "POST /*", QUERY, PERMISSIONS):
        azure.on(address, BROKEN[fault])
    assert list(COLLECTORS[name](connect(), clock).examine())
