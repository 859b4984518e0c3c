"""The bill from BigQuery, by the real client, with our own SQL run on the double's tables."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.bills import Bills
from collectors.gcp.clients import GcpClients
from collectors.runner import SourceReport
from tests.gcp.bill import TABLE, line, serve
from tests.gcp.double import Google

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]


def asked(database: Store, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_month_is_rolled_up_there_and_loaded_here(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """24 hours of one machine for 10.5 with credits of 0.1 and 0.2 each: one charge of 244.8."""
    hours = [
        line(
            usage_start_time=f"2026-09-03 {hour:02}:00:00 UTC",
            usage_end_time=f"2026-09-{3 + (hour == 23):02} {(hour + 1) % 24:02}:00:00 UTC",
        )
        for hour in range(24)
    ]
    serve(google, hours)
    report = run(Bills(connect(export=[{"table": TABLE}]), clock))

    assert (report.error, [one.message for one in report.slices]) == (None, [""])
    assert (report.loaded, report.rows) == (1, 27), "24 lines, and Google's cost, credits and net"
    found = asked(database, "SELECT day::text, billed_cost, list_cost, line_count, hours FROM charge")
    assert found == [("2026-09-03", Decimal("244.8"), Decimal(294), 24, 2**24 - 1)]
