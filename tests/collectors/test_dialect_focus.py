"""FOCUS lines by hand: four costs, unknown against zero, providers, dates, tags in every shape."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aispend.engine.duck import DuckEngine
from aispend.errors import InputError
from aispend.settings import Engine
from collectors.files.intake import deliveries
from tests.collectors.bill_lines import COSTS, FOCUS_LINE, Read, one, write_csv
from tests.engine.bills import Class


def focus(tmp_path: Path, *changes: Mapping[str, str], without: tuple[str, ...] = ()) -> Read:
    rows = [
        {name: text for name, text in (FOCUS_LINE | change).items() if name not in without}
        for change in changes or ({},)
    ]
    return one(write_csv(tmp_path / "bill.csv", rows), tmp_path / "work")


def costs(line: Mapping[str, Any]) -> tuple[Decimal | None, ...]:
    return tuple(line[name] for name in COSTS)


def test_the_four_costs_and_the_slice(tmp_path: Path) -> None:
    (line,) = focus(tmp_path).lines

    assert costs(line) == (Decimal("1.5"), Decimal("1.25"), 2, Decimal("1.75"))
    assert (line["x_provider"], line["x_scope"], str(line["x_billing_month"])) == ("aws", "012345678901", "2026-09-01")
    assert str(line["charge_period_start"]) == "2026-09-03 07:00:00"
    assert line["sub_account_id"] == "000000000042", "account ids keep their zeros"
    assert line["x_instance_type"] == "p5.48xlarge"
    assert line["tags"] == {"app": "ranker", "team": "search"}


def test_unknown_is_not_zero(tmp_path: Path) -> None:
    found = focus(
        tmp_path,
        {"EffectiveCost": "NULL", "ListCost": "", "ContractedCost": "null"},
        {"ListCost": "0", "BilledCost": "0", "EffectiveCost": "0"},
    )

    assert costs(found.lines[0]) == (Decimal("1.5"), None, None, None)
    assert costs(found.lines[1]) == (0, 0, 0, Decimal("1.75")), "a free line keeps its zeros"


def test_a_cost_column_the_file_lacks_stays_unknown(tmp_path: Path) -> None:
    found = focus(tmp_path, without=("EffectiveCost", "ContractedCost"))

    assert found.delivery.line.columns_known == ("billed_cost", "list_cost")
    assert costs(found.lines[0]) == (Decimal("1.5"), None, 2, None)
    assert not found.delivery.line.flags


def test_effective_zero_on_paid_on_demand_usage_is_derived_and_flagged(tmp_path: Path) -> None:
    found = focus(
        tmp_path,
        {"EffectiveCost": "0"},
        {"EffectiveCost": "0", "CommitmentDiscountId": "arn:plan", "ChargeCategory": "Purchase"},
        {"EffectiveCost": "0", "CommitmentDiscountId": "arn:plan"},
        {"EffectiveCost": "0", "PricingCategory": "Committed"},
        {"EffectiveCost": "0.0000", "ChargeCategory": "Tax"},
    )
    # Only the first row may name the columns of all; the others add CommitmentDiscountId.
    assert [(line["effective_cost"], line["x_flag"]) for line in found.lines] == [
        (Decimal("1.5"), "effective_zero_on_paid_usage"),
        (0, None),
        (0, None),
        (0, None),
        (0, None),
    ]
    (flag,) = found.delivery.line.flags
    assert (flag.name, flag.column) == ("effective_zero_on_paid_usage", "effective_cost")


def test_a_list_price_not_given_is_no_discount(tmp_path: Path) -> None:
    found = focus(
        tmp_path,
        {"ListCost": "0", "ContractedCost": "0.000"},
        {"BilledCost": "0", "ListCost": "0", "ContractedCost": "0", "PricingCategory": "Committed"},
        {"BilledCost": "-1", "EffectiveCost": "-1", "ListCost": "0", "ContractedCost": "0", "ChargeCategory": "Credit"},
    )

    assert [costs(line)[2:] for line in found.lines] == [(None, None), (None, None), (0, 0)]


@pytest.mark.parametrize(
    ("names", "provider"),
    [
        ({"ProviderName": "Amazon Web Services"}, "aws"),
        ({"ProviderName": "Microsoft"}, "azure"),
        ({"ProviderName": "Google Cloud"}, "gcp"),
        ({"ProviderName": "Oracle Cloud"}, "oci"),
        ({"ProviderName": "Acme & Co."}, "acme_co"),
        ({"ProviderName": "", "InvoiceIssuerName": "Amazon Web Services EMEA SARL"}, "aws"),
        ({"ProviderName": "NULL", "x_SkuMeterCategory": "Virtual Machines", "InvoiceIssuerName": "Contoso"}, "azure"),
        ({"ProviderName": "", "x_CostType": "regular"}, "gcp"),
        ({"ProviderName": "", "ServiceProviderName": "AWS", "HostProviderName": "Elsewhere"}, "aws"),
    ],
)
def test_the_provider_by_any_of_its_names(tmp_path: Path, names: dict[str, str], provider: str) -> None:
    (line,) = focus(tmp_path, names).lines

    assert line["x_provider"] == provider


def test_values_are_spelt_as_in_the_specification(tmp_path: Path) -> None:
    spelt = {
        "ChargeCategory": "TAX",
        "ChargeClass": " correction",
        "ChargeFrequency": "usage_based",
        "PricingCategory": "dynamic ",
        "CommitmentDiscountStatus": "unused",
        "CommitmentDiscountCategory": "SPEND",
        "CapacityReservationStatus": "Used",
        "ServiceCategory": "AI And Machine Learning",
    }
    found = focus(tmp_path, spelt, {"ChargeCategory": "Usage "}, {"ChargeCategory": "Gift"}, {"ChargeCategory": ""})
    names = ("charge_category", "charge_class", "charge_frequency", "pricing_category", "commitment_discount_status")
    more = ("commitment_discount_category", "capacity_reservation_status", "service_category")

    assert [found.lines[0][name] for name in (*names, *more)] == [
        *("Tax", "Correction", "Usage-Based", "Dynamic", "Unused"),
        *("Spend", "Used", "AI and Machine Learning"),
    ]
    assert [(line["charge_category"], line["x_flag"]) for line in found.lines] == [
        ("Tax", None),
        ("Usage", None),
        ("Gift", "unknown_charge_category"),
        (None, "unknown_charge_category"),
    ]


def test_spelling_does_not_hide_an_effective_cost_of_zero(tmp_path: Path) -> None:
    found = focus(
        tmp_path,
        {"EffectiveCost": "0", "ChargeCategory": "USAGE "},
        {"EffectiveCost": "0", "PricingCategory": "COMMITTED"},
    )

    assert [line["effective_cost"] for line in found.lines] == [Decimal("1.5"), 0]


def test_charges_of_one_category_are_one_however_it_is_spelt(tmp_path: Path) -> None:
    rows = [FOCUS_LINE | {"ChargeCategory": text} for text in ("usage", "Usage ", "USAGE", "Usage")]
    (delivery,) = deliveries([write_csv(tmp_path / "bill.csv", rows)], tmp_path / "work")

    with DuckEngine(Engine(), tmp_path / "engine").roll_up(delivery, lambda _: Class(False)) as rolled:
        kinds = rolled.dimension("charge_kind").read_all().to_pylist()
        (rolled_slice,) = rolled.summary.slices

    assert [kind["charge_category"] for kind in kinds] == ["Usage"]
    assert (rolled_slice.facts, rolled_slice.totals["USD"]["billed_cost"]) == (1, 6)


def test_azure_scopes_agree_with_its_other_exports(tmp_path: Path) -> None:
    path = "/providers/Microsoft.Billing/billingAccounts/1234:5678_2019-05-31/billingProfiles/AB12-CD34"

    (line,) = focus(tmp_path, {"BillingAccountId": path, "ProviderName": "Microsoft"}).lines

    assert (line["x_scope"], line["billing_account_id"]) == ("ab12-cd34", path)


ACCOUNT = "/providers/Microsoft.Billing/billingAccounts/1234:5678_2019-05-31"


@pytest.mark.parametrize(
    ("focus_name", "azure_names", "scope"),
    [
        # Customer Agreement: by billing profile
        (f"{ACCOUNT}/billingProfiles/AB12-CD34-PGB", ("1234:5678_2019-05-31", "AB12-CD34-PGB"), "ab12-cd34-pgb"),
        (
            f"{ACCOUNT}/billingProfiles/AB12-CD34-PGB",
            (ACCOUNT, f"{ACCOUNT}/billingProfiles/ab12-cd34-pgb"),
            "ab12-cd34-pgb",
        ),
        ("AB12-CD34-PGB", ("1234:5678_2019-05-31", "ab12-cd34-pgb"), "ab12-cd34-pgb"),
        # Enterprise: the enrolment is account and profile
        ("/providers/Microsoft.Billing/billingAccounts/8611537/", ("8611537", "8611537"), "8611537"),
        ("/providers/Microsoft.Billing/billingAccounts/8611537", ("8611537", ""), "8611537"),
    ],
)
def test_one_azure_account_has_one_scope_in_all_its_exports(
    tmp_path: Path, focus_name: str, azure_names: tuple[str, str], scope: str
) -> None:
    azure_line = {
        "BillingAccountId": azure_names[0],
        "BillingProfileId": azure_names[1],
        "Date": "2026-09-21",
        "MeterId": "m",
        "Cost": "6",
        "BillingCurrency": "USD",
        "ChargeType": "Usage",
    }
    covered = azure_line | {"ReservationId": "r"}
    exports = [
        [FOCUS_LINE | {"ProviderName": "Microsoft", "BillingAccountId": focus_name, "x_SkuMeterId": "m"}],
        [azure_line],
        [covered],
        [covered | {"ChargeType": "Purchase"}],
    ]

    found = [one(write_csv(tmp_path / f"{n}.csv", rows), tmp_path / "work") for n, rows in enumerate(exports)]

    assert [read.delivery.line.dataset for read in found] == ["focus", "azure", "azure_amortized", "azure_actual"]
    assert {(line["x_provider"], line["x_scope"]) for read in found for line in read.lines} == {("azure", scope)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"BilledCost": ""}, "no billed cost"),
        ({"BilledCost": "twelve"}, "no billed cost"),
        ({"BilledCost": "NaN"}, "no billed cost"),
        ({"ListCost": "1,2,3"}, "not a number"),
        ({"BillingCurrency": "Token"}, "no ISO 4217 currency"),
        ({"BillingAccountId": "NULL"}, "no billing account"),
        ({"BillingPeriodStart": "September"}, "no billing period"),
        ({"ChargePeriodStart": "2023-02-01T30:00:00Z"}, "no charge period"),
        ({"ProviderName": ""}, "no provider"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    found = focus(tmp_path, {}, changes)

    assert len(found.lines) == 1
    assert any(reason in said for said in found.refused)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-7", "0.0000001"),
        ("9.6E-6", "0.0000096"),
        ("-3.00000000000", "-3"),
        ("0.0000000000005", "0"),
        ("0.0000000000015", "0.000000000002"),
    ],
)
def test_numbers_are_rounded_once_half_even(tmp_path: Path, text: str, expected: str) -> None:
    assert focus(tmp_path, {"BilledCost": text}).lines[0]["billed_cost"] == Decimal(expected)


def test_grouped_amounts_and_decimal_commas(tmp_path: Path) -> None:
    grouped = focus(tmp_path, {"BilledCost": "$10,000.50 ", "ListCost": "-$1.25"})
    assert costs(grouped.lines[0])[0::2] == (Decimal("10000.5"), Decimal("-1.25"))

    comma = {"BilledCost": "1.234,5", "EffectiveCost": "0,25", "ListCost": "2", "ContractedCost": "1.000,00"}
    bill = write_csv(tmp_path / "comma.csv", [FOCUS_LINE | comma], delimiter=";")
    assert costs(one(bill, tmp_path / "work").lines[0]) == (Decimal("1234.5"), Decimal("0.25"), 2, 1000)


def test_times_with_an_offset_are_moved_to_utc(tmp_path: Path) -> None:
    (line,) = focus(tmp_path, {"ChargePeriodStart": "2026-09-03T01:30:00+02:00"}).lines

    assert str(line["charge_period_start"]) == "2026-09-02 23:30:00"


def dated(start: str, end: str, charged: str) -> dict[str, str]:
    return {
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargePeriodStart": charged,
        "ChargePeriodEnd": charged,
    }


def test_the_order_of_day_and_month_is_decided_by_the_whole_file(tmp_path: Path) -> None:
    by_day = focus(tmp_path, *[dated("01/04/2026", "01/05/2026", text) for text in ("03/04/2026", "25/04/2026")])
    assert {str(line["charge_period_start"])[:10] for line in by_day.lines} == {"2026-04-03", "2026-04-25"}

    by_period = focus(tmp_path, dated("4/1/26", "5/1/26", "4/2/26"))
    assert str(by_period.lines[0]["charge_period_start"]) == "2026-04-02 00:00:00"


def test_dates_that_can_be_read_two_ways_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"day/month or month/day(?s:.*)bill\.csv"):
        focus(tmp_path, dated("4/4/2026", "5/5/2026", "04/05/2026"))
    with pytest.raises(InputError, match="written in two orders"):
        focus(
            tmp_path, dated("01/04/2026", "01/05/2026", "25/04/2026"), dated("04/01/2026", "05/01/2026", "04/26/2026")
        )


# -------------------------------------------------------------------------------- properties

FEW = 400 if os.environ.get("AISPEND_SOAK") else 10
"""Each example reads a file."""

numbers = st.one_of(
    st.decimals(min_value=-(10**6), max_value=10**6, places=9).map(str),
    st.sampled_from(["0", "0.0", "", "NULL", "1e-9", "-2.5E+1"]),
)
rows = st.lists(
    st.fixed_dictionaries(
        {"BilledCost": numbers, "EffectiveCost": numbers, "ListCost": numbers, "ContractedCost": numbers}
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=FEW)
@given(rows, st.randoms(use_true_random=False), st.sampled_from(["lower", "upper", "mixed", "as it is"]), st.booleans())
def test_order_case_mark_and_extra_columns_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, bill: list[dict[str, str]], chance: random.Random, case: str, mark: bool
) -> None:
    folder = tmp_path_factory.mktemp("property")
    plain = [FOCUS_LINE | row for row in bill]
    names = [*FOCUS_LINE, "x_Extra", "Another column"]
    chance.shuffle(names)
    spelt = {
        name: {"lower": name.lower(), "upper": name.upper(), "mixed": name.swapcase()}.get(case, name) for name in names
    }
    moved = [{spelt[name]: row.get(name, "anything, at all") for name in names} for row in plain]

    one_way = one(write_csv(folder / "plain.csv", plain), folder / "work")
    other = one(write_csv(folder / "moved.bin", moved, encoding="utf-8-sig" if mark else "utf-8"), folder / "work")

    assert other.lines == one_way.lines
    assert sorted(other.refused) == sorted(one_way.refused)


@settings(max_examples=FEW)
@given(rows)
def test_a_cost_is_null_exactly_where_the_bill_says_nothing(
    tmp_path_factory: pytest.TempPathFactory, bill: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("property")
    committed = [FOCUS_LINE | row | {"PricingCategory": "Committed"} for row in bill]

    found = one(write_csv(folder / "bill.csv", committed), folder / "work")
    readable = [row for row in bill if row["BilledCost"] not in ("", "NULL")]

    for row, line in zip(readable, found.lines, strict=True):
        said = {name: None if row[name] in ("", "NULL") else Decimal(row[name]) for name in row}
        paid = (said["BilledCost"] or 0) > 0 or (said["EffectiveCost"] or 0) > 0
        assert (line["billed_cost"], line["effective_cost"]) == (said["BilledCost"], said["EffectiveCost"])
        for column, name in (("list_cost", "ListCost"), ("contracted_cost", "ContractedCost")):
            assert line[column] == (None if said[name] == 0 and paid else said[name])


@settings(max_examples=FEW)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
)
def test_recognition_never_depends_on_the_name(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("property")
    if name.strip(".") == "" or len(name.encode()) > 200:
        return

    found = one(write_csv(folder / name, [FOCUS_LINE]), folder / "work folder")

    assert (found.delivery.dialect, len(found.lines)) == ("focus", 1)


def test_an_aws_account_gets_back_the_zeros_a_spreadsheet_cut(tmp_path: Path) -> None:
    found = focus(
        tmp_path,
        {"BillingAccountId": "900000042", "SubAccountId": "12345678901"},
        {"BillingAccountId": "900000042", "SubAccountId": "12345678901", "ProviderName": "Snowflake"},
        {"BillingAccountId": "FJ1", "SubAccountId": "111"},
    )

    assert [(line["x_scope"], line["billing_account_id"], line["sub_account_id"]) for line in found.lines] == [
        ("000900000042", "000900000042", "012345678901"),
        ("900000042", "900000042", "12345678901"),
        ("FJ1", "FJ1", "111"),
    ]


@pytest.mark.parametrize("offset", ["Z", "+00:00", "+0000", " UTC", "+02:00", "+05:30", "-08:00", ""])
def test_a_period_that_begins_at_a_local_midnight_is_the_month_written(tmp_path: Path, offset: str) -> None:
    first = f"2026-03-01T00:00:00{offset}"
    (line,) = focus(tmp_path, {"BillingPeriodStart": first, "ChargePeriodStart": "2026-03-01T00:00:00+02:00"}).lines

    assert str(line["x_billing_month"]) == "2026-03-01"
    assert str(line["charge_period_start"]) == "2026-02-28 22:00:00", "charges stay in UTC"


def test_a_period_in_utc_with_an_offset_is_the_month_in_utc(tmp_path: Path) -> None:
    (line,) = focus(tmp_path, {"BillingPeriodStart": "2026-02-28T16:00:00-08:00"}).lines

    assert str(line["x_billing_month"]) == "2026-03-01"
