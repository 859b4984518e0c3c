"""A month's bill as a report made on request, where there is no export: waited for, whole, its links kept secret."""

from __future__ import annotations

import logging
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.azure.bills import Bills
from collectors.azure.clients import AzureClients
from collectors.runner import SourceReport
from sample.azure_double import Azure, Call, Reply
from sample.blob_store import BlobStore, serving
from tests.azure.double import PLACE, SUBSCRIPTION
from tests.azure.exports import RESERVED, content, cost

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
COSTS = f"{PLACE}/providers/Microsoft.CostManagement"
KEY = "sv=2025-01-05&sig=SECRETKEY%3D"
NOVEMBER = {"first": date(2026, 11, 1), "end": date(2026, 11, 21)}


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The folder reports are written to, and its address."""
    (tmp_path / "reports").mkdir()
    with serving(BlobStore({"reports": tmp_path / "reports"})) as url:
        yield tmp_path / "reports", f"{url}/reports"


def reporting(azure: Azure, files: tuple[Path, str], lines: dict[str, list[dict[str, str]]], **changes: Any) -> None:
    """Reports of these lines by metric, each ready at the second look."""
    folder, url = files
    looked: list[str] = []
    azure.on(f"GET {COSTS}/exports", {"value": []})

    def begin(call: Call) -> Reply:
        metric = call.body["metric"]
        where = f"{azure.url}{COSTS}/costDetailsOperationResults/{metric}?api-version=2025-03-01"
        return Reply("", 202, {"Location": where, "Retry-After": "30"})

    def look(call: Call) -> Any:
        metric = call.path.rpartition("/")[2]
        looked.append(metric)
        if looked.count(metric) == 1:
            return Reply("", 202, {"Retry-After": "10"})
        if not lines[metric]:
            return {"status": "NoDataFound"}
        data = content(lines[metric], "csv")
        (folder / f"{metric}.csv").write_bytes(data)
        blob = {"blobLink": f"{url}/{metric}.csv?{KEY}", "byteCount": len(data)}
        return {"status": "Completed", "manifest": {"blobs": [blob | changes]}}

    azure.on(f"POST {COSTS}/generateCostDetailsReport", begin)
    azure.on(f"GET {COSTS}/costDetailsOperationResults/*", look)


LINES = {
    "ActualCost": [cost("2026-11", "6"), cost("2026-11", "100", **RESERVED | {"ChargeType": "Purchase"})],
    "AmortizedCost": [cost("2026-11", "6"), cost("2026-11", "80", **RESERVED)],
}


def test_both_reports_are_the_halves_of_the_month_and_no_key_is_written_anywhere(
    azure: Azure,
    connect: Connect,
    clock: Clock,
    run: Run,
    database: Store,
    files: tuple[Path, str],
    waits: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    reporting(azure, files, LINES)
    clients = connect()
    with caplog.at_level(logging.DEBUG):
        report = run(Bills(clients, clock), **NOVEMBER)

    assert (report.error, report.loaded) == (None, 1), report.slices
    with database.engine.connect() as connection:
        query = "SELECT sum(billed_cost)::int, sum(effective_cost)::int, count(DISTINCT slice_id) FROM charge"
        assert connection.execute(text(query)).one() == (106, 86, 1)
        written = str(connection.execute(text("SELECT * FROM load")).all())
    assert waits == [30, 10, 30, 10]
    assert [call.body["timePeriod"] for call in azure.asked("Report")] == [
        {"start": "2026-11-01", "end": "2026-11-21"}
    ] * 2
    assert set(clients.sent) <= set(Bills.operations)
    secret = urllib.parse.unquote(KEY).rpartition("sig=")[2].rstrip("=")
    assert secret not in caplog.text + written + str(report)


def test_a_place_without_cost_is_a_remark(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store, files: tuple[Path, str]
) -> None:
    reporting(azure, files, {"ActualCost": [], "AmortizedCost": []})
    (one,) = run(Bills(connect(), clock), **NOVEMBER).slices
    assert (one.outcome, one.rows) == ("loaded", 0)
    assert one.notes[0] == f"ActualCost of subscriptions/{SUBSCRIPTION}: Azure has no cost in 2026-11."


def test_a_file_that_is_cut_off_is_refused(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store, files: tuple[Path, str]
) -> None:
    reporting(azure, files, LINES, byteCount=7)
    (one,) = run(Bills(connect(), clock), **NOVEMBER).slices
    assert (one.outcome, "Azure says 7" in one.message, "sig" in one.message) == ("failed", True, False)


@pytest.mark.parametrize(
    "link", ["https:///{}", "https://[acme/bills/part.csv?{}", "http://127.0.0.1:99999/a/b?{}", "{}"]
)
def test_a_link_that_cannot_be_followed_is_told_without_its_key(
    azure: Azure,
    connect: Connect,
    clock: Clock,
    run: Run,
    files: tuple[Path, str],
    caplog: pytest.LogCaptureFixture,
    link: str,
) -> None:
    reporting(azure, files, LINES, blobLink=link.format(f"a/b?{KEY}"))
    with caplog.at_level(logging.DEBUG):
        report = run(Bills(connect(), clock), **NOVEMBER)
    assert report.error is None
    assert [one.outcome for one in report.slices] == ["failed"]
    assert "SECRETKEY" not in caplog.text + str(report)


@pytest.mark.parametrize(
    ("status", "outcome", "says"),
    [({"status": "Failed", "error": {"code": "TooLarge"}}, "failed", "TooLarge"), (None, "waiting", "not written")],
)
def test_a_report_that_fails_or_never_comes(
    azure: Azure,
    connect: Connect,
    clock: Clock,
    run: Run,
    files: tuple[Path, str],
    status: Any,
    outcome: str,
    says: str,
) -> None:
    reporting(azure, files, LINES)
    never = Reply("", 202, {"Retry-After": "100"})
    azure.on(f"GET {COSTS}/costDetailsOperationResults/*", status or never)
    (one,) = run(Bills(connect(), clock), **NOVEMBER).slices
    assert one.outcome == outcome
    assert says in one.message


def test_nobody_is_asked_to_write_anything_in_a_usual_run(
    azure: Azure, connect: Connect, clock: Clock, run: Run, files: tuple[Path, str]
) -> None:
    reporting(azure, files, LINES)
    report = run(Bills(connect(), clock))
    assert "aispend collect azure/bills --from" in (report.error or "")
    assert not azure.asked("generateCostDetailsReport")
