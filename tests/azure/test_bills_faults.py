"""Blob storage that refuses, fails and limits; and what the doctor says of exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.connections import AzureConnection
from aispend.settings import Settings
from aispend.store import Store
from collectors.azure.bills import Bills
from collectors.azure.clients import AzureClients
from collectors.doctor import diagnose
from collectors.runner import SourceReport
from sample import blob_store
from sample.azure_double import Azure
from sample.blob_store import BlobStore, serving
from tests.azure.double import TENANT
from tests.azure.exports import CONTAINER, Container, focus

Run = Callable[..., SourceReport]
Fault = Callable[[str], tuple[int, str] | None]
DATA_ACTION = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"


@pytest.fixture
def connection(container: Container, azure: Azure) -> Iterator[AzureConnection]:
    with serving(BlobStore({CONTAINER: container.root})) as url:
        export = {"account_url": url, "container": CONTAINER, "root": "cost", "name": "focus"}
        yield AzureConnection.model_validate({"endpoint_url": azure.url, "export": [export], "collect": ["bills"]})


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """Have the server refuse what the function given says, with status and code."""

    def fails(fault: Fault) -> None:
        whole = blob_store._Handler.do_GET

        def answer(self: Any) -> None:
            said = fault(self.path)
            if said is None:
                whole(self)
            else:
                self._refuse(*said)

        monkeypatch.setattr(blob_store._Handler, "do_GET", answer)

    return fails


def bills(connection: AzureConnection, clock: Clock, waits: list[float] | None = None) -> Bills:
    return Bills(AzureClients(connection, sleep=([] if waits is None else waits).append), clock)


@pytest.mark.parametrize(
    ("code", "says", "broken"),
    [
        (
            "AuthorizationPermissionMismatch",
            "Azure denies it",
            f"Azure denies it: the permission {DATA_ACTION} is missing",
        ),
        ("AuthenticationFailed", "does not accept the credentials", "Azure does not accept the credentials"),
        ("AuthorizationFailure", "Networking of the storage account", "The storage account lets nobody in from here"),
    ],
)
def test_what_is_denied_is_no_expired_credential_and_the_other_way_round(
    connection: AzureConnection,
    failing: Callable[[Fault], None],
    clock: Clock,
    run: Run,
    code: str,
    says: str,
    broken: str,
) -> None:
    failing(lambda _path: (403, code))
    assert says in (run(bills(connection, clock)).error or "")
    (found,) = bills(connection, clock).examine()
    assert (found.state, found.what) == ("broken", f"{broken}: 403 {code}")


def test_a_server_that_fails_or_is_busy_is_asked_again(
    connection: AzureConnection,
    container: Container,
    failing: Callable[[Fault], None],
    clock: Clock,
    run: Run,
    waits: list[float],
) -> None:
    container.run("2026-11", [focus("2026-11", "1")])
    refusals = [(500, "InternalError"), (503, "ServerBusy"), (500, "OperationTimedOut")]
    failing(lambda _path: refusals.pop() if refusals else None)
    assert run(bills(connection, clock, waits)).loaded == 1
    assert len(waits) == 3


def test_credentials_that_expire_on_the_way_keep_what_was_done_and_the_next_run_goes_on(
    connection: AzureConnection,
    container: Container,
    failing: Callable[[Fault], None],
    clock: Clock,
    run: Run,
    database: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for month in ("2026-10", "2026-11"):
        container.run(month, [focus(month, "4")])
    window = {"first": date(2026, 10, 1), "end": date(2026, 11, 21)}
    with monkeypatch.context() as patched:
        whole = blob_store._Handler.do_GET
        failing(lambda path: (401, "ExpiredAuthenticationToken") if "20261001" in path else None)
        report = run(bills(connection, clock), **window)
        patched.setattr(blob_store._Handler, "do_GET", whole)
        assert "does not accept the credentials" in (report.error or "")
        with database.engine.connect() as read:
            assert read.scalar(text("SELECT sum(billed_cost) FROM charge")) == 4

        again = run(bills(connection, clock), **window)
        assert (again.error, again.loaded, again.unchanged) == (None, 1, 1)


def test_an_export_that_never_delivered_is_not_nothing_new(
    connection: AzureConnection, container: Container, clock: Clock, run: Run
) -> None:
    container.run("2026-11", [focus("2026-11", "1")])
    (focus_export,) = connection.exports
    wrong = focus_export.model_copy(update={"name": "fokus"})
    both = connection.model_copy(update={"exports": (focus_export, wrong)})

    report = run(bills(both, clock))

    assert report.loaded == 1, "what the other delivered"
    assert "Nothing was delivered yet." in (report.error or "")
    assert "export fokus in " in (report.error or "")
    assert "check account_url, container, root and name" in (report.error or "")
    assert run(bills(connection, clock)).error is None


def test_the_doctor_says_as_whom_what_was_delivered_and_when(
    connection: AzureConnection, container: Container, store_settings: Settings, database: Store, clock: Clock
) -> None:
    def said() -> list[tuple[str, str, str]]:
        settings = store_settings.model_copy(update={"azure": (connection,)})
        return [(one.source, one.state, one.what) for one in diagnose(settings, database, clock, cloud="azure")]

    assert said()[:2] == [
        ("azure", "good", f"signed in to tenant {TENANT}; 1 subscription(s) to read"),
        ("azure/bills", "note", "export focus in bills: nothing was delivered yet"),
    ]
    container.time -= 3 * 86_400
    container.run("2026-11", [focus("2026-11", "1")])
    (late,) = [one for one in said() if "2026-11" in one[2]]
    assert late[1] == "note"
    container.time += 3 * 86_400
    container.run("2026-11", [focus("2026-11", "1")])
    (good,) = [one for one in said() if "2026-11" in one[2]]
    assert good[1:] == ("good", "export focus in bills: 2026-11 was delivered 2026-11-21 05:00 UTC")
