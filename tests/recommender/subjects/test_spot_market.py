"""Bands of spot markets: a month's as AWS gives them, an hour's as Azure does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from aispend.schema import charge, spot_risk
from aispend.store import Store
from recommender.kinds.spot_quote import _mtbf
from recommender.subjects.spot_market import Band, OwnSpot, SpotMarkets, of_ends
from tests.recommender.subjects.conftest import DAYS, SPOT, write

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("provider", "size", "measure", "hours", "words"),
    [
        # −730 ÷ ln(1 − 0.025), and −1 ÷ ln(1 − 0.025)
        ("aws", "p5.48xlarge", "interruption_rate", 28833.5, "0 % to 5 % of machines a month"),
        ("azure", "Standard_NC24ads_A100_v4", "eviction_rate", 39.5, "0 % to 5 % of machines an hour"),
    ],
)
def test_hours_between_interruptions(
    database: Store, provider: str, size: str, measure: str, hours: float, words: str
) -> None:
    row = {
        "provider": provider,
        "region": "r",
        "zone": "",
        "instance_type": size,
        "measure": measure,
        "as_of": date(2026, 11, 20),
        "low": Decimal(0),
        "high": Decimal("0.05"),
        "source": f"{provider}/spot",
    }
    with database.engine.begin() as connection:
        connection.execute(insert(spot_risk), [row])
        market = SpotMarkets(connection, AS_OF, 30).market(provider, "r", size)
    assert market is not None
    found = _mtbf(market)
    assert found is not None
    assert found[0] == pytest.approx(hours, rel=1e-4)
    assert words in found[1]


def test_a_band_of_an_hour_is_held_against_a_months() -> None:
    on = date(2026, 11, 20)
    assert Band(0.2, 1, on, "aws").least_a_month == 0.2
    assert Band(0.0, 0.05, on, "azure", 1).least_a_month == 0
    assert Band(0.05, 0.1, on, "azure", 1).least_a_month > 0.99  # 1 − 0.95^730
    assert (Band(0, 1, on, "").per, Band(0, 1, on, "", 1).per) == ("a month", "an hour")


def test_of_machines_that_ended_the_markets_share_was_taken_back() -> None:
    """Of seven 40 % are 2.8: three. None where nobody lost one, and all where no market tells."""
    assert of_ends(100, 7, Decimal("0.4")) == OwnSpot(
        100, 3, "of 7 machines that ended 40 %, the highest share the market took back in a month"
    )
    assert of_ends(100, 7, Decimal(0)).interruptions == 0
    assert of_ends(100, 7, None) == OwnSpot(100, 7, "machines that ended, whoever ended them")


@pytest.mark.parametrize(
    ("shares", "interruptions", "counted"),
    [
        ({1: "0", 15: "0"}, 0, "of 1 machines that ended 0 %"),
        ({1: "0", 15: "0.25"}, 1, "of 1 machines that ended 25 %"),
        ({35: "0"}, 1, "machines that ended, whoever ended them"),  # too old
    ],
)
def test_the_highest_share_of_a_month_counts(
    ledger: Store, shares: dict[int, str], interruptions: int, counted: str
) -> None:
    for days, share in shares.items():
        write(
            ledger, spot_risk, provider="aws", region="us-east-1", zone="", instance_type="p5.48xlarge",
            measure="preemption_share", as_of=(AS_OF - timedelta(days=days)).date(), low=Decimal(share),
            high=Decimal(share), source="gcp/spot",
        )  # fmt: skip
    with ledger.engine.connect() as connection:
        market = SpotMarkets(connection, AS_OF, DAYS).market("aws", "us-east-1", "p5.48xlarge")
    assert market is not None
    assert market.own is not None
    assert market.own.interruptions == interruptions
    assert market.own.counted.startswith(counted)
    assert market.band is None, "a share is no rate"


def own(ledger: Store) -> OwnSpot | None:
    with ledger.engine.connect() as connection:
        market = SpotMarkets(connection, AS_OF, DAYS).market("aws", "us-east-1", "p5.48xlarge")
    return market and market.own


def test_a_daily_bill_has_the_hours_its_quantity_says(ledger: Store) -> None:
    """Three hours a day of 14 days, by a bill that knows no hours: 42 on spot, and not 336."""
    assert (own(ledger) or OwnSpot(0, 0, "")).hours == 336
    with ledger.engine.begin() as connection:
        of_spot = charge.update().where(charge.c.charge_kind_key == SPOT)
        connection.execute(of_spot.values(hours=None, pricing_quantity=Decimal("1.5")))
    assert (own(ledger) or OwnSpot(0, 0, "")).hours == 42


def test_a_month_s_charge_is_of_its_days(ledger: Store) -> None:
    """720 hours of November, from the 1st on: the fourteen days of the window have 336 of them."""
    with ledger.engine.begin() as connection:
        connection.execute(charge.delete().where(charge.c.charge_kind_key == SPOT))
    write(
        ledger, charge,
        billing_month=date(2026, 11, 1), slice_id=1, half=0, ordinal=999, charge_date=date(2026, 11, 1),
        charge_end_date=date(2026, 12, 1), account_key=1, sku_key=2, location_key=1, resource_key=3, tag_set_key=0,
        commitment_key=0, charge_kind_key=SPOT, billed_cost=600, pricing_quantity=720, line_count=1,
    )  # fmt: skip
    assert own(ledger) == OwnSpot(336, 1, "machines that ended, whoever ended them")
