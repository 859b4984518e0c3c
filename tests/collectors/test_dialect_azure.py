"""Azure exports by hand: which half a file is, what each half gives, headers and dates in every spelling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from aispend.errors import InputError
from tests.collectors.bill_lines import Read, one, read, write_csv

LINE = {
    "BillingAccountId": "8611537",
    "BillingPeriodStartDate": "09/01/2026",
    "BillingPeriodEndDate": "09/30/2026",
    "SubscriptionId": "1caaa5a3-2b66",
    "SubscriptionName": "Research",
    "Date": "09/21/2026",
    "MeterCategory": "Virtual Machines",
    "MeterName": "NC24ads A100 v4",
    "MeterId": "f31064a2",
    "Quantity": "2",
    "EffectivePrice": "3",
    "UnitPrice": "3",
    "PayGPrice": "4",
    "Cost": "6",
    "BillingCurrency": "USD",
    "ResourceId": "/subscriptions/1caaa5a3-2b66/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm",
    "AdditionalInfo": '{"ServiceType":"Standard_NC24ads_A100_v4","VCPUs":24}',
    "Tags": '"env": "prod","team": "search"',
    "ChargeType": "Usage",
    "Frequency": "UsageBased",
    "PricingModel": "OnDemand",
    "ReservationId": "",
}
RESERVED = {"PricingModel": "Reservation", "ReservationId": "r-1", "PayGPrice": "0", "UnitPrice": "0"}
PURCHASE = RESERVED | {"ChargeType": "Purchase", "Frequency": "Recurring", "Cost": "100", "ResourceId": "r-1"}
COVERED_ACTUAL = RESERVED | {"Cost": "0"}
COVERED_AMORTIZED = RESERVED | {"Cost": "5"}
UNUSED = RESERVED | {"ChargeType": "UnusedReservation", "Cost": "1", "ResourceId": ""}


def bill(path: Path, *changes: Mapping[str, str]) -> Path:
    return write_csv(path, [LINE | change for change in changes])


def azure(tmp_path: Path, *changes: Mapping[str, str]) -> Read:
    return one(bill(tmp_path / "export.csv", *changes), tmp_path / "work")


def test_without_commitments_a_file_is_a_whole_bill(tmp_path: Path) -> None:
    found = azure(tmp_path, {})
    (line,) = found.lines

    assert (found.delivery.line.dataset, found.delivery.line.half) == ("azure", 0)
    assert [line[name] for name in ("billed_cost", "effective_cost", "list_cost", "contracted_cost")] == [6, 6, 8, 6]
    assert (line["x_scope"], str(line["x_billing_month"]), str(line["charge_period_start"])[:10]) == (
        "8611537",
        "2026-09-01",
        "2026-09-21",
    )
    assert line["x_instance_type"] == "Standard_NC24ads_A100_v4"
    assert line["tags"] == {"env": "prod", "team": "search"}
    assert (line["charge_frequency"], line["pricing_category"]) == ("Usage-Based", "Standard")


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("eastus", "eastus"),
        ("EastUS", "eastus"),
        ("East US 2", "eastus2"),
        ("US East", "eastus"),
        ("EU West", "westeurope"),
        ("US North Central", "northcentralus"),
        ("Global", "global"),
        ("", None),
    ],
)
def test_a_region_has_one_name_however_it_is_written(tmp_path: Path, written: str, region: str | None) -> None:
    """Prices, inventories and FOCUS exports have it as an id: no other name finds one of these."""
    (line,) = azure(tmp_path, {"ResourceLocation": written}).lines
    assert line["region_id"] == region


@pytest.mark.parametrize(
    ("changes", "dataset", "half", "known"),
    [
        ([{}, PURCHASE], "azure_actual", 1, ("billed_cost",)),
        ([{}, COVERED_ACTUAL], "azure_actual", 1, ("billed_cost",)),
        ([{}, COVERED_AMORTIZED], "azure_amortized", 2, ("effective_cost", "list_cost", "contracted_cost")),
        ([{}, UNUSED], "azure_amortized", 2, ("effective_cost", "list_cost", "contracted_cost")),
    ],
)
def test_the_half_is_told_by_the_lines(
    tmp_path: Path, changes: list[Mapping[str, str]], dataset: str, half: int, known: tuple[str, ...]
) -> None:
    line = azure(tmp_path, *changes).delivery.line

    assert (line.dataset, line.half, line.columns_known) == (dataset, half, known)


def test_the_halves_of_a_month_count_nothing_twice(tmp_path: Path) -> None:
    """Cash: 6 + 0 + 100. Amortised: 6 + 5 + 1. List price and quantity of the usage: once, not in both."""
    bill(tmp_path / "in" / "actual.csv", {}, COVERED_ACTUAL, PURCHASE)
    bill(tmp_path / "in" / "amortised.csv", {}, COVERED_AMORTIZED, UNUSED)

    actual, amortized = sorted(read(tmp_path / "in", tmp_path / "work"), key=lambda found: found.delivery.line.half)

    assert (actual.total("billed_cost"), amortized.total("effective_cost")) == (106, 12)
    assert all(line["effective_cost"] is None and line["consumed_quantity"] is None for line in actual.lines)
    assert all(line["billed_cost"] is None for line in amortized.lines)
    assert [line["list_cost"] for line in amortized.lines] == [8, None, None], "0 is not given on committed usage"
    assert [line["commitment_discount_status"] for line in amortized.lines] == [None, "Used", "Unused"]
    assert [line["charge_category"] for line in actual.lines] == ["Usage", "Usage", "Purchase"]


def test_one_file_with_lines_of_both_halves_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"both the actual and the amortised(?s:.*)1 lines of amortised commitments, 1 commitment"
    ):
        azure(tmp_path, COVERED_AMORTIZED, PURCHASE)


def test_two_exports_of_a_month_without_commitments_count_once(tmp_path: Path) -> None:
    bill(tmp_path / "in" / "actual.csv", {"ResourceId": "a"}, {"ResourceId": "b"})
    bill(tmp_path / "in" / "amortised.csv", {"ResourceId": "b"}, {"ResourceId": "a"})

    found = one(tmp_path / "in", tmp_path / "work")

    assert found.total("billed_cost") == 12
    assert any("actual and amortised cost are one bill" in note for note in found.delivery.line.notes)


def test_a_file_without_commitments_beside_an_amortised_one_is_its_actual_half(tmp_path: Path) -> None:
    """Only unused reservations bought earlier: the actual export of such a month shows nothing of them."""
    bill(tmp_path / "in" / "a.csv", {})
    bill(tmp_path / "in" / "b.csv", {}, UNUSED)

    halves = {found.delivery.line.half: found for found in read(tmp_path / "in", tmp_path / "work")}

    assert halves[1].total("billed_cost") == 6
    assert halves[2].total("effective_cost") == 7
    assert any("read as actual" in note for note in halves[1].delivery.line.notes)


def manifest(folder: Path, kind: str) -> None:
    said = {
        "manifestVersion": "2024-04-01",
        "exportConfig": {"resourceId": "/x", "type": kind},
        "runInfo": {"runId": "r", "submittedTime": "2026-10-01", "startDate": "2026-09-01"},
        "blobs": [{"blobName": f"{folder.name}/part.csv"}],
    }
    (folder / "manifest.json").write_text(json.dumps(said))


def test_the_manifest_decides_where_the_lines_do_not(tmp_path: Path) -> None:
    for kind in ("ActualCost", "AmortizedCost"):
        bill(tmp_path / "in" / kind / "part.csv", {}, {"ResourceId": kind})
        manifest(tmp_path / "in" / kind, kind)

    halves = sorted(found.delivery.line.half for found in read(tmp_path / "in", tmp_path / "work"))

    assert halves == [1, 2]


def test_a_manifest_the_lines_deny_is_refused(tmp_path: Path) -> None:
    bill(tmp_path / "in" / "part.csv", {}, PURCHASE)
    manifest(tmp_path / "in", "AmortizedCost")

    with pytest.raises(InputError, match=r"disagree(?s:.*)says AmortizedCost, the lines are actual"):
        read(tmp_path / "in", tmp_path / "work")


def test_prices_in_another_currency_are_brought_into_the_billing_currency(tmp_path: Path) -> None:
    found = azure(tmp_path, {"pricingCurrency": "USD", "exchangeRatePricingToBilling": "0.9", "BillingCurrency": "EUR"})

    assert (found.lines[0]["list_cost"], found.lines[0]["contracted_cost"]) == (Decimal("7.2"), Decimal("5.4"))


def test_list_cost_is_an_exact_product(tmp_path: Path) -> None:
    found = azure(
        tmp_path,
        {"PayGPrice": "0.000012345678", "Quantity": "0.00000096", "Cost": "1E-11"},
        {"PayGPrice": "98.765432109876", "Quantity": "123456789"},
    )

    assert [line["list_cost"] for line in found.lines] == [
        Decimal("0.000000000012"),
        Decimal("12193263112.482786148164"),
    ]


def test_localised_headers_decimal_commas_and_days_first(tmp_path: Path) -> None:
    row = {
        "Abonnement-GUID (SubscriptionGuid)": "1111-AAAA",
        "Ressourcengruppe (ResourceGroup)": "rg",
        "UsageDateTime (UsageDateTime)": "21.09.2026",
        "Kategorie der Verbrauchseinheit (MeterCategory)": "Virtual Machines",
        "UsageQuantity (UsageQuantity)": "2,5",
        "PreTaxCost (PreTaxCost)": "1.234,56",
        "Currency": "EUR",
    }
    path = write_csv(
        tmp_path / "export.csv", [row, row | {"UsageDateTime (UsageDateTime)": "03.09.2026"}], delimiter=";"
    )

    lines = one(path, tmp_path / "work").lines

    assert [line["billed_cost"] for line in lines] == [Decimal("1234.56")] * 2
    assert [line["consumed_quantity"] for line in lines] == [Decimal("2.5")] * 2
    assert [str(line["charge_period_start"])[:10] for line in lines] == ["2026-09-21", "2026-09-03"]
    assert {(line["x_scope"], line["billing_account_id"]) for line in lines} == {("1111-aaaa", None)}


def test_dates_follow_the_billing_period_where_no_day_is_above_12(tmp_path: Path) -> None:
    (line,) = azure(tmp_path, {"Date": "09/02/2026", "BillingPeriodEndDate": ""}).lines

    assert str(line["charge_period_start"])[:10] == "2026-09-02"


def test_dates_of_one_month_tell_their_order(tmp_path: Path) -> None:
    """Read as day/month these would be twelve months of one bill."""
    nothing = {"BillingPeriodStartDate": "", "BillingPeriodEndDate": ""}
    lines = azure(tmp_path, *[nothing | {"Date": f"9/{day}/2026"} for day in (2, 3, 12)]).lines

    assert {str(line["x_billing_month"]) for line in lines} == {"2026-09-01"}


def test_an_amount_without_a_currency_is_refused(tmp_path: Path) -> None:
    row = {name: text for name, text in LINE.items() if name != "BillingCurrency"}

    with pytest.raises(InputError, match="it misses: BillingCurrency or BillingCurrencyCode or Currency"):
        one(write_csv(tmp_path / "export.csv", [row]), tmp_path / "work")


def test_refunds_spot_and_savings_plans(tmp_path: Path) -> None:
    plan = {"PricingModel": "SavingsPlan", "benefitId": "/providers/Microsoft.BillingBenefits/x", "Cost": "5"}
    lines = azure(
        tmp_path,
        {"PricingModel": "Spot"},
        plan,
        {"ChargeType": "RoundingAdjustment", "Cost": "-0.01"},
        {"MeterName": "NC24 Spot"},
    ).lines

    assert [line["pricing_category"] for line in lines] == ["Dynamic", "Committed", "Standard", "Dynamic"]
    assert (lines[1]["commitment_discount_type"], lines[1]["commitment_discount_category"]) == ("Savings Plan", "Spend")
    assert lines[2]["charge_category"] == "Adjustment"
    refund = azure(tmp_path / "refund", PURCHASE | {"ChargeType": "Refund", "Cost": "-100"}).lines[0]
    assert (refund["charge_category"], refund["charge_class"], refund["billed_cost"]) == (
        "Purchase",
        "Correction",
        -100,
    )


def test_the_half_is_told_from_amounts_with_decimal_commas(tmp_path: Path) -> None:
    """Usage under a reservation that costs something is amortised, however its cost is written."""
    found = azure(tmp_path, COVERED_AMORTIZED | {"Cost": "5,25"}, {"Cost": "0,5"})

    assert found.delivery.line.dataset == "azure_amortized"
    assert [line["effective_cost"] for line in found.lines] == [Decimal("5.25"), Decimal("0.5")]


def test_a_rate_that_is_no_number_is_not_taken_for_one(tmp_path: Path) -> None:
    found = azure(tmp_path, {"exchangeRatePricingToBilling": "0.9"}, {"exchangeRatePricingToBilling": "0,9"})

    assert [line["list_cost"] for line in found.lines] == [Decimal("7.2")]
    assert found.refused == ["not a number as most of this column writes them (1234.50)"]
