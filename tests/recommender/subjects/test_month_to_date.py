"""A month that is not over, in a bill by the month: what it came to so far is of the days until it was loaded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from aispend.schema import charge, slice_
from aispend.store import Store
from recommender.subjects.storage import own_costs
from tests.recommender.subjects.p4d_fleet import DAY, load, p4d_fleet

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


@pytest.fixture
def monthly(database: Store) -> Store:
    """4,800 for November's use of i-1 in a bill that was loaded on the 21st, all of it by the month."""
    store = p4d_fleet(database)
    with store.engine.begin() as connection:
        connection.execute(
            insert(slice_).values(
                slice_id=1, kind="bill", source="files", provider="aws", scope="payer", period=NOVEMBER,
                dataset="cur", columns_known=["effective_cost"], state="open",
                loaded_at=datetime(2026, 11, 21, 5, tzinfo=UTC),
            )
        )  # fmt: skip
        connection.execute(
            charge.update().values(
                charge_date=NOVEMBER, charge_end_date=DECEMBER, effective_cost=4800, list_cost=6000, hours=None
            )
        )
    return store


def test_usage_to_commit_to_is_of_the_days_so_far(monthly: Store) -> None:
    """240 on each of 20 days, 10 in every hour of the two of the window; of 30 days they would be 6.67."""
    found = load(monthly, expiring_days=10)
    assert found.usage == (Decimal(10),) * 48
    assert [(cost.day, cost.effective_cost) for cost in found.costs] == [
        (DAY - timedelta(days=1), Decimal(240)),
        (DAY, Decimal(240)),
    ]


def test_what_is_kept_costs_what_it_did_on_the_days_so_far(monthly: Store) -> None:
    with monthly.engine.connect() as connection:
        costs = own_costs(connection, [1], NOVEMBER, DAY + timedelta(days=1))[1]["USD"]
    assert [cost.effective_cost for cost in costs] == [Decimal(240)] * 20


def test_beside_a_charge_of_a_day_a_month_is_all_of_its_days(monthly: Store) -> None:
    """The bill is by the day then, and a use of a month charged at once: 160 on each of thirty days."""
    with monthly.engine.begin() as connection:
        of_a_day = charge.update().where(charge.c.resource_key == 2)
        connection.execute(of_a_day.values(charge_date=DAY, charge_end_date=None))
    with monthly.engine.connect() as connection:
        costs = own_costs(connection, [1], NOVEMBER, DAY + timedelta(days=1))[1]["USD"]
    assert [cost.effective_cost for cost in costs] == [Decimal(160)] * 20
