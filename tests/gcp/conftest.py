"""The double, clients that talk to it, and collecting into a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.connections import GcpConnection
from aispend.settings import Settings
from aispend.store import Store
from collectors.contract import Window
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.runner import Source, SourceReport, collect
from sample.bigquery import serving
from tests.gcp.double import Google, serving_grpc

PROJECT = "billing-host"


@pytest.fixture
def google() -> Iterator[Google]:
    """The double, serving."""
    double = Google()
    with serving(double.respond) as url, serving_grpc(double) as place:
        double.url, double.grpc = url, place
        yield double
    double.bigquery.close()


@pytest.fixture
def connect(google: Google) -> Callable[..., GcpClients]:
    """Clients of a connection to the double, with the settings given; waits are not waited for, but kept."""

    def connected(*, megabytes_left: int | None = None, **settings: Any) -> GcpClients:
        given = {"endpoint_url": google.url, "grpc_endpoint": google.grpc, "project": PROJECT} | settings
        waited: list[float] = []
        made = GcpClients(GcpConnection.model_validate(given), megabytes_left=megabytes_left, sleep=waited.append)
        made.waited = waited  # type: ignore[attr-defined]
        return made

    return connected


@pytest.fixture
def run(database: Store, store_settings: Settings, clock: Clock) -> Callable[..., SourceReport]:
    """Collect from one collector into the database, as ``aispend collect`` does; waits are not waited for."""

    def collected(
        collector: GcpCollector, *, first: date | None = None, end: date | None = None, **options: Any
    ) -> SourceReport:
        window = Window(first, end) if first and end else None
        source = Source(collector, collector.clients.connection.name, collector.clients.requests)
        (report,) = collect(
            [source], database, store_settings, clock, window=window, sleep=lambda _seconds: None, **options
        )
        return report

    return collected
