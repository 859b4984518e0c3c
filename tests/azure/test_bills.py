"""Bills from Blob storage: by manifest, whole or not at all, once; against a server that answers as it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.connections import AzureConnection
from aispend.store import Store
from collectors.azure.bills import Bills
from collectors.azure.clients import AzureClients
from collectors.runner import SourceReport
from sample.azure_double import Azure
from sample.blob_store import BlobStore, serving
from tests.azure.exports import CONTAINER, RESERVED, Container, cost, focus

Run = Callable[..., SourceReport]
Made = Callable[..., Bills]
FROM_OCTOBER = {"first": date(2026, 10, 1), "end": date(2026, 11, 21)}


@pytest.fixture
def store(container: Container) -> BlobStore:
    return BlobStore({CONTAINER: container.root}, page=3)


@pytest.fixture
def account_url(store: BlobStore) -> Iterator[str]:
    with serving(store) as url:
        yield url


@pytest.fixture
def bills(account_url: str, azure: Azure, clock: Any, waits: list[float]) -> Made:
    """A new collector each time, as a new run has one; of the exports named."""

    def made(*names: str) -> Bills:
        exports = [
            {"account_url": account_url, "container": CONTAINER, "root": "cost", "name": name}
            for name in names or ("focus",)
        ]
        connection = AzureConnection.model_validate({"endpoint_url": azure.url, "export": exports})
        return Bills(AzureClients(connection, sleep=waits.append), clock)

    return made


def ledger(store: Store, column: str = "billed_cost") -> dict[str, str]:
    query = f"SELECT to_char(billing_month, 'YYYY-MM'), sum({column})::text FROM charge GROUP BY 1 ORDER BY 1"
    with store.engine.connect() as connection:
        found = connection.execute(text(query)).all()
    return {month: f"{Decimal(total).normalize():f}" for month, total in found if total is not None}


@pytest.mark.parametrize("form", ["csv", "gzip", "parquet"])
def test_a_month_is_every_file_of_its_manifest_and_nothing_else(
    container: Container, bills: Made, run: Run, database: Store, form: str
) -> None:
    folder = container.run("2026-11", [focus("2026-11", "1.25")], [focus("2026-11", "2.5")], form=form)
    container.put(f"{folder}/part_0_0009.csv", "not named by the manifest")
    container.run("2026-10", [focus("2026-10", "4")], form=form)

    report = run(bills(), **FROM_OCTOBER)

    assert (report.error, report.loaded) == (None, 2), report.slices
    assert ledger(database) == {"2026-10": "4", "2026-11": "3.75"}


def test_a_second_run_lists_and_reads_nothing(container: Container, bills: Made, run: Run, database: Store) -> None:
    for month in ("2026-08", "2026-09", "2026-10", "2026-11"):
        container.run(month, [focus(month, "4")])
    assert run(bills()).loaded == 4

    again = run(bills())

    assert (again.loaded, again.unchanged) == (0, 3)  # August was collected after Azure had stopped changing it
    assert again.requests == {"blob.ListBlobs": 2 + 3}, "the folders, of which two pages, and one list a month"


@pytest.mark.parametrize("keep", [False, True])
def test_a_new_run_replaces_the_month_whole_in_either_layout(
    container: Container, bills: Made, run: Run, database: Store, keep: bool
) -> None:
    container.run("2026-11", [focus("2026-11", "1"), focus("2026-11", "2", day=4)], keep=keep)
    container.run("2026-10", [focus("2026-10", "4")], keep=keep)
    run(bills())
    container.run("2026-11", [focus("2026-11", "7"), focus("2026-11", "1", day=5)], keep=keep)
    container.run("2026-10", [focus("2026-10", "5")], keep=keep)  # the run nobody asked for, in the days after

    assert run(bills()).loaded == 2
    assert ledger(database) == {"2026-10": "5", "2026-11": "8"}


def test_actual_and_amortised_are_two_halves_of_one_slice(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    """Two machines, one of them reserved for 100 a month of which 20 were not used: hand-computed."""
    plain, covered = cost("2026-11", "6"), cost("2026-11", "0", **RESERVED)
    bought = cost("2026-11", "100", **RESERVED | {"ChargeType": "Purchase", "ResourceId": "r-1"})
    used = cost("2026-11", "80", **RESERVED)
    unused = cost("2026-11", "20", **RESERVED | {"ChargeType": "UnusedReservation", "ResourceId": ""})
    container.run("2026-11", [plain, covered, bought], export="actual", kind="ActualCost")
    container.run("2026-11", [plain, used, unused], export="amortised", kind="AmortizedCost")

    report = run(bills("actual", "amortised"))

    assert (report.error, report.loaded, report.failures) == (None, 2, 0), report.slices
    assert (ledger(database), ledger(database, "effective_cost")) == ({"2026-11": "106"}, {"2026-11": "106"})
    with database.engine.connect() as connection:
        slices = connection.execute(text("SELECT dataset FROM slice WHERE kind = 'bill'")).scalars().all()
    assert slices == ["azure_actual+azure_amortized"]

    container.run("2026-11", [cost("2026-11", "7"), used, unused], export="amortised", kind="AmortizedCost")
    again = run(bills("actual", "amortised"))
    assert (again.loaded, again.unchanged) == (1, 1)
    assert (ledger(database), ledger(database, "effective_cost")) == ({"2026-11": "106"}, {"2026-11": "107"})


def test_subscriptions_of_one_account_are_one_bill(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    for number, amount in (("1", "2"), ("2", "3")):
        line = focus("2026-11", amount, SubAccountId=f"/subscriptions/s-{number}")
        container.run("2026-11", [line], export=f"sub-{number}", scope=f"/subscriptions/s-{number}")
    report = run(bills("sub-1", "sub-2"))
    assert (report.error, report.loaded) == (None, 1), report.slices
    assert ledger(database) == {"2026-11": "5"}

    changed = focus("2026-11", "4", SubAccountId="/subscriptions/s-2")
    container.run("2026-11", [changed], export="sub-2", scope="/subscriptions/s-2")
    assert run(bills("sub-1", "sub-2")).loaded == 1
    assert ledger(database) == {"2026-11": "6"}


def test_weeks_of_a_month_are_loaded_together(container: Container, bills: Made, run: Run, database: Store) -> None:
    container.run("2026-11", [focus("2026-11", "1", day=3)], days=(1, 7))
    run(bills())
    container.run("2026-11", [focus("2026-11", "2", day=10)], days=(8, 14))

    report = run(bills())

    assert [one.title for one in report.slices] == ["focus, 2026-11"]
    assert ledger(database) == {"2026-11": "3"}


@pytest.mark.parametrize(
    "case", ["a file is missing", "a file is shorter", "a file is newer", "another run at the end"]
)
def test_a_run_caught_half_way_is_waited_for_and_what_was_there_stays(
    container: Container, store: BlobStore, bills: Made, run: Run, database: Store, case: str
) -> None:
    if case == "a file is missing":
        container.run("2026-11", [focus("2026-11", "1")])
        assert run(bills()).loaded == 1
    before = ledger(database)
    folder = container.run("2026-11", [focus("2026-11", "5")])
    data, collector = f"{folder}/part_0_0000.csv", bills()
    whole = (container.root / data).read_bytes()
    if case == "a file is missing":
        (container.root / data).unlink()
    elif case == "a file is shorter":
        container.time -= 60
        container.put(data, whole[:-20])
    elif case == "a file is newer":
        container.put(data, whole)
    else:
        asked = collector.clients.count

        def running_again(operation: str) -> None:
            asked(operation)
            if collector.clients.sent["blob.GetBlob"] == 2 and operation == "blob.GetBlob":
                container.run("2026-11", [focus("2026-11", "6")], keep=True)

        collector.clients.count = running_again  # type: ignore[method-assign]

    report = run(collector)

    (one,) = report.slices
    if case == "another run at the end":  # it is tried again, and then it is whole
        assert (one.outcome, ledger(database)) == ("loaded", {"2026-11": "6"}), one.message
        return
    assert (one.outcome, report.error) == ("waiting", None)
    assert ledger(database) == before
    if before:
        container.run("2026-11", [focus("2026-11", "5")])
        assert run(bills()).loaded == 1, "the next run takes it up"
        assert ledger(database) == {"2026-11": "5"}


def test_what_stays_half_way_for_days_is_a_fault(container: Container, bills: Made, run: Run, database: Store) -> None:
    container.time -= 3 * 86_400
    folder = container.run("2026-11", [focus("2026-11", "5")])
    (container.root / folder / "part_0_0000.csv").unlink()
    (one,) = run(bills()).slices
    assert (one.outcome, "copy all of it" in one.message) == ("failed", True)


def test_fewer_lines_than_the_manifest_promises_are_refused(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    rows = [focus("2026-11", "5")]
    folder = container.run("2026-11", rows)
    size = (container.root / folder / "part_0_0000.csv").stat().st_size
    named = {"blobName": f"{folder}/part_0_0000.csv", "byteCount": size, "dataRowCount": 2}
    container.put(f"{folder}/manifest.json", _with(container, folder, blobs=[named], dataRowCount=2))
    (one,) = run(bills()).slices
    assert (one.outcome, "promises 2 lines" in one.message) == ("failed", True)
    assert ledger(database) == {}


def _with(container: Container, folder: str, **changes: Any) -> str:
    import json

    return json.dumps(json.loads((container.root / folder / "manifest.json").read_text()) | changes)


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ('{"blobs": ', "cannot be read"),
        ('{"manifestVersion": "1"}', "names no files"),
        ("[]", "names no files"),
        ('{"blobs": [{"name": "x"}]}', "without a blobName"),
        ('{"blobs": [{"blobName": "../../../etc/passwd"}]}', "outside the delivery"),
        ('{"blobs": [{"blobName": "/etc/passwd"}]}', "outside the delivery"),
    ],
)
def test_a_manifest_that_cannot_be_followed_fails_its_month_alone(
    container: Container, bills: Made, run: Run, database: Store, manifest: str, says: str
) -> None:
    others = says == "cannot be read"
    if others:
        container.run("2026-10", [focus("2026-10", "4")])
    folder = container.run("2026-11", [focus("2026-11", "5")])
    container.put(f"{folder}/manifest.json", manifest)

    report = run(bills(), **FROM_OCTOBER)

    assert ledger(database) == ({"2026-10": "4"} if others else {})
    (message,) = [one.message for one in report.slices if one.outcome == "failed"]
    assert says in message
    assert "manifest.json" in message


def test_files_without_a_manifest_are_waited_for_and_then_named(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    container.run("2026-11", [focus("2026-11", "5")], manifest=None)
    assert [one.outcome for one in run(bills()).slices] == ["waiting"]
    container.time -= 3 * 86_400
    container.run("2026-11", [focus("2026-11", "5")], manifest=None)
    (one,) = run(bills()).slices
    assert (one.outcome, "Make the export anew" in one.message) == ("failed", True)


def test_an_empty_delivery_where_there_was_a_bill_is_an_error_until_confirmed(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    container.run("2026-11", [focus("2026-11", "1")])
    run(bills())
    container.run("2026-11")

    assert run(bills()).failures == 1
    assert ledger(database) == {"2026-11": "1"}


def test_a_broken_connection_is_gone_on_with(
    container: Container, bills: Made, run: Run, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of more than one piece, the first of which ends half-way twice."""
    from sample import blob_store

    container.run("2026-11", [focus("2026-11", "1")] * 1500)
    whole = blob_store._Handler._blob
    cut: list[str] = []

    def broken(self: Any, container_name: str, name: str) -> None:
        if not name.endswith(".csv") or len(cut) >= 2:
            whole(self, container_name, name)
            return
        cut.append(self.headers.get("x-ms-range") or "whole")
        command, self.command = self.command, "HEAD"
        whole(self, container_name, name)  # the headers of a whole answer
        self.command = command
        self.wfile.write(self.store.find(container_name, name).read_bytes()[:1000])
        self.close_connection = True

    monkeypatch.setattr(blob_store._Handler, "_blob", broken)
    assert run(bills()).loaded == 1
    assert ledger(database) == {"2026-11": "1500"}
    assert len(cut) == 2


def test_a_container_that_is_not_there_says_where_to_look(bills: Made, store: BlobStore, run: Run) -> None:
    store._containers.clear()
    report = run(bills())
    assert "There is no such container" in (report.error or "")
    (found,) = bills().examine()
    assert (found.state, found.what) == ("broken", "There is no such container: larkfieldcosts, bills")
