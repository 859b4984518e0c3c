"""What a committed hour costs of one on demand: at what is paid, and at SageMaker by what is done."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import insert, select

from aispend.schema import charge, price, resource, sku
from aispend.store import Store
from recommender.subjects.usage_pools import load_usage_pools
from tests.recommender.subjects.p4d_fleet import AS_OF, DAY, at_list, load, p4d_fleet


@pytest.fixture
def fleet(database: Store) -> Store:
    """One payer's p4d, of which one is on demand in the morning, one on spot and one covered until next month."""
    return p4d_fleet(database)


@pytest.mark.parametrize(
    ("listed", "expiring_days", "paid", "part"),
    [
        # 240 of 300: an hour on demand costs 16 of 20, and a committed one still 12
        (300, 10, "0.8", "0.75"),
        # what ends soon is at 120 of 120: 360 of 420 together, so 12 of 17.14
        (300, 60, "0.857142857143", "0.7"),
        # more is paid than is listed
        (200, 10, "1", "0.6"),
        (None, 10, "1", "0.6"),
    ],
)
def test_a_discount_on_demand_is_none_on_committed_hours(
    fleet: Store, listed: int | None, expiring_days: int, paid: str, part: str
) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(charge.update().where(charge.c.resource_key == 1).values(list_cost=listed))
    (rate,) = load(fleet, expiring_days=expiring_days).rates
    assert (rate.paid, round(rate.rate, 9)) == (Decimal(paid), Decimal(part))


def test_what_was_billed_nothing_says_nothing_of_a_price(fleet: Store) -> None:
    """Machines of a block that was paid in advance cost 0 an hour: the others are still paid for at 0.8 of list."""
    with fleet.engine.begin() as connection:
        row = connection.execute(select(charge).where(charge.c.resource_key == 1)).one()._asdict()
        connection.execute(insert(charge).values(row | {"ordinal": 9, "resource_key": 8, "effective_cost": 0}))
        connection.execute(
            insert(resource).values(resource_key=8, provider="aws", resource_id="i-8", instance_type="p4d.24xlarge")
        )
    assert [one.paid for one in load(fleet, expiring_days=10).rates] == [Decimal("0.8")]


@pytest.mark.parametrize(
    ("usage_type", "rates"),
    [
        ("USE1-Host:ml.g5.2xlarge", [("Host:ml.g5.2xlarge", Decimal("0.5"))]),
        ("Host:ml.g5.2xlarge", [("Host:ml.g5.2xlarge", Decimal("0.5"))]),
        # training has no committed price here
        ("USE1-Train:ml.g5.2xlarge", []),
    ],
)
def test_a_machine_of_sagemaker_costs_what_its_usage_does(
    fleet: Store, usage_type: str, rates: list[tuple[str, Decimal]]
) -> None:
    """The list has hosting at 10 an hour and 5 committed, and nothing under the machine's name alone."""
    at_list(fleet)
    with fleet.engine.begin() as connection:
        connection.execute(
            insert(sku).values(
                sku_key=5, provider="aws", is_ai=True, instance_type="ml.g5.2xlarge", usage_type=usage_type
            )
        )
        connection.execute(charge.update().where(charge.c.resource_key == 1).values(sku_key=5))
        for term, hourly in (("on_demand", "10"), ("1y", "5")):
            connection.execute(
                insert(price).values(
                    provider="aws", region="us-east-1", instance_type="Host:ml.g5.2xlarge", term=term, currency="USD",
                    valid_from=DAY, hourly_price=hourly, source="price list",
                )
            )  # fmt: skip
    with fleet.engine.connect() as connection:
        (found,) = [one for one in load_usage_pools(connection, AS_OF, 2, 10) if one.family == "ml.g5"]
    assert [(one.instance_type, one.rate) for one in found.rates] == rates
    assert list(found.by_type) == [usage_type.removeprefix("USE1-")]
