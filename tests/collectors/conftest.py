"""What tests of imports share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.bills import LoadReport, import_bills
from collectors.files.metrics import TelemetryReport, import_metrics
from collectors.files.usage import import_usage


@pytest.fixture
def imported(database: Store, store_settings: Settings, clock: Clock) -> Callable[..., list[LoadReport]]:
    """Import paths into the test's database."""

    def run(*paths: Path, **words: Any) -> list[LoadReport]:
        return import_bills(paths, database, store_settings, clock, **words)

    return run


@pytest.fixture
def read_metrics(database: Store, store_settings: Settings, clock: Clock) -> Callable[..., TelemetryReport]:
    """Import utilization from paths into the test's database."""

    def run(*paths: Path, **words: Any) -> TelemetryReport:
        return import_metrics(paths, database, store_settings, clock, **words)

    return run


@pytest.fixture
def read_usage(database: Store, store_settings: Settings, clock: Clock) -> Callable[..., TelemetryReport]:
    """Import usage files into an empty store."""

    def run(*paths: Path, **words: Any) -> TelemetryReport:
        return import_usage(paths, database, store_settings, clock, **words)

    return run
