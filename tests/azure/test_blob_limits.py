"""Blob storage that limits requests: waited for as it says, else longer each time, else left to the next run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.connections import AzureConnection
from aispend.store import Store
from collectors.azure.bills import Bills
from collectors.azure.clients import AzureClients
from collectors.runner import SourceReport
from sample.blob_store import BlobStore, serving
from tests.azure.exports import CONTAINER, Container, focus

Run = Callable[..., SourceReport]
BUSY = "<Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>"


@pytest.fixture
def store(container: Container) -> BlobStore:
    container.run("2026-11", [focus("2026-11", "4")])
    return BlobStore({CONTAINER: container.root})


@pytest.fixture
def bills(store: BlobStore, waits: list[float], clock: Clock) -> Iterator[Bills]:
    with serving(store) as url:
        export = {"account_url": url, "container": CONTAINER, "root": "cost", "name": "focus"}
        yield Bills(AzureClients(AzureConnection.model_validate({"export": [export]}), sleep=waits.append), clock)


def limits(store: BlobStore, status: int, headers: dict[str, str], *, times: int, listing: bool) -> None:
    """Have the store refuse some listings, or contents, before it answers."""
    left = [times]

    def instead(_path: str, is_listing: bool) -> tuple[int, dict[str, str], str] | None:
        if is_listing is not listing or not left[0]:
            return None
        left[0] -= 1
        return status, {"x-ms-error-code": "ServerBusy", **headers}, BUSY

    store.instead = instead


@pytest.mark.parametrize("listing", [True, False])
@pytest.mark.parametrize("status", [429, 503])
def test_it_is_waited_for_as_long_as_is_asked_and_longer_each_time_where_nothing_is(
    status: int, listing: bool, store: BlobStore, bills: Bills, waits: list[float], run: Run
) -> None:
    limits(store, status, {"Retry-After": "7"}, times=2, listing=listing)
    assert run(bills).loaded == 1
    assert waits == [7, 7]

    waits.clear()
    limits(store, status, {}, times=3, listing=listing)
    report = run(Bills(bills.clients, bills.clock), first=bills.clock().date().replace(day=1), end=bills.clock().date())
    assert (report.error, report.failures) == (None, 0)
    assert waits == ([5, 10, 20] if listing else []), "what is unchanged is listed and not read"


@pytest.mark.parametrize(("status", "says"), [(429, "limits the rate of requests"), (503, "could not answer")])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3600"}])
def test_who_goes_on_refusing_is_left_to_the_next_run_and_nothing_is_written(
    status: int,
    says: str,
    headers: dict[str, str],
    store: BlobStore,
    bills: Bills,
    waits: list[float],
    run: Run,
    database: Store,
    tmp_path: Path,
) -> None:
    limits(store, status, headers, times=1000, listing=False)
    report = run(bills)
    (one,) = report.slices
    assert says in one.message
    assert "  next:  " in one.message
    assert one.outcome == ("waiting" if status == 429 else "failed")
    assert all(wait <= 60 for wait in waits), "an hour is not waited for"
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM charge")) == 0
