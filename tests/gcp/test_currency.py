"""A bill in euros stays in euros, with the rates it names; and a roll-up of any length needs the memory of a page."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors import table_file
from collectors.gcp import queries
from collectors.gcp.bills import Bills
from collectors.gcp.clients import GcpClients
from collectors.gcp.queries import rows
from collectors.runner import SourceReport
from tests.gcp.bill import TABLE, line, serve
from tests.gcp.double import Google

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]


def asked_of(database: Store, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_bill_in_euros_keeps_its_currency_and_its_rates(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """10.5 less credits of 0.1 and 0.2, at 0.92 euros to the dollar; and 100 in October, at 0.93."""
    euros = {"currency": "EUR", "currency_conversion_rate": 0.92}
    later = {"usage_start_time": "2026-10-03 07:00:00 UTC", "usage_end_time": "2026-10-03 08:00:00 UTC"}
    october = line(
        **euros | {"currency_conversion_rate": 0.93}, cost=100.0, credits=[], invoice={"month": "202610"}, **later
    )
    serve(google, [line(**euros), line(**euros, cost=1.0, credits=[]), october])
    report = run(Bills(connect(export=[{"table": TABLE}]), clock))
    assert (report.error, report.loaded) == (None, 2)

    charged = "SELECT billing_currency, billed_cost FROM charge JOIN charge_kind USING (charge_kind_key) ORDER BY 2"
    assert asked_of(database, charged) == [("EUR", Decimal("11.2")), ("EUR", Decimal(100))]
    rates = "SELECT base, quote, valid_from::text, rate FROM exchange_rate ORDER BY valid_from"
    assert asked_of(database, rates) == [
        ("USD", "EUR", "2026-09-01", Decimal("0.92")),
        ("USD", "EUR", "2026-10-01", Decimal("0.93")),
    ]
    totals = "SELECT currency, sum(amount) FROM provider_total WHERE metric = 'NetCost' GROUP BY currency"
    assert asked_of(database, totals) == [("EUR", Decimal("111.2"))]


def test_a_bill_of_two_currencies_adds_neither_to_the_other(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    serve(google, [line(), line(currency="EUR", currency_conversion_rate=0.92)])
    run(Bills(connect(export=[{"table": TABLE}]), clock))
    charged = "SELECT billing_currency, billed_cost FROM charge JOIN charge_kind USING (charge_kind_key) ORDER BY 1"
    assert asked_of(database, charged) == [("EUR", Decimal("10.2")), ("USD", Decimal("10.2"))]
    totals = "SELECT currency, amount FROM provider_total WHERE metric = 'NetCost' ORDER BY currency"
    assert asked_of(database, totals) == [("EUR", Decimal("10.2")), ("USD", Decimal("10.2"))]


def test_a_long_answer_is_pages_in_memory(
    google: Google, connect: Connect, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five times the rows, five times the pages, the same peak: what is held are pages, and a batch of the file.

    A tenth of the size of what a company has: pages of 1,000 rows, and 20,000 rows of them.
    """
    serve(google, [line()])
    clients = connect(export=[{"table": TABLE}])
    table = Bills(clients, clock)._table(TABLE, None)
    total = 0

    def result(name: str, *, first: int, most: int) -> dict[str, Any]:
        """A page of a long answer, whose rows are all the same."""
        fields = [{"name": "sku_id", "type": "STRING"}, {"name": "cost", "type": "BIGNUMERIC"}]
        found = {"jobReference": google.bigquery.job(name)["jobReference"], "jobComplete": True}
        found |= {"schema": {"fields": fields}, "totalRows": str(total)}
        more = {"pageToken": str(first + most)} if first + most < total and most else {}
        return found | {"rows": [{"f": [{"v": "6F81"}, {"v": "1.25"}]}] * min(most, total - first)} | more

    monkeypatch.setattr(google.bigquery, "results", result)
    monkeypatch.setattr(queries, "PAGE", 1_000)
    monkeypatch.setattr(table_file, "_BATCH", 2_000)
    peaks, sizes = [], []
    for total in (10, 4_000, 20_000):  # with the first, what is imported
        google.calls.clear()
        tracemalloc.start()
        with table_file.table_file(tmp_path / f"{total}.parquet", {"sku_id": "text", "cost": "amount"}) as write:
            assert write(rows(clients, table, "SELECT 1 AS one", {"month": "202609"}, "a test")) == total
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        asked = [one for name, one in google.calls if name == "bigquery.jobs.getQueryResults"]
        sizes.append([int(one["maxResults"]) for one in asked if one["maxResults"] != "0"])

    assert sizes[2] == [1_000] * 20
    assert peaks[2] < 1.1 * peaks[1], peaks
