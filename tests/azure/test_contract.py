"""What every collector of Azure promises, whoever wrote it: each is run against the same faults."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, get_args

import pytest
from sqlalchemy import func, select

from aispend.clock import Clock
from aispend.connections import AzureCollection
from aispend.schema import metadata
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.cloud import Azure as Cloud
from collectors.azure.operations import OPERATIONS
from collectors.runner import SourceReport
from tests.azure.double import Azure, RefusalError

OF_EVERY_RUN = {"arm.ListSubscriptions"}
"""What the clients ask for all collectors."""

COLLECTORS = Cloud().collectors()
NAMES = sorted(COLLECTORS)
Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]


def test_there_are_collectors() -> None:
    assert {"bills", "cost-query"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_what_the_settings_call_it(name: str, connect: Connect, clock: Clock) -> None:
    assert name in get_args(AzureCollection)
    assert COLLECTORS[name](connect(), clock).name == f"azure/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_operation_is_known_and_says_what_to_grant(name: str) -> None:
    assert COLLECTORS[name].operations
    for operation in COLLECTORS[name].operations:
        assert operation in OPERATIONS


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AuthorizationFailed"), (500, "InternalServerError"), (401, "ExpiredAuthenticationToken"), (429, "429")],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_cloud_that_refuses_everything_is_reported_and_nothing_is_written(
    name: str,
    status: int,
    code: str,
    azure: Azure,
    connect: Connect,
    clock: Clock,
    run: Run,
    database: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector, clients = COLLECTORS[name], connect()
    azure.refused = RefusalError(status, code, "over scope ?sig=SECRETKEY")

    with caplog.at_level(logging.DEBUG):
        report = run(collector(clients, clock))

    told = [report.error or "", *(one.message + "".join(one.notes) for one in report.slices)]
    assert any(told), "whoever collected nothing says why"
    assert "not expect" not in (report.error or "")
    assert set(clients.sent) <= {*collector.operations, *OF_EVERY_RUN}
    assert rows(database) == {}
    assert "SECRETKEY" not in "".join(told) + caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_never_fails_and_names_a_permission(name: str, azure: Azure, connect: Connect, clock: Clock) -> None:
    azure.refused = RefusalError(403, "AuthorizationFailed")
    found = list(COLLECTORS[name](connect(), clock).examine())

    assert found
    assert all(one.what for one in found)
    named = [one.what for one in found if one.state == "broken"]
    assert not named or any("Microsoft." in what and "is missing" in what for what in named), named
    assert not azure.asked("/query"), "looking takes nothing from the few questions there are"


def rows(store: Store) -> dict[str, int]:
    """Rows of the tables that collectors write, where there are any."""
    kept = {"collection", "request_day", "location", "resource", "tag_set", "commitment"}  # the last four have a row 0
    counts: dict[str, Any] = {}
    with store.engine.connect() as connection:
        for table in metadata.tables.values():
            if table.name not in kept and (count := connection.scalar(select(func.count()).select_from(table))):
                counts[table.name] = count
    return counts
