"""Usage to commit to begins where its payer's bills do: before it nobody knows."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from aispend.clock import month_of
from aispend.schema import account, charge
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.loaded_days import loaded_since
from recommender.subjects.usage_pools import load_usage_pools
from tests.recommender.subjects.p4d_fleet import AS_OF, DAY, another_thing, p4d_fleet

SINCE = date(2026, 9, 22)
"""Sixty days before the end."""


@pytest.fixture
def fleet(database: Store) -> Store:
    """One payer's p4d on 20 November, and of the 19th something else."""
    return p4d_fleet(database)


def charged(store: Store, *days: date, payer: int = 1) -> None:
    """Something that is not AI on these days."""
    with store.engine.begin() as connection:
        ensure_partitions(connection, [month_of(day) for day in days])
        connection.execute(
            insert(charge),
            [
                another_thing(day) | {"ordinal": 100 + number, "account_key": payer, "slice_id": 10 + payer}
                for number, day in enumerate(days)
            ],
        )


@pytest.mark.parametrize(
    ("days", "since"),
    [
        ([DAY], DAY - timedelta(days=1)),
        ([date(2026, 11, 3)], date(2026, 11, 3)),
        ([date(2026, 11, 1), date(2026, 10, 1), date(2026, 9, 1)], SINCE),
        # an export that was begun on the 10th
        ([date(2026, 10, 10)], date(2026, 10, 10)),
        # October was never loaded: what September says is on the other side of it
        ([date(2026, 11, 1), date(2026, 9, 1), date(2026, 9, 30)], date(2026, 11, 1)),
    ],
)
def test_bills_are_loaded_from_the_first_day_of_the_months_in_a_row(
    fleet: Store, days: list[date], since: date
) -> None:
    charged(fleet, *days)
    with fleet.engine.connect() as connection:
        assert loaded_since(connection, SINCE, AS_OF.date()) == {("aws", "payer"): since}


def test_each_payer_has_its_own(fleet: Store) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(
            insert(account).values(account_key=2, provider="aws", billing_account_id="other", sub_account_id="two")
        )
    charged(fleet, date(2026, 11, 7), payer=2)
    with fleet.engine.connect() as connection:
        found = loaded_since(connection, SINCE, AS_OF.date())
    assert found == {("aws", "payer"): DAY - timedelta(days=1), ("aws", "other"): date(2026, 11, 7)}


def test_days_that_are_not_loaded_are_no_hours_without_usage(fleet: Store) -> None:
    """Of sixty days asked for two are loaded, of which the machine ran on one: 24 hours of 48, and not of 1,440."""
    with fleet.engine.connect() as connection:
        (pool,) = load_usage_pools(connection, AS_OF, 60, 10)
    assert pool.start.date() == DAY - timedelta(days=1)
    assert pool.usage == (*(Decimal(0),) * 24, *(Decimal(20),) * 12, *(Decimal(0),) * 12)


def test_usage_before_a_month_that_is_not_loaded_is_left_out(fleet: Store) -> None:
    with fleet.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 9, 1)])
        row = connection.execute(charge.select().where(charge.c.resource_key == 1)).one()._asdict()
        of_september = {"billing_month": date(2026, 9, 1), "charge_date": date(2026, 9, 25), "slice_id": 20}
        connection.execute(insert(charge).values(row | of_september))
    with fleet.engine.connect() as connection:
        (pool,) = load_usage_pools(connection, AS_OF, 60, 10)
    assert pool.by_resource == {"i-1": Decimal(240)}
    assert pool.first_seen == DAY
