"""AWS CUR by hand: what each line type was billed and costs, and what only the whole bill can say."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.bills import import_bills
from tests.collectors.bill_lines import Read, one, write_csv

LINE = {
    "identity/LineItemId": "a",
    "bill/PayerAccountId": "012345678901",
    "bill/BillingPeriodStartDate": "2026-09-01T00:00:00Z",
    "bill/InvoicingEntity": "Amazon Web Services, Inc.",
    "lineItem/UsageAccountId": "000000000042",
    "lineItem/LineItemType": "Usage",
    "lineItem/UsageStartDate": "2026-09-03T07:00:00Z",
    "lineItem/UsageEndDate": "2026-09-03T08:00:00Z",
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UsageType": "BoxUsage:p5.48xlarge",
    "lineItem/CurrencyCode": "USD",
    "lineItem/UnblendedCost": "10",
    "lineItem/UsageAmount": "1",
    "pricing/publicOnDemandCost": "12",
    "pricing/term": "OnDemand",
    "product/ProductName": "Amazon Elastic Compute Cloud",
    "product/instanceType": "p5.48xlarge",
    "product/region": "us-east-1",
    "reservation/ReservationARN": "",
    "reservation/EffectiveCost": "",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "",
    "reservation/UnusedRecurringFee": "",
    "savingsPlan/SavingsPlanARN": "",
    "savingsPlan/SavingsPlanEffectiveCost": "",
    "savingsPlan/TotalCommitmentToDate": "",
    "savingsPlan/UsedCommitment": "",
}
PLAN = {"savingsPlan/SavingsPlanARN": "arn:aws:savingsplans::1:savingsplan/p"}
RESERVED = {"reservation/ReservationARN": "arn:aws:ec2:us-east-1:1:reserved-instances/r"}


def kind(name: str, cost: str, **more: str) -> dict[str, str]:
    named = {key.replace("__", "/"): text for key, text in more.items()}
    return {"lineItem/LineItemType": name, "lineItem/UnblendedCost": cost} | named


def cur(tmp_path: Path, *changes: Mapping[str, str]) -> Read:
    return one(write_csv(tmp_path / "cur.csv", [LINE | change for change in changes]), tmp_path / "work")


def by_type(tmp_path: Path, *changes: Mapping[str, str]) -> list[tuple[Any, Any, Any, Any]]:
    return [
        (line["billed_cost"], line["effective_cost"], line["list_cost"], line["contracted_cost"])
        for line in cur(tmp_path, *changes).lines
    ]


def test_plain_usage(tmp_path: Path) -> None:
    found = cur(tmp_path, {})
    (line,) = found.lines

    assert by_type(tmp_path, {}) == [(10, 10, 12, 10)]
    assert (line["x_provider"], line["x_scope"], str(line["x_billing_month"])) == ("aws", "012345678901", "2026-09-01")
    assert (line["x_instance_type"], line["region_id"], line["x_usage_type"]) == (
        "p5.48xlarge",
        "us-east-1",
        "BoxUsage:p5.48xlarge",
    )
    assert (line["charge_category"], line["pricing_category"]) == ("Usage", "Standard")
    assert found.delivery.line.dataset == "cur1"


def test_a_savings_plan_month(tmp_path: Path) -> None:
    """6 of the 8 committed are used; the on-demand price 10 of covered usage is taken off again by its negation."""
    lines = cur(
        tmp_path,
        PLAN | kind("SavingsPlanCoveredUsage", "10", savingsPlan__SavingsPlanEffectiveCost="6"),
        PLAN | kind("SavingsPlanNegation", "-10"),
        PLAN
        | kind("SavingsPlanRecurringFee", "8", savingsPlan__TotalCommitmentToDate="8", savingsPlan__UsedCommitment="6"),
        PLAN | kind("SavingsPlanUpfrontFee", "100"),
    ).lines

    assert [(line["billed_cost"], line["effective_cost"]) for line in lines] == [(0, 6), (0, 0), (8, 2), (100, 0)]
    assert [line["commitment_discount_status"] for line in lines] == ["Used", None, "Unused", None]
    assert [line["charge_category"] for line in lines] == ["Usage", "Usage", "Purchase", "Purchase"]
    assert lines[0]["list_cost"] == 12
    assert lines[0]["contracted_cost"] == 10
    assert {line["commitment_discount_type"] for line in lines} == {"Savings Plan"}


def test_negation_that_does_not_cancel_stays_on_the_invoice(tmp_path: Path) -> None:
    covered = kind("SavingsPlanCoveredUsage", "10", savingsPlan__SavingsPlanEffectiveCost="6")

    found = cur(tmp_path, PLAN | covered, PLAN | kind("SavingsPlanNegation", "-9.999999999999"))

    assert [line["billed_cost"] for line in found.lines] == [10, Decimal("-9.999999999999")]
    assert found.total("billed_cost") == Decimal("1e-12")
    assert [line["effective_cost"] for line in found.lines] == [6, 0]


def test_used_commitment_is_derived_where_the_fee_lines_deny_it(tmp_path: Path) -> None:
    """Two fee lines of 4 say used 0, but covered lines of the month used 6: 2 went unused, in proportion."""
    fee = kind("SavingsPlanRecurringFee", "4", savingsPlan__TotalCommitmentToDate="4", savingsPlan__UsedCommitment="0")
    other = {"savingsPlan/SavingsPlanARN": "arn:idle"}
    found = cur(
        tmp_path,
        PLAN | kind("SavingsPlanCoveredUsage", "10", savingsPlan__SavingsPlanEffectiveCost="6"),
        PLAN | kind("SavingsPlanNegation", "-10"),
        PLAN | fee,
        PLAN | fee,
        other | fee,
    )

    fees = [line for line in found.lines if line["charge_category"] == "Purchase"]
    assert [(line["effective_cost"], line["x_flag"]) for line in fees] == [
        (1, "used_commitment_derived"),
        (1, "used_commitment_derived"),
        (4, None),
    ]
    assert found.total("effective_cost") == found.total("billed_cost") == 12
    (flag,) = found.delivery.line.flags
    assert (flag.name, flag.column) == ("used_commitment_derived", "effective_cost")


def test_a_reservation_month(tmp_path: Path) -> None:
    unused = {"reservation__UnusedAmortizedUpfrontFeeForBillingPeriod": "1.5", "reservation__UnusedRecurringFee": "0.5"}
    lines = cur(
        tmp_path,
        RESERVED | kind("DiscountedUsage", "0", reservation__EffectiveCost="5"),
        RESERVED | kind("RIFee", "7", **unused),
        RESERVED | kind("Fee", "1000"),
        kind("Fee", "30"),
    ).lines

    assert [(line["billed_cost"], line["effective_cost"]) for line in lines] == [(0, 5), (7, 2), (1000, 0), (30, 30)]
    assert [line["contracted_cost"] for line in lines] == [None, None, None, None]
    assert lines[0]["commitment_discount_category"] == "Usage"


def test_what_is_not_given_is_unknown(tmp_path: Path) -> None:
    (line,) = cur(tmp_path, RESERVED | kind("DiscountedUsage", "0")).lines

    assert (line["billed_cost"], line["effective_cost"]) == (0, None)


def test_credits_tax_and_discount_lines(tmp_path: Path) -> None:
    found = cur(
        tmp_path,
        kind("Credit", "-3"),
        kind("Tax", "1.9"),
        kind("Refund", "-1"),
        kind("EdpDiscount", "-0.5"),
        kind("Usage", "10"),
    )

    assert [line["charge_category"] for line in found.lines] == ["Credit", "Tax", "Adjustment", "Adjustment", "Usage"]
    assert found.total("billed_cost") == found.total("effective_cost") == Decimal("7.4")
    assert [line["list_cost"] for line in found.lines[:4]] == [None] * 4


def test_private_discounts_count_once(tmp_path: Path) -> None:
    """With net columns filled, the discount line says the same 0.5 again; without, it is the only place."""
    net = "lineItem/NetUnblendedCost"
    with_net = cur(
        tmp_path / "net",
        {net: "9.5"},
        kind("EdpDiscount", "-0.5") | {net: ""},
        kind("Tax", "1") | {net: ""},
    )
    assert [line["billed_cost"] for line in with_net.lines] == [Decimal("9.5"), 0, 1]
    assert [line["effective_cost"] for line in with_net.lines] == [Decimal("9.5"), 0, 1]
    assert any("net_unblended_cost" in note for note in with_net.delivery.line.notes)

    empty_net = cur(tmp_path / "gross", {net: ""}, kind("EdpDiscount", "-0.5") | {net: ""})
    assert [line["billed_cost"] for line in empty_net.lines] == [10, Decimal("-0.5")]


def test_net_columns_are_judged_month_by_month(tmp_path: Path) -> None:
    net = "lineItem/NetUnblendedCost"
    october = {"bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z"}
    found = cur(
        tmp_path,
        {net: "9.5"},
        kind("EdpDiscount", "-0.5") | {net: "0"},
        october | {net: ""},
        october | kind("EdpDiscount", "-0.5") | {net: ""},
    )

    assert [line["billed_cost"] for line in found.lines] == [Decimal("9.5"), 0, 10, Decimal("-0.5")]
    assert found.delivery.line.net == {"012345678901|2026-09-01"}


def test_a_load_records_by_month_whether_its_cost_is_net(
    tmp_path: Path, database: Store, store_settings: Settings, clock: Clock
) -> None:
    net = "lineItem/NetUnblendedCost"
    october = {"bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z", "lineItem/UsageStartDate": "2026-10-03T07:00:00Z"}
    path = write_csv(tmp_path / "cur.csv", [LINE | {net: "9.5"}, LINE | october | {net: ""}])
    reports = import_bills([path], database, store_settings, clock)
    with database.engine.connect() as connection:
        found = connection.execute(
            text("SELECT CAST(period AS text), flags FROM load JOIN slice USING (slice_id) ORDER BY 1")
        ).all()
    assert [(month, [(flag["flag"], flag["lines"]) for flag in flags]) for month, flags in found] == [
        ("2026-09-01", [("net_cost", 1)]),
        ("2026-10-01", [("unblended_cost", 1)]),
    ]
    assert not any(": 1 lines. Billed cost" in str(report) for report in reports)


def test_split_cost_allocation_is_not_counted_again(tmp_path: Path) -> None:
    parent = "splitLineItem/ParentResourceId"
    found = cur(tmp_path, {parent: ""}, {parent: "arn:aws:ec2:us-east-1:1:instance/i-1", "lineItem/UnblendedCost": "6"})

    assert [line["billed_cost"] for line in found.lines] == [10]
    assert any("split cost allocation" in note for note in found.delivery.line.notes)


def test_spot_usage_is_dynamic_and_a_list_price_of_zero_is_not_given(tmp_path: Path) -> None:
    spot, unpriced = cur(
        tmp_path, {"lineItem/UsageType": "USE1-SpotUsage:g5.xlarge"}, {"pricing/publicOnDemandCost": "0.0"}
    ).lines

    assert spot["pricing_category"] == "Dynamic"
    assert unpriced["list_cost"] is None


def test_tags_and_cost_categories_of_slash_headers(tmp_path: Path) -> None:
    tags = {
        "resourceTags/user:Team": "search",
        "resourceTags/aws:autoscaling:groupName": "",
        "costCategory/Product": "ranker",
    }

    (line,) = cur(tmp_path, tags).lines

    assert line["tags"] == {"cost_category/Product": "ranker", "user:Team": "search"}


@pytest.mark.parametrize("maps", ["map", "json text"])
def test_cur_2_maps_give_the_same_line_as_flat_columns(tmp_path: Path, maps: str) -> None:
    flat = {
        "bill_payer_account_id": 12345678901,
        "bill_billing_period_start_date": "2026-09-01 00:00:00",
        "line_item_line_item_type": "Usage",
        "line_item_usage_start_date": "2026-09-03 07:00:00",
        "line_item_usage_account_id": "42",
        "line_item_currency_code": "USD",
        "line_item_unblended_cost": 0.1,
        "savings_plan_savings_plan_a_r_n": "",
        "_file": "loader",
    }
    said = {
        "product": {"product_name": "Amazon SageMaker", "instance_type": "ml.p5.48xlarge", "region_code": "eu-west-1"},
        "resource_tags": {"user_team": "search"},
        "cost_category": {"Product": "ranker"},
        "discount": {},
    }
    as_map = pa.map_(pa.string(), pa.string())
    columns = {name: pa.array([value]) for name, value in flat.items()}
    for name, value in said.items():
        text = "{" + ",".join(f'"{key}": "{word}"' for key, word in value.items()) + "}"
        columns[name] = pa.array([list(value.items())], as_map) if maps == "map" else pa.array([text])
    pq.write_table(pa.table(columns), tmp_path / "bill")

    found = one(tmp_path / "bill", tmp_path / "work")
    (line,) = found.lines

    assert found.delivery.line.dataset == "cur2"
    assert (line["x_scope"], line["billed_cost"]) == ("012345678901", Decimal("0.1")), (
        "zeros a number column lost are put back"
    )
    assert (line["service_name"], line["x_instance_type"], line["region_id"]) == (
        "Amazon SageMaker",
        "ml.p5.48xlarge",
        "eu-west-1",
    )
    assert line["tags"] == {"cost_category/Product": "ranker", "user_team": "search"}


def test_both_spellings_of_an_arn_column_are_read(tmp_path: Path) -> None:
    rows = [
        {name.replace("/", "_"): text for name, text in LINE.items() if name != "savingsPlan/SavingsPlanARN"}
        | {"savings_plan_savings_plan_arn": "", "savings_plan_savings_plan_a_r_n": "arn:plan"}
    ]

    (line,) = one(write_csv(tmp_path / "cur.csv", rows), tmp_path / "work").lines

    assert line["commitment_discount_id"] == "arn:plan"


def test_lines_without_cost_or_currency_are_kept_aside(tmp_path: Path) -> None:
    found = cur(
        tmp_path, {}, {"lineItem/UnblendedCost": ""}, {"lineItem/CurrencyCode": ""}, {"bill/PayerAccountId": ""}
    )

    assert len(found.lines) == 1
    assert found.refused == [
        "no unblended cost, or not a number",
        "no ISO 4217 currency of three letters",
        "no payer account",
    ]


def test_tags_that_differ_only_in_case_are_two(tmp_path: Path) -> None:
    found = cur(
        tmp_path, {"resourceTags/user:Team": "a", "resourceTags/user:team": "b", "resourceTags/user:team_1": "c"}
    )

    assert found.lines[0]["tags"] == {"user:Team": "a", "user:team": "b", "user:team_1": "c"}


def test_accounts_get_back_the_zeros_a_spreadsheet_cut(tmp_path: Path) -> None:
    (line,) = cur(tmp_path, {"bill/PayerAccountId": "900000042", "lineItem/UsageAccountId": "12345678901"}).lines

    assert (line["x_scope"], line["sub_account_id"]) == ("000900000042", "012345678901")
