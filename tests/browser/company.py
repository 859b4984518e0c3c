"""A company whose every number on the pages is worked out by hand.

======== ============================================= ======== ==================
day      shares (effective; list is twice that)        currency what
======== ============================================= ======== ==================
10-01    llama used 6, idle 4                          USD      final
10-20    llama trained: 8 failed (run tune-1), 12 not  USD      final
11-01    llama used 7.5, idle 5                        USD      provisional
11-02    claude 0.10, credit on llama −0.60            USD      provisional
11-02    gemma 40.000000000001, a hostile name 2,      EUR      list cost unknown
         of a run of that name which failed
======== ============================================= ======== ==================

November to date in USD: 7.5 + 5 + 0.1 − 0.6 = 12; the first two days of October: 10; so +20 %.
Mean of the days with data of the last seven: (12.5 − 0.5) / 2 = 6; by run rate the month ends at 12 + 28 × 6 = 180,
at list price at 360. What the analysis says of it is in ``results.py``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, update
from sqlalchemy import insert as insert_into

from aispend.schema import resource
from tests.browser import results
from tests.reports.ledger import Ledger, Share
from tests.reports.samples import insert_results

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
HOSTILE = "<b>*bold*</b> :material/home: $x$"
_LLAMA = {"model": "llama-3-70b", "team": "search", "stage": "inference_online"}


def insert(connection: Connection) -> None:
    """Insert it, with unit costs, advice and reasons for none from ``tests/reports/samples.py``."""
    ledger = Ledger(connection)
    october = ledger.bill("aws", "111", OCTOBER, state="final", loaded_at=datetime(2026, 11, 5, 6, tzinfo=UTC))
    november = ledger.bill("aws", "111", NOVEMBER)
    google = ledger.bill("gcp", "BA-1", NOVEMBER, known=("billed_cost", "effective_cost"))
    instance: dict[str, Any] = {"provider": "aws", "sub_account": "222", "service": "Amazon EC2"}
    trained = _LLAMA | {"stage": "fine_tuning"}
    ledger.charge(october, date(2026, 10, 1), [_usd("6", **_LLAMA), _usd("4", reason="idle", **_LLAMA)], **instance)
    ledger.charge(
        october,
        date(2026, 10, 20),
        [_usd("8", workload="tune-1", **trained), _usd("12", workload="tune-2", **trained)],
        **instance,
    )
    ledger.charge(november, date(2026, 11, 1), [_usd("7.5", **_LLAMA), _usd("5", reason="idle", **_LLAMA)], **instance)
    claude = _usd("0.1", model="claude", stage="inference_online", reason="direct")
    ledger.charge(november, date(2026, 11, 2), [claude], provider="aws", service="Amazon Bedrock")
    ledger.charge(november, date(2026, 11, 2), [_usd("-0.6", reason="credit", **_LLAMA)], category="Credit", **instance)
    ledger.charge(
        google,
        date(2026, 11, 2),
        [
            Share(("40.000000000001", "40.000000000001", None, None), model="gemma", stage="training", reason="direct"),
            Share(("2", "2", None, None), model=HOSTILE, stage="training", workload=HOSTILE, reason="direct"),
        ],
        provider="gcp",
        billing_account="BA-1",
        service="Vertex AI",
        currency="EUR",
    )
    ledger.roll_up()
    insert_results(connection)
    results.insert_outlook(connection, HOSTILE)
    results.insert_economics(connection, HOSTILE)
    connection.execute(update(resource).where(resource.c.resource_key == 1).values(resource_name="search-canary"))
    connection.execute(
        insert_into(resource).values(resource_key=9, provider="aws", resource_id="i-9", fleet="batch-pool")
    )


def _usd(amount: str, **what: Any) -> Share:
    double = str(2 * Decimal(amount))
    return Share((amount, amount, double, double), **what)
