"""Deliveries given together that claim one month of an account: refused, both named, before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from aispend.errors import InputError
from collectors.files.intake import deliveries
from tests.collectors.bill_lines import FOCUS_LINE, write_csv
from tests.collectors.test_dialect_cur import LINE as CUR1_LINE

PAYER = CUR1_LINE["bill/PayerAccountId"]


def cur2(**changes: str) -> dict[str, str]:
    """The same charge as CUR 2.0 spells it, in words that no check of repeated lines could find again."""
    names = {
        "bill/PayerAccountId": "bill_payer_account_id",
        "bill/BillingPeriodStartDate": "bill_billing_period_start_date",
        "lineItem/UsageAccountId": "line_item_usage_account_id",
        "lineItem/LineItemType": "line_item_line_item_type",
        "lineItem/UsageStartDate": "line_item_usage_start_date",
        "lineItem/UsageEndDate": "line_item_usage_end_date",
        "lineItem/ProductCode": "line_item_product_code",
        "lineItem/UsageType": "line_item_usage_type",
        "lineItem/CurrencyCode": "line_item_currency_code",
        "lineItem/UnblendedCost": "line_item_unblended_cost",
    }
    return {new: CUR1_LINE[old] for old, new in names.items()} | changes


def led(folder: Path, export: str, line: Mapping[str, str]) -> None:
    """An AWS export of one file with its manifest."""
    below = "BILLING_PERIOD=2026-09"
    write_csv(folder / "data" / below / f"{export}.csv", [line])
    said = {"exportArn": f"arn:{export}", "executionId": export, "dataFiles": [f"s3://b/data/{below}/{export}.csv"]}
    manifest = folder / "metadata" / below / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps(said))


def refused(path: Path, workdir: Path) -> str:
    with pytest.raises(InputError) as caught:
        deliveries([path], workdir)
    return str(caught.value)


@pytest.mark.parametrize("with_manifests", [True, False])
def test_the_two_generations_of_cur_are_two_looks_at_one_month(tmp_path: Path, with_manifests: bool) -> None:
    lines = {"one": CUR1_LINE, "two": cur2(line_item_unblended_cost="11")}
    for name, line in lines.items():
        if with_manifests:
            led(tmp_path / "in" / name, name, line)
        else:
            write_csv(tmp_path / "in" / name / "bill.csv", [line])

    said = refused(tmp_path / "in", tmp_path / "work")

    assert f"Two exports of one bill deliver aws {PAYER} 2026-09: counting both would count its money twice." in said
    files = ["metadata/BILLING_PERIOD=2026-09/manifest.json"] * 2 if with_manifests else ["bill.csv"] * 2
    assert f"{tmp_path}/in/one/{files[0]} (cur1) and {tmp_path}/in/two/{files[1]} (cur2)" in said
    assert "next:  Import one of them for this month" in said


def test_the_two_generations_of_cur_may_follow_each_other(tmp_path: Path) -> None:
    write_csv(tmp_path / "in" / "one.csv", [CUR1_LINE])
    october = "2026-10-01T00:00:00Z"
    after = {"bill_billing_period_start_date": october, "line_item_usage_start_date": october}
    write_csv(tmp_path / "in" / "two.csv", [cur2(**after)])

    assert [one.line.dataset for one in deliveries([tmp_path / "in"], tmp_path / "work")] == ["cur1", "cur2"]


def test_two_formats_of_one_month_are_refused_together(tmp_path: Path) -> None:
    """As FOCUS and as CUR: the charges need not agree in anything but account and month."""
    write_csv(tmp_path / "in" / "cur.csv", [CUR1_LINE])
    write_csv(tmp_path / "in" / "focus.csv", [FOCUS_LINE | {"BillingAccountId": PAYER, "ResourceId": "another"}])

    said = refused(tmp_path / "in", tmp_path / "work")

    assert f"Two exports of one bill deliver aws {PAYER} 2026-09" in said
    assert f"{tmp_path}/in/cur.csv (cur1)" in said
    assert f"{tmp_path}/in/focus.csv (focus)" in said


@pytest.mark.parametrize(
    "other",
    [
        {"BillingAccountId": "999999999999"},
        {"BillingPeriodStart": "2026-10-01T00:00:00Z", "ChargePeriodStart": "2026-10-03T00:00:00Z"},
        {"ProviderName": "Microsoft"},
    ],
    ids=str,
)
def test_formats_of_other_accounts_months_or_providers_go_together(tmp_path: Path, other: dict[str, str]) -> None:
    write_csv(tmp_path / "in" / "cur.csv", [CUR1_LINE])
    write_csv(tmp_path / "in" / "focus.csv", [FOCUS_LINE | {"BillingAccountId": PAYER} | other])

    assert len(deliveries([tmp_path / "in"], tmp_path / "work")) == 2
