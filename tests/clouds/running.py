"""Collecting in tests as ``aispend collect`` does; waits are not waited for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from collectors.base import CloudCollector
from collectors.contract import Window
from collectors.runner import Source, SourceReport, collect


def collecting(store: Store, settings: Settings, clock: Clock) -> Callable[..., SourceReport]:
    """Collects from one collector into a database."""

    def collected(
        collector: CloudCollector,
        *,
        first: date | None = None,
        end: date | None = None,
        now: Clock = clock,
        **options: Any,
    ) -> SourceReport:
        window = Window(first, end) if first and end else None
        source = Source(collector, collector.clients.connection.name, collector.clients.requests)
        (report,) = collect([source], store, settings, now, window=window, sleep=lambda _seconds: None, **options)
        return report

    return collected


@pytest.fixture
def run(database: Store, store_settings: Settings, clock: Clock) -> Callable[..., SourceReport]:
    """Collect from one collector into the test's database."""
    return collecting(database, store_settings, clock)
