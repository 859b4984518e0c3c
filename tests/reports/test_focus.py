"""The FOCUS export: the invariants of FOCUS 1.2 that matter, and that it adds up to the bill."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection, text

from aispend.errors import UsageError
from aispend.store import Store
from reports.focus import write_focus
from reports.focus_columns import FOCUS, MANDATORY
from reports.views import Window
from tests.reports.ledger import Ledger, Share

FOCUS_NAMES = [column.name for column in FOCUS if not column.name.startswith("x_")]
CATEGORIES = {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}
COST_COLUMNS = {
    "BilledCost": "billed_cost",
    "EffectiveCost": "effective_cost",
    "ListCost": "list_cost",
    "ContractedCost": "contracted_cost",
}


@pytest.fixture
def exported(database: Store, tmp_path: Path) -> pa.Table:
    """The company's ledger as Parquet, read back."""
    write_focus(database, tmp_path / "focus.parquet")
    return pq.read_table(tmp_path / "focus.parquet")


def test_columns_are_focus_1_2_and_ours(exported: pa.Table) -> None:
    """52 of the 57 columns (no unit prices, no PricingCurrency costs), sorted, then ours with the prefix."""
    assert exported.column_names == [column.name for column in FOCUS]
    assert len(FOCUS_NAMES) == 52
    assert sorted(FOCUS_NAMES) == FOCUS_NAMES
    assert all(name.startswith("x_") for name in exported.column_names[52:])


def test_types_are_explicit(exported: pa.Table) -> None:
    types = {field.name: field.type for field in exported.schema}

    assert types["BilledCost"] == pa.decimal128(38, 12)
    assert types["PricingQuantity"] == pa.decimal128(38, 12)
    assert types["BillingAccountId"] == pa.string()
    assert types["ChargePeriodStart"] == pa.timestamp("us", tz="UTC")
    assert types["x_IsAI"] == pa.bool_()


def test_mandatory_columns_are_never_null_where_the_bill_says(exported: pa.Table) -> None:
    """All but the list and contracted costs that Google's bill and the tax line do not give."""
    nulls = {name: exported[name].null_count for name in MANDATORY if exported[name].null_count}

    assert nulls == {"ListCost": 2, "ContractedCost": 2}


def test_periods_are_half_open_days_in_billing_months(exported: pa.Table) -> None:
    for row in exported.to_pylist():
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
        assert row["BillingPeriodStart"].day == 1
        assert row["BillingPeriodStart"] < row["BillingPeriodEnd"]
    october = next(row for row in exported.to_pylist() if row["BillingPeriodStart"].month == 10)
    assert october["BillingPeriodEnd"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert october["ChargePeriodEnd"] == datetime(2026, 11, 1, tzinfo=UTC)


def test_values_of_closed_sets(exported: pa.Table) -> None:
    rows = exported.to_pylist()

    assert {row["ChargeCategory"] for row in rows} <= CATEGORIES
    assert {row["ChargeClass"] for row in rows} <= {None, "Correction"}
    assert {row["PricingCategory"] for row in rows} <= {None, "Standard", "Dynamic", "Committed", "Other"}
    assert {row["CommitmentDiscountStatus"] for row in rows} <= {None, "Used", "Unused"}
    assert all(len(row["BillingCurrency"]) == 3 and row["BillingCurrency"].isupper() for row in rows)


def test_no_empty_text_stands_for_unknown(exported: pa.Table) -> None:
    assert not [name for name in exported.column_names for value in exported[name].to_pylist() if value == ""]


def test_units_stand_beside_quantities_only(exported: pa.Table) -> None:
    for row in exported.to_pylist():
        assert (row["PricingUnit"] is None) or (row["PricingQuantity"] is not None)
        assert (row["ConsumedUnit"] is None) or (row["ConsumedQuantity"] is not None)
        assert row["CommitmentDiscountStatus"] is None or row["CommitmentDiscountId"] is not None


def test_costs_add_up_to_the_bill_exactly(exported: pa.Table, database: Store) -> None:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in exported.to_pylist():
        for name in COST_COLUMNS:
            sums[row["BillingCurrency"], name] += row[name] or Decimal(0)

    with database.engine.connect() as connection:
        for currency in ("USD", "EUR"):
            for name, column in COST_COLUMNS.items():
                bill = connection.scalar(
                    text(
                        f"SELECT coalesce(sum({column}), 0) FROM charge JOIN charge_kind USING (charge_kind_key)"
                        " WHERE billing_currency = :currency"
                    ),
                    {"currency": currency},
                )
                assert sums[currency, name] == bill


def test_quantities_are_divided_with_the_cost_and_add_up(exported: pa.Table) -> None:
    """24 hours shared 6 : 4 and 7.5 : 5."""
    rows = [row for row in exported.to_pylist() if row["x_Reason"] in ("used", "idle")]
    by_day = sorted((row["ChargePeriodStart"].date(), row["x_Reason"], row["PricingQuantity"]) for row in rows)

    assert by_day == [
        (date(2026, 10, 31), "idle", Decimal("9.6")),
        (date(2026, 10, 31), "used", Decimal("14.4")),
        (date(2026, 11, 1), "idle", Decimal("9.6")),
        (date(2026, 11, 1), "used", Decimal("14.4")),
    ]


def test_quantities_that_do_not_divide_lose_nothing(database: Store, tmp_path: Path) -> None:
    """One unit over three equal shares is 0.333333333333 twice and 0.333333333334 once; with no cost at all, evenly."""
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        bill = ledger.bill("aws", "1", date(2026, 11, 1))
        for day, amount in ((1, "1"), (2, "0")):
            shares = [Share((amount,) * 4, model=model) for model in ("a", "b", "c")]
            ledger.charge(bill, date(2026, 11, day), shares, provider="aws", pricing_quantity="1")
        ledger.roll_up()

    write_focus(database, tmp_path / "focus.parquet")

    for day in (1, 2):
        rows = pq.read_table(tmp_path / "focus.parquet").to_pylist()
        quantities = sorted(row["PricingQuantity"] for row in rows if row["ChargePeriodStart"].day == day)
        assert quantities == [Decimal("0.333333333333"), Decimal("0.333333333333"), Decimal("0.333333333334")]


PAIR = "azure_actual+azure_amortized"


def test_halves_of_an_azure_pair_complete_each_other(database: Store, tmp_path: Path) -> None:
    """Billed stands on the actual half, effective on the amortised: the other is 0 there, not unknown."""
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        bill = ledger.bill("azure", "1", date(2026, 11, 1), dataset=PAIR, known=("billed_cost", "effective_cost"))
        ledger.charge(bill, date(2026, 11, 1), [Share(("5", None, None, None))], provider="azure", half=1)
        ledger.charge(bill, date(2026, 11, 1), [Share((None, "4", None, None))], provider="azure", half=2)
        ledger.roll_up()

    report = write_focus(database, tmp_path / "focus.parquet")

    rows = pq.read_table(tmp_path / "focus.parquet").to_pylist()
    assert [(row["BilledCost"], row["EffectiveCost"], row["ListCost"]) for row in rows] == [
        (Decimal(5), Decimal(0), None),
        (Decimal(0), Decimal(4), None),
    ]
    assert report.nulls == {"ListCost": 2, "ContractedCost": 2}


def test_an_unknown_cost_of_the_half_that_gives_it_is_not_zero(database: Store, tmp_path: Path) -> None:
    """The amortised half gives effective and list cost; one of its charges states neither."""
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        bill = ledger.bill(
            "azure", "1", date(2026, 11, 1), dataset=PAIR, known=("billed_cost", "effective_cost", "list_cost")
        )
        for half, costs in (
            (1, ("5", None, None, None)),
            (2, (None, "4", "6", None)),
            (2, (None, None, None, None)),
        ):
            ledger.charge(bill, date(2026, 11, 1), [Share(costs)], provider="azure", half=half)
        ledger.roll_up()

    report = write_focus(database, tmp_path / "focus.parquet")

    rows = pq.read_table(tmp_path / "focus.parquet").to_pylist()
    assert [(row["BilledCost"], row["EffectiveCost"], row["ListCost"]) for row in rows] == [
        (Decimal(5), Decimal(0), Decimal(0)),
        (Decimal(0), Decimal(4), Decimal(6)),
        (Decimal(0), None, None),
    ]
    assert report.nulls == {"EffectiveCost": 1, "ListCost": 1, "ContractedCost": 3}


def test_ai_columns(exported: pa.Table) -> None:
    (claude,) = [row for row in exported.to_pylist() if row["x_Model"] == "claude"]

    assert claude["x_Stage"] == "inference_online"
    assert claude["x_Team"] is None
    assert claude["x_Reason"] == "direct"
    assert claude["x_IsAI"] is True
    assert claude["x_Confidence"] == Decimal("0.9")


def test_csv_says_the_same(exported: pa.Table, database: Store, tmp_path: Path) -> None:
    write_focus(database, tmp_path / "focus.csv")
    with (tmp_path / "focus.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))

    assert len(rows) == exported.num_rows == 9
    assert list(rows[0]) == exported.column_names
    assert [Decimal(row["BilledCost"]) for row in rows] == exported["BilledCost"].to_pylist()
    assert rows[-1]["BilledCost"] == "40.000000000001"
    assert rows[0]["ChargePeriodStart"] == "2026-10-31T00:00:00Z"
    assert rows[-1]["ListCost"] == ""


def test_window_and_axis(company: Connection, database: Store, tmp_path: Path) -> None:
    days = Window(date(2026, 11, 1), date(2026, 11, 2))
    months = Window(date(2026, 10, 1), date(2026, 11, 1))

    assert write_focus(database, tmp_path / "a.parquet", days).rows == 2
    assert write_focus(database, tmp_path / "b.parquet", months, "billing").rows == 2
    assert write_focus(database, tmp_path / "c.parquet", days, "billing").months == (date(2026, 11, 1),)


def test_refuses_what_it_cannot_write(database: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="suffix says no format"):
        write_focus(database, tmp_path / "focus.xlsx")
    with pytest.raises(UsageError, match="folder to write to does not exist"):
        write_focus(database, tmp_path / "nowhere" / "focus.csv")
    assert list(tmp_path.iterdir()) == []
