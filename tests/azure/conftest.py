"""The double, clients that talk to it, and collecting into a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aispend.connections import AzureConnection
from collectors.azure.clients import AzureClients
from sample.azure_double import Azure, serving
from tests.azure.double import listed
from tests.azure.exports import CONTAINER, Container
from tests.clouds import running

run = running.run


@pytest.fixture
def azure() -> Iterator[Azure]:
    """The double, serving."""
    double = listed(Azure())
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
