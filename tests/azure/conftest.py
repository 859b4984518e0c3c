"""The double, clients that talk to it, and collecting into a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.connections import AzureConnection
from aispend.settings import Settings
from aispend.store import Store
from collectors.azure.base import AzureCollector
from collectors.azure.clients import AzureClients
from collectors.contract import Window
from collectors.runner import Source, SourceReport, collect
from tests.azure.double import Azure, serving
from tests.azure.exports import CONTAINER, Container


@pytest.fixture
def azure() -> Iterator[Azure]:
    """The double, serving."""
    double = Azure()
    with serving(double):
        yield double
    assert not double.defects, double.defects[0]


@pytest.fixture
def waits() -> list[float]:
    """Seconds that were waited for, which takes no time here."""
    return []


@pytest.fixture
def connect(azure: Azure, waits: list[float]) -> Callable[..., AzureClients]:
    """Clients of a connection to the double, with the settings given."""

    def connected(*, allowed: dict[str, int] | None = None, **settings: Any) -> AzureClients:
        given = {"endpoint_url": azure.url} | settings
        return AzureClients(AzureConnection.model_validate(given), allowed=allowed, sleep=waits.append)

    return connected


@pytest.fixture
def container(tmp_path: Path) -> Container:
    """A container without anything in it."""
    (tmp_path / CONTAINER).mkdir()
    return Container(tmp_path / CONTAINER)


@pytest.fixture
def run(database: Store, store_settings: Settings, clock: Clock) -> Callable[..., SourceReport]:
    """Collect from one collector into the database, as ``aispend collect`` does; waits are not waited for."""

    def collected(
        collector: AzureCollector, *, first: date | None = None, end: date | None = None, **options: Any
    ) -> SourceReport:
        window = Window(first, end) if first and end else None
        source = Source(collector, collector.clients.connection.name, collector.clients.requests)
        (report,) = collect(
            [source], database, store_settings, clock, window=window, sleep=lambda _seconds: None, **options
        )
        return report

    return collected
