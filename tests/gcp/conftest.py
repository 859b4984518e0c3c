"""The double, clients that talk to it, and collecting into a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aispend.connections import GcpConnection
from collectors.gcp.clients import GcpClients
from tests.clouds import running
from tests.gcp.double import Google, served

PROJECT = "billing-host"

run = running.run


@pytest.fixture
def google() -> Iterator[Google]:
    """The double, serving."""
    with served() as double:
        yield double


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
