"""A small fleet of one family and payer, written as charges, and decisions on it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from aispend.clock import month_of
from aispend.schema import (
    account,
    charge,
    charge_kind,
    commitment,
    commitment_term,
    location,
    price,
    recommendation,
    resource,
    saving_baseline,
    sku,
)
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.usage_pools import UsagePool, load_usage_pools
from tests.reports.samples import advice

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
DAY = date(2026, 11, 20)
DEMAND, SPOT, COVERED = 1, 2, 3
MORNING = (1 << 12) - 1


def p4d_fleet(database: Store) -> Store:
    """One payer's p4d: 240 a day on demand in the morning only, a spot one, one covered until next month for 120.

    Of the day before the payer's bill has other things alone.
    """
    with database.engine.begin() as connection:
        ensure_partitions(connection, [month_of(DAY)])
        connection.execute(
            insert(account).values(account_key=1, provider="aws", billing_account_id="payer", sub_account_id="one")
        )
        connection.execute(insert(location).values(location_key=1, provider="aws", region_id="us-east-1"))
        connection.execute(insert(sku).values(sku_key=1, provider="aws", is_ai=True, platform="gpu_vm"))
        connection.execute(insert(commitment).values(commitment_key=9, provider="aws", commitment_discount_id="sp-9"))
        connection.execute(
            insert(commitment_term).values(
                provider="aws", commitment_id="sp-9", kind="savings_plan", description="p4d", currency="USD",
                state="active", source="aws",
                starts_at=AS_OF - timedelta(days=345), ends_at=AS_OF + timedelta(days=20), as_of=AS_OF,
            )
        )  # fmt: skip
        for key, category in ((DEMAND, "Standard"), (SPOT, "Dynamic"), (COVERED, "Committed")):
            connection.execute(
                insert(charge_kind).values(
                    charge_kind_key=key, charge_category="Usage", pricing_category=category, billing_currency="USD"
                )
            )
        for key, (kind, hours, effective, listed) in enumerate(
            ((DEMAND, MORNING, 240, 300), (SPOT, None, 70, 240), (COVERED, None, 80, 120)), start=1
        ):
            connection.execute(
                insert(resource).values(
                    resource_key=key, provider="aws", resource_id=f"i-{key}", instance_type="p4d.24xlarge"
                )
            )
            values: dict[str, Any] = {
                "billing_month": month_of(DAY), "slice_id": 1, "half": 0, "ordinal": key, "charge_date": DAY,
                "account_key": 1, "sku_key": 1, "location_key": 1, "resource_key": key, "tag_set_key": 0,
                "commitment_key": 9 if kind == COVERED else 0, "charge_kind_key": kind, "hours": hours,
                "effective_cost": effective, "list_cost": listed, "contracted_cost": listed, "line_count": 1,
            }  # fmt: skip
            connection.execute(insert(charge).values(values))
        connection.execute(insert(sku).values(sku_key=90, provider="aws", is_ai=False))
        connection.execute(insert(charge).values(another_thing(DAY - timedelta(days=1))))
        for term, hourly in (("on_demand", "20"), ("1y", "12")):
            connection.execute(
                insert(price).values(
                    provider="aws", region="us-east-1", instance_type="p4d.24xlarge", term=term, currency="USD",
                    valid_from=DAY, hourly_price=hourly, source="price list",
                )
            )  # fmt: skip
    return database


def another_thing(day: date) -> dict[str, Any]:
    """A charge of the payer that is not AI."""
    return {
        "billing_month": month_of(day), "slice_id": 1, "half": 0, "ordinal": 90, "charge_date": day, "account_key": 1,
        "sku_key": 90, "location_key": 1, "resource_key": 0, "tag_set_key": 0, "commitment_key": 0,
        "charge_kind_key": DEMAND, "hours": None, "effective_cost": 1, "list_cost": 1, "contracted_cost": 1,
        "line_count": 1,
    }  # fmt: skip


def load(store: Store, expiring_days: int = 60) -> UsagePool:
    with store.engine.connect() as connection:
        (found,) = load_usage_pools(connection, AS_OF, 2, expiring_days)
    return found


def at_list(store: Store) -> None:
    """On demand is paid at list."""
    with store.engine.begin() as connection:
        connection.execute(charge.update().where(charge.c.resource_key == 1).values(list_cost=240))


def decide(
    store: Store,
    number: int,
    state: str,
    *,
    target: str,
    kind: str = "rightsize",
    of: str = "i-1",
) -> None:
    """A proposal to save half of the cost of i-1, or ``of`` another, in a state."""
    with store.engine.begin() as connection:
        connection.execute(
            insert(recommendation),
            [
                advice(
                    number,
                    state=state,
                    kind=kind,
                    target=target,
                    monthly_cost=Decimal(100),
                    monthly_saving_effective=Decimal(50),
                    acts_on={of: {"monthly_cost": "100", "counted_net": "50"}},
                )
            ],
        )


def measure(store: Store, number: int, done_on: date | None) -> None:
    """What the decision of that number acts on was measured; ``done_on`` None: it is to be done yet."""
    with store.engine.begin() as connection:
        connection.execute(
            insert(saving_baseline).values(
                recommendation_id=f"{number:08d}aaaa", kind="rightsize", provider="aws", currency="USD",
                counterfactual="same_hours", accepted_at=AS_OF, done_on=done_on, window_first=DAY, window_end=DAY,
                days=1, unit="hour", sku_key=0, parts={}, scopes=[],
            )
        )  # fmt: skip
