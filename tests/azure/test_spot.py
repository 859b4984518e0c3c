"""Spot markets: prices as steps, evictions as Azure's own bands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.spot import Spot, eviction_rates, spot_prices
from collectors.runner import SourceReport
from sample.azure_double import Azure
from sample.azure_graph import QUERY, Graph
from tests.azure.graph import CUT_OFF

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
SIZE = "standard_nc24ads_a100_v4"


def market(size: str = SIZE, region: str = "eastus", **given: Any) -> dict[str, Any]:
    return {"id": f"/x/{size}/{region}", "size": size, "location": region} | given


def test_prices_are_steps_and_one_without_a_day_holds_from_when_it_was_seen() -> None:
    dated = {"priceUSD": 0.7346, "effectiveDate": "2026-11-01T00:00:00.000Z"}
    told = market(prices=[dated, {"priceUSD": 0.8}, {"priceUSD": 0}])
    later = market(region="westus", prices=[{"priceUSD": 1, "effectiveDate": "2027-01-01T00:00:00Z"}])
    rows = spot_prices([told, later, market("standard_nc999_v9", prices=[{"priceUSD": 1}])], NOW)
    assert [(row["region"], row["changed_at"], row["hourly_price"]) for row in rows] == [
        ("eastus", datetime(2026, 11, 1, tzinfo=UTC), Decimal("0.7346")),
        ("eastus", NOW, Decimal("0.8")),
        ("westus", NOW, Decimal(1)),
    ]
    assert {row["instance_type"] for row in rows} == {"Standard_NC24ads_A100_v4"}
    with pytest.raises(InputError, match="not a price"):
        spot_prices([market(prices=[{"priceUSD": None}])], NOW)


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [("0-5", "0", "0.05"), ("15-20", "0.15", "0.2"), ("20+", "0.2", "1"), ("5 - 10", "0.05", "0.1")],
)
def test_bands_are_shares_an_hour(said: str, low: str, high: str) -> None:
    ((row,), notes) = eviction_rates([market(rate=said)], date(2026, 11, 21))
    assert (row["measure"], row["low"], row["high"], notes) == ("eviction_rate", Decimal(low), Decimal(high), [])


def test_a_band_nobody_knows_is_a_remark_and_none_is_unknown() -> None:
    rows, notes = eviction_rates([market(rate="rarely"), market(rate="")], date(2026, 11, 21))
    assert rows == []
    assert "rarely" in notes[0]


def test_both_are_collected_once_a_day_for_the_regions_in_use(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph = Graph(azure, page=1)
    graph.has("skuspotpricehistory", *(market(region=one, prices=[{"priceUSD": 0.7}]) for one in ("eastus", "westus")))
    graph.has("skuspotevictionrate", market(rate="0-5"), market(region="westus", rate="0-5"))
    report = run(Spot(connect(regions=("eastus",)), clock))
    assert (report.error, report.loaded, report.requests) == (None, 2, {"spotresources.Query": 4})
    asked = [call.body for call in azure.asked("/resources")]
    assert all("subscriptions" not in body for body in asked)
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT region, product, currency FROM spot_price")).all()
        assert rows == [("eastus", "Linux", "USD")]
        assert connection.scalar(text("SELECT count(*) FROM spot_risk")) == 1
    assert run(Spot(connect(regions=("eastus",)), clock)).requests == {}


def test_a_listing_that_is_cut_off_writes_nothing(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    azure.on(QUERY, CUT_OFF)
    report = run(Spot(connect(regions=("eastus",)), clock))
    assert report.failures == 2
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM spot_price")) == 0
