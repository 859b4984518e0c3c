"""A bill that tells whole months alone, and telemetry that is fresh: advice stands on any day of the month."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from aispend.clock import Clock, next_month
from aispend.schema import charge, recommendation, slice_, why_not
from aispend.settings import Settings
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.run import recommend
from tests.recommender.test_run import ON_DEMAND, fleet

__all__ = ["fleet"]

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


def _month(connection: Connection, month: date, cost: int, loaded: datetime) -> None:
    """One charge of a month for the idle node, and none of a day; of the running month what it came to so far."""
    connection.execute(delete(charge))
    connection.execute(update(slice_).values(period=month, loaded_at=loaded))
    connection.execute(
        insert(charge).values(
            billing_month=month, slice_id=select(slice_.c.slice_id).scalar_subquery(), half=0, ordinal=1,
            charge_date=month, charge_end_date=next_month(month), account_key=1, sku_key=1, location_key=1,
            resource_key=11, tag_set_key=0, commitment_key=0, charge_kind_key=ON_DEMAND, billed_cost=cost,
            effective_cost=cost, list_cost=cost, line_count=1,
        )
    )  # fmt: skip


def _found(store: Store) -> Any:
    with store.engine.connect() as connection:
        return connection.execute(select(recommendation).where(recommendation.c.resource_id == "i-idle")).one_or_none()


def test_a_month_to_date_with_fresh_telemetry_is_advised_on(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """9,600 for the 20 days of November that were loaded on the 21st are 480 a day, and 14,600 for 730 hours."""
    with fleet.engine.begin() as connection:
        _month(connection, NOVEMBER, 9600, datetime(2026, 11, 21, 4, tzinfo=UTC))
    report = recommend(fleet.engine, store_settings, clock)
    assert (report.evidence_end, report.is_stale) == (datetime(2026, 11, 21, tzinfo=UTC), False)
    found = _found(fleet)
    assert (found.kind, found.state, found.monthly_saving_net) == ("stop_idle", "open", Decimal("14600.00"))
    assert (found.evidence["coverage"], found.evidence["cost_until"]) == (1.0, "2026-11-20")


@pytest.mark.parametrize(("day", "state"), [(27, "open"), (29, "expired")])
def test_it_stands_a_week_after_the_bill_was_loaded_last(
    fleet: Store, store_settings: Settings, clock: Clock, day: int, state: str
) -> None:
    with fleet.engine.begin() as connection:
        _month(connection, NOVEMBER, 9600, datetime(2026, 11, 21, 4, tzinfo=UTC))
    recommend(fleet.engine, store_settings, clock)
    recommend(fleet.engine, store_settings, lambda: datetime(2026, 11, day, 12, tzinfo=UTC))
    assert _found(fleet).state == state


def test_of_last_month_alone_nothing_is_advised_and_the_reason_is_said(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """October came on the 4th; on the 21st nobody can say that the node is still there, or what it costs."""
    with fleet.engine.begin() as connection:
        ensure_partitions(connection, [OCTOBER])
        _month(connection, OCTOBER, 14880, datetime(2026, 11, 4, tzinfo=UTC))
    report = recommend(fleet.engine, store_settings, clock)
    assert (report.evidence_end, report.is_stale, report.advice) == (datetime(2026, 11, 1, tzinfo=UTC), True, 0)
    with fleet.engine.connect() as connection:
        reasons = {
            row.kind: row for row in connection.execute(select(why_not).where(why_not.c.resource_id == "i-idle"))
        }
    assert reasons["stop_idle"].reason == "telemetry_missing"
    assert "Its bills end with 2026-10-31" in reasons["stop_idle"].explanation
