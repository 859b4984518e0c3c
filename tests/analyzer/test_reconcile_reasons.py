"""Each AI resource of the last thirty days is answered: by advice, by what that acts on, or by a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, text

from aispend.schema import why_not
from analyzer.reconcile_reasons import every_resource_has_its_reason
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_reconcile_advice import advise

LATER = datetime(2026, 11, 21, tzinfo=UTC)


def test_each_is_answered_or_named(ledger: Ledger) -> None:
    """Up to 30 October: i-old was last used on the 1st, the 30th day back is the 1st; 30 September is out."""
    for name, day, cost in (
        ("i-gone", "2026-09-30", "9"),
        ("i-old", "2026-10-01", "1"),
        ("i-a", "2026-10-30", "2"),
        ("i-b", "2026-10-30", "3"),
        ("i-c", "2026-10-30", "4"),
    ):
        ledger.charge(day, cost, resource_id=name, **GPU_HOUR)
    ledger.charge("2026-10-30", "5", resource_id="db", is_ai=False)
    ledger.charge("2026-11-30", "6", resource_id="seats", provider="own", month="2026-10-01", **GPU_HOUR)
    with ledger.store.engine.begin() as connection:
        assert list(every_resource_has_its_reason(connection)) == []  # nothing was advised yet

        advise(connection, "x", resource_id="service:s", acts_on={"i-a": {}}, updated_at=LATER)
        advise(connection, "y", resource_id="i-c", state="gone")
        reason(connection, "i-b")
        assert shown(connection) == [(2, 4, False, "nothing is said of i-c, i-old; run aispend recommend")]

        reason(connection, "i-old")
        reason(connection, "i-c")
        assert shown(connection) == [(4, 4, True, "equal")]

        connection.execute(text("DELETE FROM why_not WHERE resource_id = 'i-old'"))
        connection.execute(text("UPDATE slice SET loaded_at = '2026-11-22T00:00Z'"))
        assert shown(connection) == [
            (3, 4, True, "bills came since advice was made; run aispend recommend: nothing is said of i-old")
        ]


def reason(connection: Any, name: str) -> None:
    connection.execute(
        insert(why_not).values(
            resource_key=1, provider="aws", resource_id=name, kind="stop_idle", reason="busy", explanation="It was.",
            currency="USD", at=LATER,
        )
    )  # fmt: skip


def shown(connection: Any) -> list[tuple[Any, ...]]:
    return [(one.ours, one.theirs, one.holds, one.cause) for one in every_resource_has_its_reason(connection)]
