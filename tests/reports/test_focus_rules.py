"""Rules of FOCUS 1.2 on single values of the export: what must be null, what must not, and how it is spelt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from aispend.store import Store
from reports.focus import write_focus
from tests.reports.ledger import Ledger, Share

DAY = date(2026, 11, 1)
SKU = {
    "sku_id": "SKU-1",
    "sku_price_id": "PRICE-1",
    "sku_meter": "Meter",
    "sku_price_details": '{"x_Tier": "1"}',
    "pricing_unit": "Hrs",
    "consumed_unit": "seconds",
}

Export = Callable[[Callable[[Ledger, int], None]], list[dict[str, Any]]]


@pytest.fixture
def export(database: Store, tmp_path: Path) -> Export:
    """Rows of a file written from the charges that are inserted."""

    def exported(insert: Callable[[Ledger, int], None]) -> list[dict[str, Any]]:
        with database.engine.begin() as connection:
            ledger = Ledger(connection)
            insert(ledger, ledger.bill("gcp", "B", DAY))
            ledger.roll_up()
        write_focus(database, tmp_path / "focus.parquet")
        rows: list[dict[str, Any]] = pq.read_table(tmp_path / "focus.parquet").to_pylist()
        return rows

    return exported


def one(cost: str = "3", **columns: Any) -> Callable[[Ledger, int], None]:
    """One charge of four equal costs."""

    def insert(ledger: Ledger, bill: int) -> None:
        ledger.charge(
            bill, DAY, [Share((cost,) * 4)], **{"provider": "gcp", "billing_account": "B", "sub_account": "p"} | columns
        )

    return insert


def picked(row: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_a_tax_has_no_sku_price_or_quantity(export: Export) -> None:
    (row,) = export(one(category="Tax", pricing_quantity="0", sku_columns=SKU, kind={"pricing_category": "Standard"}))

    assert picked(row, "PricingQuantity", "PricingUnit", "PricingCategory") == (None, None, None)
    assert picked(row, "ConsumedQuantity", "ConsumedUnit") == (None, None)
    assert picked(row, "SkuId", "SkuPriceId", "SkuMeter", "SkuPriceDetails") == (None, None, None, None)
    assert row["BilledCost"] == 3


@pytest.mark.parametrize("category", ["Purchase", "Credit", "Adjustment"])
def test_only_usage_is_consumed(export: Export, category: str) -> None:
    (row,) = export(one(category=category, pricing_quantity="5", sku_columns=SKU))

    assert picked(row, "ConsumedQuantity", "ConsumedUnit") == (None, None)
    assert picked(row, "PricingQuantity", "PricingUnit") == (5, "Hours")


def test_units_are_in_the_format_of_focus(export: Export) -> None:
    (row,) = export(one(pricing_quantity="5", sku_columns=SKU | {"pricing_unit": "gibibyte hour"}))

    assert picked(row, "PricingQuantity", "PricingUnit") == (5, "GiB-Hours")
    assert picked(row, "ConsumedQuantity", "ConsumedUnit") == (5, "Seconds")


def test_what_hangs_on_a_sku_id_goes_without_it(export: Export) -> None:
    (row,) = export(one(sku_columns=SKU | {"sku_id": None, "sku_price_id": None}))

    assert picked(row, "SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails") == (None, None, None, None)


def test_a_price_without_an_id_is_that_of_its_sku(export: Export) -> None:
    """FOCUS: must not be null for usage, and may equal SkuId."""
    (row,) = export(one(sku_columns=SKU | {"sku_price_id": None}))

    assert picked(row, "SkuId", "SkuPriceId", "SkuMeter") == ("SKU-1", "SKU-1", "Meter")


def test_names_and_types_a_bill_does_not_give(export: Export) -> None:
    (row,) = export(one(region="us-central1", resource_id="projects/p/zones/us-central1-a/instances/42"))

    assert picked(row, "RegionName", "SubAccountName", "SubAccountType") == ("us-central1", "p", "Project")
    assert picked(row, "BillingAccountType", "ResourceType") == ("Billing Account", "instances")


@pytest.mark.parametrize(
    ("category", "frequency"),
    [
        ("Usage", "Usage-Based"),
        ("Tax", "One-Time"),
        ("Credit", "One-Time"),
        ("Adjustment", "One-Time"),
        ("Purchase", None),
    ],
)
def test_a_frequency_the_bill_does_not_give(export: Export, category: str, frequency: str | None) -> None:
    """Its category says it, but for a purchase, which may recur or not."""
    (row,) = export(one(category=category))

    assert row["ChargeFrequency"] == frequency


def test_a_region_with_a_name_alone_goes_by_it(export: Export) -> None:
    """FOCUS allows no name without an id, and Oracle writes the id as the name."""

    def insert(ledger: Ledger, bill: int) -> None:
        one(region="x")(ledger, bill)
        ledger.connection.execute(text("UPDATE location SET region_id = NULL, region_name = 'X' WHERE region_id = 'x'"))

    (row,) = export(insert)

    assert picked(row, "RegionId", "RegionName") == ("X", "X")


def test_nothing_is_named_that_is_not_there(export: Export) -> None:
    (row,) = export(one(sub_account=None))

    assert picked(row, "RegionName", "SubAccountName", "SubAccountType", "ResourceType") == (None,) * 4


def test_a_service_without_category_has_that_of_its_other_charges(export: Export) -> None:
    def insert(ledger: Ledger, bill: int) -> None:
        given = {"service_category": "Compute", "service_subcategory": "Virtual Machines"}
        one("1", service="VM", sku_columns=given)(ledger, bill)
        one("2", service="VM")(ledger, bill)
        one("3", service="VM", sku_columns={"service_category": "Compute"})(ledger, bill)

    rows = export(insert)

    assert {picked(row, "ServiceCategory", "ServiceSubcategory") for row in rows} == {("Compute", "Virtual Machines")}


def test_a_subcategory_nobody_knows_is_the_other_of_its_category(export: Export) -> None:
    """Two subcategories of one service do not say which a third charge has."""

    def insert(ledger: Ledger, bill: int) -> None:
        for number, name in enumerate(("Machine Learning", "Generative AI", None), 1):
            ml = {"service_category": "AI and Machine Learning", "service_subcategory": name}
            one(str(number), service="Vertex AI", sku_columns=ml)(ledger, bill)
        one("4", service="Thing")(ledger, bill)

    by_cost = {row["BilledCost"]: picked(row, "ServiceCategory", "ServiceSubcategory") for row in export(insert)}

    assert by_cost == {
        1: ("AI and Machine Learning", "Machine Learning"),
        2: ("AI and Machine Learning", "Generative AI"),
        3: ("AI and Machine Learning", "Other (AI and Machine Learning)"),
        4: ("Other", "Other (Other)"),
    }


def fee(effective: str | None) -> Callable[[Ledger, int], None]:
    """A fee of 10, of which ``effective`` went unused, in two shares 3 : 2."""

    def insert(ledger: Ledger, bill: int) -> None:
        parts: list[str | None] = (
            [None, None] if effective is None else [str(Decimal(effective) * tenths / 10) for tenths in (6, 4)]
        )
        ledger.charge(
            bill,
            DAY,
            [
                Share(("6", parts[0], "6", "6"), reason="commitment_unused", model="a"),
                Share(("4", parts[1], "4", "4"), reason="commitment_unused", model="b"),
            ],
            provider="gcp",
            billing_account="B",
            category="Purchase",
            pricing_quantity="20",
            commitment_id="cud-1",
            sku_columns=SKU,
            kind={
                "commitment_discount_status": "Unused",
                "pricing_category": "Standard",
                "charge_frequency": "Recurring",
            },
        )

    return insert


def test_what_went_unused_of_a_fee_is_a_usage_row_of_its_own(export: Export) -> None:
    """5 of 10 unused: purchases cost nothing effectively, and each cost still adds up."""
    rows = export(fee("5"))
    names = ("ChargeCategory", "x_Model", "BilledCost", "EffectiveCost", "ListCost", "PricingQuantity")

    assert sorted(picked(row, *names) for row in rows) == [
        ("Purchase", "a", 6, 0, 6, 12),
        ("Purchase", "b", 4, 0, 4, 8),
        ("Usage", "a", 0, 3, 0, 0),
        ("Usage", "b", 0, 2, 0, 0),
    ]
    names = ("ChargeCategory", "CommitmentDiscountStatus", "PricingCategory", "ChargeFrequency", "ConsumedQuantity")
    assert {picked(row, *names) for row in rows} == {
        ("Purchase", None, "Standard", "Recurring", None),
        ("Usage", "Unused", "Committed", "Usage-Based", None),
    }
    assert {row["CommitmentDiscountId"] for row in rows} == {"cud-1"}
    assert {row["ContractedCost"] for row in rows if row["ChargeCategory"] == "Usage"} == {0}


@pytest.mark.parametrize("effective", ["0", None])
def test_a_fee_without_unused_part_is_a_purchase_alone(export: Export, effective: str | None) -> None:
    """An effective cost that is unknown stays unknown."""
    rows = export(fee(effective))

    assert sorted(picked(row, "ChargeCategory", "BilledCost") for row in rows) == [("Purchase", 4), ("Purchase", 6)]
    assert {row["CommitmentDiscountStatus"] for row in rows} == {None}
    assert {row["EffectiveCost"] for row in rows} == {None if effective is None else 0}


def test_a_status_needs_its_commitment(export: Export) -> None:
    """Usage whose commitment the bill does not name is Committed, but neither Used nor Unused."""
    (row,) = export(one(kind={"commitment_discount_status": "Used", "pricing_category": "Committed"}))

    assert picked(row, "CommitmentDiscountId", "CommitmentDiscountStatus") == (None, None)
    assert row["PricingCategory"] == "Committed"


def committed(quantity: int | None, **columns: Any) -> Callable[[Ledger, int], None]:
    """A charge under a commitment whose unit is hours."""

    def insert(ledger: Ledger, bill: int) -> None:
        one(commitment_id="ri-1", **columns)(ledger, bill)
        ledger.connection.execute(text("UPDATE commitment SET commitment_discount_unit = 'Hrs' WHERE provider = 'gcp'"))
        ledger.connection.execute(text("UPDATE charge SET commitment_quantity = :quantity"), {"quantity": quantity})

    return insert


def test_a_commitments_unit_stands_beside_its_quantity_only(export: Export) -> None:
    (row,) = export(committed(2, kind={"commitment_discount_status": "Used"}))

    assert picked(row, "CommitmentDiscountQuantity", "CommitmentDiscountUnit") == (2, "Hours")


@pytest.mark.parametrize(("quantity", "category"), [(None, "Usage"), (2, "Credit")])
def test_no_commitment_quantity_no_unit(export: Export, quantity: int | None, category: str) -> None:
    """Only usage and purchases have one."""
    (row,) = export(committed(quantity, category=category))

    assert picked(row, "CommitmentDiscountQuantity", "CommitmentDiscountUnit") == (None, None)
