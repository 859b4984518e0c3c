"""Commitments on AWS bills by hand: what was paid, what was used, and that the two meet, in every form CUR comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collectors.bill_lines import Read, one, write_csv
from tests.collectors.test_dialect_cur import LINE, PLAN, RESERVED, cur, kind

DERIVED = "used_commitment_derived"
EFFECTIVE = "savingsPlan/SavingsPlanEffectiveCost"


def plan(name: str) -> dict[str, str]:
    return {"savingsPlan/SavingsPlanARN": name}


def fee(total: object, used: object, cost: object | None = None) -> dict[str, str]:
    return kind(
        "SavingsPlanRecurringFee",
        str(total if cost is None else cost),
        savingsPlan__TotalCommitmentToDate=str(total),
        savingsPlan__UsedCommitment=str(used),
    )


def covered(effective: object, cost: str = "10") -> dict[str, str]:
    return kind("SavingsPlanCoveredUsage", cost, savingsPlan__SavingsPlanEffectiveCost=str(effective))


def fees(found: Read) -> list[tuple[Any, Any]]:
    return [
        (line["effective_cost"], line["x_flag"])
        for line in found.lines
        if line["commitment_discount_status"] == "Unused"
    ]


@pytest.mark.parametrize(
    ("said", "used", "expected", "flag"),
    [
        # two fee lines of 5 each; covered lines cost ``used``: the fee lines bear 10 - used
        (("5", "0"), ("5", "5"), [0, 0], DERIVED),
        (("0", "0"), ("5", "1"), [2, 2], DERIVED),
        (("5", "5"), ("4", "2"), [2, 2], DERIVED),
        (("5", ""), ("5", "1"), [2, 2], DERIVED),
        (("9", "-1"), ("4", "4"), [1, 1], DERIVED),
        (("3", "0"), ("5", "7"), [0, 0], DERIVED),
        (("5", "1"), ("2", "4"), [0, 4], None),
        (("5", "1.000000001"), ("2", "4"), [0, Decimal("3.999999999")], None),
        (("5", "1"), (), [0, 4], None),
        (("5", "1"), ("2", ""), [0, 4], None),
    ],
    ids=[
        "one line denies its use",
        "both deny it",
        "both say too much",
        "one says nothing",
        "one says more than it has",
        "more covered than committed",
        "right",
        "right but for rounding",
        "covered lines are in another account's report",
        "a covered line does not say its cost",
    ],
)
def test_unused_commitment(
    tmp_path: Path, said: Sequence[str], used: Sequence[str], expected: list[Any], flag: str | None
) -> None:
    found = cur(tmp_path, *(PLAN | covered(cost) for cost in used), *(PLAN | fee(5, figure) for figure in said))

    assert fees(found) == [(cost, flag) for cost in expected]


def test_plans_that_contradict_their_lines_are_named(tmp_path: Path) -> None:
    october = {"bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z"}
    found = cur(
        tmp_path,
        plan("arn:wrong") | covered(5),
        plan("arn:wrong") | fee(8, 0),
        plan("arn:wrong") | october | covered(5),
        plan("arn:wrong") | october | fee(8, 5),
        plan("arn:right") | covered(5),
        plan("arn:right") | fee(8, 5),
        plan("arn:beyond") | covered(9),
        plan("arn:beyond") | fee(8, 8),
    )

    assert fees(found) == [(3, DERIVED), (3, None), (3, None), (0, DERIVED)]
    (flag,) = found.delivery.line.flags
    assert flag.explanation.endswith("Plans: arn:beyond, arn:wrong.")
    said = [note for note in found.delivery.line.notes if note.startswith("Savings plan")]
    assert said == [
        "Savings plan arn:beyond, 2026-09: committed 8, used 8 by its fee lines, 9 by the lines it covers, "
        "which is more than was committed.",
        "Savings plan arn:wrong, 2026-09: committed 8, used 0 by its fee lines, 5 by the lines it covers.",
    ]


amounts = st.decimals(min_value=0, max_value=2000, places=6)
plans = st.lists(
    st.tuples(
        st.lists(st.tuples(amounts, st.none() | amounts), min_size=1, max_size=4),
        st.lists(st.integers(1, 9), min_size=1, max_size=3),
        st.integers(1, 100),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=8)
@given(plans, st.booleans())
def test_a_plan_costs_what_was_committed_whatever_its_fee_lines_say(
    tmp_path_factory: pytest.TempPathFactory,
    bill: list[tuple[list[tuple[Decimal, Decimal | None]], list[int], int]],
    net: bool,
) -> None:
    """Any split of a commitment over fee lines, any used figures: covered + unused = committed (net: less a tenth)."""
    rows, committed, lines = [], {}, {}
    for place, (parts, uses, percent) in enumerate(bill):
        name = f"arn:{place}"
        total = sum((part for part, _ in parts), Decimal(0))
        each = [total * percent / 100 * share / sum(uses) for share in uses]
        of_plan = [covered(f"{cost:.12f}") for cost in each]
        of_plan += [fee(part, "" if used is None else used) for part, used in parts]
        if net:
            of_plan = [line | {"lineItem/NetUnblendedCost": _tenth_off(line["lineItem/UnblendedCost"]),
                               "savingsPlan/NetSavingsPlanEffectiveCost": _tenth_off(line.get(EFFECTIVE, ""))}
                       for line in of_plan]  # fmt: skip
        rows += [plan(name) | line for line in of_plan]
        committed[name] = total * Decimal("0.9") if net else total
        lines[name] = len(of_plan)
    path = write_csv(tmp_path_factory.mktemp("plans") / "cur.csv", [LINE | row for row in rows])

    found = one(path, path.parent / "work", ["commitment_discount_id", "effective_cost"])

    for name, total in committed.items():
        if total == 0:
            continue
        costs = [line["effective_cost"] for line in found.lines if line["commitment_discount_id"] == name]
        # beyond what single lines round: figures that agree to 1e-8 per line are left as they are
        assert abs(sum(costs) - total) <= Decimal("2e-8") * lines[name]


def _tenth_off(text: str) -> str:
    return str(Decimal(text) * Decimal("0.9")) if text else ""


def test_what_a_private_discount_leaves_of_a_commitment(tmp_path: Path) -> None:
    """10 % off everything: 100 → 90 of usage, 8 → 7.2 of covered usage, and of 2 unused (total 10, billed 9) 1.8.

    Billed 90 + 9 + 2 tax = 101 = 100 - 10 + 10 - 1 + 2 before net; effective 90 + 7.2 + 1.8 + 2 = 101."""
    net = "lineItem/NetUnblendedCost"
    found = cur(
        tmp_path,
        kind("Usage", "100") | {net: "90", "pricing/publicOnDemandCost": "100"},
        kind("EdpDiscount", "-10") | {net: "0"},
        PLAN | covered(8, "12") | {net: "10.8", "savingsPlan/NetSavingsPlanEffectiveCost": "7.2"},
        PLAN | kind("SavingsPlanNegation", "-12") | {net: "-10.8"},
        PLAN | fee(10, 8) | {net: "9"},
        kind("EdpDiscount", "-1") | {net: "0"},
        kind("Tax", "2") | {net: ""},
    )

    assert [_costs(line) for line in found.lines] == [
        (90, 90, 100, 90),
        (0, 0, None, None),
        (0, Decimal("7.2"), 12, Decimal("10.8")),
        (0, 0, None, None),
        (9, Decimal("1.8"), None, None),
        (0, 0, None, None),
        (2, 2, None, None),
    ]
    assert found.total("billed_cost") == found.total("effective_cost") == 101
    assert fees(found) == [(Decimal("1.8"), None)]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        # all upfront: nothing is billed monthly, its amortisation is 4 before and 3 after discounts
        ({"AmortizedUpfrontCommitmentForBillingPeriod": "4", "RecurringCommitmentForBillingPeriod": "0",
          "NetAmortizedUpfrontCommitmentForBillingPeriod": "3", "NetRecurringCommitmentForBillingPeriod": "0"}, "0.75"),
        # nothing but the covered line tells: 2.4 of 3
        ({}, "0.8"),
    ],
    ids=["from its net columns", "from its covered lines"],
)  # fmt: skip
def test_a_discounted_plan_paid_upfront(tmp_path: Path, figures: dict[str, str], expected: str) -> None:
    more = {f"savingsPlan/{name}": value for name, value in figures.items()}
    net = "lineItem/NetUnblendedCost"
    used = {"savingsPlan/NetSavingsPlanEffectiveCost": str(3 * Decimal(expected)), net: "8"}

    found = cur(tmp_path, PLAN | covered(3) | used, PLAN | fee(4, 3, cost=0) | {net: "0"} | more)

    assert fees(found) == [(Decimal(expected), None)]


def test_a_discounted_reservation(tmp_path: Path) -> None:
    """Used 5 → 4.5; unused 1.5 upfront and 0.5 recurring → 1.2 and 0.4."""
    net = "lineItem/NetUnblendedCost"
    unused = {
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "1.5",
        "reservation/UnusedRecurringFee": "0.5",
        "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod": "1.2",
        "reservation/NetUnusedRecurringFee": "0.4",
    }
    found = cur(
        tmp_path,
        RESERVED | kind("DiscountedUsage", "0", reservation__EffectiveCost="5")
        | {net: "0", "reservation/NetEffectiveCost": "4.5"},
        RESERVED | kind("RIFee", "7") | {net: "5.6"} | unused,
    )  # fmt: skip

    assert [(line["billed_cost"], line["effective_cost"]) for line in found.lines] == [
        (0, Decimal("4.5")),
        (Decimal("5.6"), Decimal("1.6")),
    ]


@pytest.mark.parametrize("net", [{}, {"lineItem/NetUnblendedCost": ""}], ids=["no net column", "an empty one"])
def test_discounts_that_are_lines_of_their_own(tmp_path: Path, net: Mapping[str, str]) -> None:
    """100 - 10, and a plan of 10 with 8 used at 1 off: billed = effective = 99."""
    found = cur(
        tmp_path,
        net | kind("Usage", "100"),
        net | kind("EdpDiscount", "-10"),
        net | PLAN | covered(8, "12"),
        net | PLAN | kind("SavingsPlanNegation", "-12"),
        net | PLAN | fee(10, 8),
        net | kind("EdpDiscount", "-1"),
    )

    assert [line["billed_cost"] for line in found.lines] == [100, -10, 0, 0, 10, -1]
    assert [line["effective_cost"] for line in found.lines] == [100, -10, 8, 0, 2, -1]


def test_split_lines_are_counted_but_not_added(tmp_path: Path) -> None:
    parent = "splitLineItem/ParentResourceId"
    pod = {parent: "i-1", "splitLineItem/SplitCost": "6"}
    found = cur(
        tmp_path,
        {parent: ""} | PLAN | covered(5),
        {parent: ""} | PLAN | fee(8, 5),
        PLAN | covered(3) | pod,
        PLAN | covered(2) | pod,
    )

    assert found.total("effective_cost") == 8
    assert found.delivery.line.notes == (
        "Lines of split cost allocation, which describe the money of other lines and are not added: 2.",
    )
    none = cur(tmp_path / "none", {parent: ""})
    assert none.delivery.line.notes == ()


MONTH = [
    kind("Usage", "10"),
    PLAN | covered(6, "9"),
    PLAN | kind("SavingsPlanNegation", "-9"),
    PLAN | fee(8, 6),
    PLAN | kind("SavingsPlanUpfrontFee", "100"),
    RESERVED | kind("DiscountedUsage", "0", reservation__EffectiveCost="5.25"),
    RESERVED | kind("RIFee", "7", reservation__UnusedAmortizedUpfrontFeeForBillingPeriod="1.5",
                    reservation__UnusedRecurringFee="0.5"),
    RESERVED | kind("Fee", "1000"),
    {"reservation/ReservationARN": "arn:no-upfront"} | kind("RIFee", "3", reservation__UnusedRecurringFee="0"),
    kind("Fee", "30"),
    kind("Credit", "-3"),
    kind("Refund", "-1.5"),
    kind("Tax", "1.9"),
]  # fmt: skip
EXPECTED = [
    (10, 10, 12, 10),
    (0, 6, 12, 9),
    (0, 0, None, None),
    (8, 2, None, None),
    (100, 0, None, None),
    (0, Decimal("5.25"), 12, None),
    (7, 2, None, None),
    (1000, 0, None, None),
    (3, 0, None, None),
    (30, 30, None, None),
    (-3, -3, None, None),
    (Decimal("-1.5"), Decimal("-1.5"), None, None),
    (Decimal("1.9"), Decimal("1.9"), None, None),
]
"""Billed, effective, list and contracted of each line of MONTH."""

_AS_CUR_2 = {
    "line_item_line_item_type": "lineItem/LineItemType",
    "line_item_unblended_cost": "lineItem/UnblendedCost",
    "line_item_usage_amount": "lineItem/UsageAmount",
    "line_item_usage_type": "lineItem/UsageType",
    "line_item_product_code": "lineItem/ProductCode",
    "line_item_currency_code": "lineItem/CurrencyCode",
    "line_item_usage_account_id": "lineItem/UsageAccountId",
    "line_item_usage_start_date": "lineItem/UsageStartDate",
    "line_item_usage_end_date": "lineItem/UsageEndDate",
    "bill_payer_account_id": "bill/PayerAccountId",
    "bill_billing_period_start_date": "bill/BillingPeriodStartDate",
    "bill_invoicing_entity": "bill/InvoicingEntity",
    "pricing_public_on_demand_cost": "pricing/publicOnDemandCost",
    "pricing_term": "pricing/term",
    "reservation_reservation_a_r_n": "reservation/ReservationARN",
    "reservation_effective_cost": "reservation/EffectiveCost",
    "reservation_unused_amortized_upfront_fee_for_billing_period": (
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"
    ),
    "reservation_unused_recurring_fee": "reservation/UnusedRecurringFee",
    "savings_plan_savings_plan_a_r_n": "savingsPlan/SavingsPlanARN",
    "savings_plan_savings_plan_effective_cost": "savingsPlan/SavingsPlanEffectiveCost",
    "savings_plan_total_commitment_to_date": "savingsPlan/TotalCommitmentToDate",
    "savings_plan_used_commitment": "savingsPlan/UsedCommitment",
}
_NUMBERS = ("_cost", "_amount", "_fee", "_period", "_to_date", "_commitment")
_MAPS = {
    "product": {"product_name": "Amazon Elastic Compute Cloud", "instance_type": "p5.48xlarge", "region": "us-east-1"},
    "resource_tags": {"user_team": "search"},
    "cost_category": {"Product": "ranker"},
    "discount": {"edp_discount": "0.0"},
}
_TAGS = {"resourceTags/user_team": "search", "costCategory/Product": "ranker"}


@pytest.mark.parametrize("form", ["cur 1", "cur 2 csv", "cur 2 parquet"])
def test_a_month_by_hand_in_every_form(tmp_path: Path, form: str) -> None:
    rows = [LINE | row for row in MONTH]
    path = tmp_path / "bill"
    if form == "cur 1":
        write_csv(path, [row | _TAGS for row in rows])
    else:
        named = [{new: row[old] for new, old in _AS_CUR_2.items()} for row in rows]
        if form == "cur 2 csv":
            text = {name: "{" + ",".join(f'"{k}":"{v}"' for k, v in held.items()) + "}" for name, held in _MAPS.items()}
            write_csv(path, [row | text for row in named])
        else:
            pq.write_table(_parquet(named), path)

    found = one(path, tmp_path / "work")

    assert [_costs(line) for line in found.lines] == EXPECTED
    assert found.total("billed_cost") == Decimal("1155.4")
    assert found.total("effective_cost") == Decimal("52.65")
    for name, value in {"x_scope": "012345678901", "x_instance_type": "p5.48xlarge", "region_id": "us-east-1"}.items():
        assert {line[name] for line in found.lines} == {value}
    assert all(line["tags"] == {"cost_category/Product": "ranker", "user_team": "search"} for line in found.lines)
    assert [line["charge_category"] for line in found.lines] == [
        *["Usage"] * 3, "Purchase", "Purchase", "Usage", *["Purchase"] * 4, "Credit", "Adjustment", "Tax"
    ]  # fmt: skip


def _parquet(rows: list[dict[str, str]]) -> pa.Table:
    """Doubles for numbers, timestamps for dates, maps for maps: the types AWS declares."""
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values: list[Any] = [row[name] or None for row in rows]
        if name.endswith("_date") and "_to_" not in name:
            columns[name] = pa.array([value.removesuffix("Z") for value in values]).cast(pa.timestamp("ms"))
        elif name.endswith(_NUMBERS):
            columns[name] = pa.array([None if value is None else float(value) for value in values], pa.float64())
        else:
            columns[name] = pa.array(values, pa.string())
    as_map = pa.map_(pa.string(), pa.string())
    for name, held in _MAPS.items():
        columns[name] = pa.array([list(held.items())] * len(rows), as_map)
    return pa.table(columns)


def _costs(line: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
    return line["billed_cost"], line["effective_cost"], line["list_cost"], line["contracted_cost"]
