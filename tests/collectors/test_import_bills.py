"""``import_bills`` end to end: files in, facts out; killed at any instant it leaves the old bill or the new."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError, OverlapError
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.bills import LoadReport, import_bills

COLUMNS = (
    *("BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd"),
    *("ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeDescription", "ProviderName", "PublisherName"),
    *("InvoiceIssuerName", "ServiceCategory", "ServiceName", "SubAccountId", "RegionId", "ResourceId", "SkuMeter"),
    *("PricingQuantity", "PricingUnit", "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "Tags"),
)
DEFAULTS = {
    "BillingAccountId": "999",
    "BillingAccountName": "Example Holdings",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "BillingPeriodEnd": "2026-10-01T00:00:00Z",
    "ChargePeriodStart": "2026-09-03T05:00:00Z",
    "ChargePeriodEnd": "2026-09-03T06:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeDescription": "$98.32 per On Demand Linux p5.48xlarge Instance Hour",
    "ProviderName": "AWS",
    "PublisherName": "AWS",
    "InvoiceIssuerName": "AWS",
    "ServiceCategory": "Compute",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "SubAccountId": "111",
    "RegionId": "us-east-1",
    "ResourceId": "arn:aws:ec2:us-east-1:111:instance/i-0a",
    "SkuMeter": "BoxUsage:p5.48xlarge",
    "PricingQuantity": "1",
    "PricingUnit": "Hrs",
    "BilledCost": "98.32",
    "EffectiveCost": "98.32",
    "ListCost": "98.32",
    "ContractedCost": "98.32",
    "Tags": '{"user:team":"vision"}',
}
STORAGE = {
    "ChargeDescription": "$0.08 per GB-month of storage",
    "ServiceCategory": "Storage",
    "ServiceName": "Amazon Simple Storage Service",
    "SkuMeter": "TimedStorage-ByteHrs",
    "ResourceId": "bucket",
}


def focus(path: Path, lines: Sequence[dict[str, str]]) -> Path:
    """A FOCUS CSV of ``lines`` over the defaults."""

    def cell(value: str) -> str:
        return '"' + value.replace('"', '""') + '"' if any(mark in value for mark in ',"\n') else value

    rows = [",".join(COLUMNS)]
    rows += [",".join(cell((DEFAULTS | line)[name]) for name in COLUMNS) for line in lines]
    content = ("\n".join(rows) + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


CONTENT = """
    SELECT slice_id, charge_date, account_key, sku_key, resource_key, tag_set_key, charge_kind_key, hours, billed_cost,
      effective_cost, list_cost, contracted_cost, pricing_quantity, line_count FROM charge
    ORDER BY sku_key, resource_key, charge_date, billed_cost"""


Imported = Callable[..., list[LoadReport]]


def test_a_bill_by_hand(imported: Imported, database: Store, tmp_path: Path) -> None:
    later = {"ChargePeriodStart": "2026-09-03T06:00:00Z", "ChargePeriodEnd": "2026-09-03T07:00:00Z"}
    cheaper = {"EffectiveCost": "60.000000000001", "BilledCost": "0", "PricingQuantity": "0.5"}
    path = focus(
        tmp_path / "bill.csv",
        [
            {},
            later | cheaper,
            STORAGE | {"BilledCost": "0.08", "EffectiveCost": "0.08", "ListCost": "0.10", "ContractedCost": "0.08"},
            STORAGE | {"BilledCost": "0.02", "EffectiveCost": "0.02", "ListCost": "", "ResourceId": "other-bucket"},
        ],
    )
    labels: list[tuple[str, int, int | None]] = []

    (report,) = imported(path, source="bills", progress=lambda *step: labels.append(step))

    assert rows(
        database,
        """SELECT charge_description LIKE '%p5%', is_ai, resource.accelerator_type IS NOT NULL, resource_id, tags,
             hours, billed_cost, effective_cost, list_cost, pricing_quantity, line_count
           FROM charge JOIN sku USING (sku_key) JOIN resource USING (resource_key) JOIN tag_set USING (tag_set_key)
           ORDER BY line_count, billed_cost DESC""",
    ) == [
        (False, False, False, "", {}, None, Decimal("0.08"), Decimal("0.08"), Decimal("0.10"), 1, 1),
        (False, False, False, "", {}, None, Decimal("0.02"), Decimal("0.02"), None, 1, 1),
        (
            *(True, True, True, "i-0a", {"user:team": "vision"}, 1 << 5 | 1 << 6),
            *(Decimal("98.32"), Decimal("158.320000000001"), Decimal("196.64"), Decimal("1.5"), 2),
        ),
    ]
    assert (report.provider, report.scope, report.month, report.dataset) == ("aws", "999", date(2026, 9, 1), "focus")
    assert (report.lines, report.facts, report.rejected, report.outcome, report.state) == (4, 3, 0, "loaded", "final")
    assert report.files == (str(path),)
    assert Decimal(report.totals["USD"]["billed_cost"]) == Decimal("98.42")
    assert str(report).startswith("aws 999 2026-09 (focus): 4 lines → 3 facts, billed 98.42 USD, final")
    assert labels == [("bill.csv", 0, 1), ("bills", 1, 1)]
    assert rows(database, "SELECT source FROM slice") == [("bills",)]


def test_the_same_bill_again_changes_nothing(imported: Imported, database: Store, tmp_path: Path) -> None:
    path = focus(tmp_path / "bill.csv", [{"ResourceId": f"i-{n % 7}"} for n in range(50)])
    imported(path)
    before = rows(database, CONTENT)

    (again,) = imported(path)

    assert (again.outcome, again.lines) == ("unchanged", 50)
    assert "unchanged" in str(again)
    assert rows(database, CONTENT) == before
    assert rows(database, "SELECT outcome FROM load ORDER BY load_id") == [("loaded",), ("unchanged",)]


def test_the_same_lines_in_another_file_format_are_the_same_content(
    imported: Imported, database: Store, tmp_path: Path
) -> None:
    lines = [{"ResourceId": f"i-{n % 7}", "BilledCost": f"{n}.000000000{n}"} for n in range(50)]
    imported(focus(tmp_path / "bill.csv", lines))
    before = rows(database, CONTENT)

    (again,) = imported(focus(tmp_path / "bill.csv.gz", lines))

    assert (again.outcome, again.replaced_lines) == ("loaded", 50)
    assert rows(database, CONTENT) == before


def test_new_rules_on_ai_spend_load_the_same_file_again(
    imported: Imported, database: Store, store_settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    path = focus(tmp_path / "bill.csv", [STORAGE])
    imported(path)
    rule = {"name": "training data", "match": {"resource_id": "bucket"}, "set": {"ai": True}}
    changed = Settings.model_validate({"home": tmp_path, "rule": [rule]})

    (again,) = import_bills([path], database, changed, clock)

    assert again.outcome == "loaded"
    assert rows(database, "SELECT resource_id FROM charge JOIN resource USING (resource_key)") == [("bucket",)]


def test_a_restated_month_replaces_it_whole(imported: Imported, database: Store, tmp_path: Path) -> None:
    imported(focus(tmp_path / "bill.csv", [{}, {}, STORAGE]))

    (report,) = imported(focus(tmp_path / "bill.csv", [{"BilledCost": "1"}]))

    assert report.replaced_lines == 3
    assert rows(database, "SELECT billed_cost FROM charge") == [(1,)]


def test_currencies_are_never_added(imported: Imported, database: Store, tmp_path: Path) -> None:
    (report,) = imported(focus(tmp_path / "bill.csv", [{}, {"BillingCurrency": "EUR", "BilledCost": "7"}]))

    assert {name: Decimal(costs["billed_cost"]) for name, costs in report.totals.items()} == {
        "USD": Decimal("98.32"),
        "EUR": 7,
    }
    assert rows(
        database,
        "SELECT billing_currency, billed_cost FROM charge JOIN charge_kind USING (charge_kind_key) ORDER BY 1",
    ) == [("EUR", 7), ("USD", Decimal("98.32"))]


def test_a_refused_bill_changes_nothing_and_leaves_a_record(
    imported: Imported, database: Store, tmp_path: Path
) -> None:
    imported(focus(tmp_path / "bill.csv", [{}]))
    before = rows(database, CONTENT)

    with pytest.raises(InputError, match="cannot be read"):
        imported(focus(tmp_path / "bad.csv", [*[{"BilledCost": "a lot"}] * 20, *[{}] * 20]))

    assert rows(database, CONTENT) == before
    ((outcome, reason),) = rows(
        database, "SELECT outcome, flags -> 0 ->> 'explanation' FROM load ORDER BY load_id DESC LIMIT 1"
    )
    assert outcome == "failed"
    assert "line 2, column BilledCost, value 'a lot'" in reason


def test_rejected_lines_are_reported_and_kept(imported: Imported, database: Store, tmp_path: Path) -> None:
    path = focus(tmp_path / "bill.csv", [{"ChargeDescription": "two\nlines"}, {"BilledCost": "??"}, *[{}] * 10])

    (report,) = imported(path)

    assert report.rejected == 1
    assert "1 line could not be read and is kept" in str(report)
    assert rows(database, "SELECT line, column_name, value FROM rejected_row") == [(4, "BilledCost", "??")]
    assert rows(database, "SELECT rows_in, rows_rejected FROM load") == [(12, 1)]


def months(*numbers: int, lines: int) -> list[dict[str, str]]:
    """As many lines in each month of 2026."""
    return [
        {
            "BillingPeriodStart": f"2026-{month:02}-01T00:00:00Z",
            "BillingPeriodEnd": f"2026-{month + 1:02}-01T00:00:00Z",
            "ChargePeriodStart": f"2026-{month:02}-03T00:00:00Z",
            "ChargePeriodEnd": f"2026-{month:02}-04T00:00:00Z",
            "ResourceId": f"i-{n}",
        }
        for month in numbers
        for n in range(lines)
    ]


def test_report_record_facts_and_manifest_count_the_same_lines(
    imported: Imported, database: Store, tmp_path: Path
) -> None:
    """Two months of 20 lines, of which one line of August and one of broken structure of September are kept aside."""
    bill = months(8, 9, lines=20)
    bill[3]["BilledCost"] = "??"
    path = focus(tmp_path / "bill.csv", bill)
    text_of = path.read_text().splitlines()
    text_of[25] += ",one too many"
    path.write_text("\n".join(text_of) + "\n")
    said = {
        "manifestVersion": "2024-04-01",
        "runInfo": {"runId": "r"},
        "blobs": [{"blobName": "x/bill.csv", "byteCount": path.stat().st_size, "dataRowCount": 40}],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(said))

    reports = imported(tmp_path)

    assert [(one.month.month, one.lines, one.rejected) for one in reports] == [(8, 19, 1), (9, 19, 1)]
    assert all("19 lines → 19 facts" in str(one) and "1 line could not be read" in str(one) for one in reports)
    assert rows(
        database,
        """SELECT extract(month FROM period), rows_in, rows_rejected, rows_out,
             (SELECT sum(line_count) FROM charge WHERE charge.slice_id = load.slice_id),
             (SELECT min(file || ' ' || line) FROM rejected_row WHERE rejected_row.load_id = load.load_id)
           FROM load JOIN slice USING (slice_id) ORDER BY period""",
    ) == [(8, 20, 1, 19, 19, f"{path} 5"), (9, 20, 1, 19, 19, f"{path} 26")]
    again = imported(tmp_path)
    assert [(one.outcome, one.lines, one.rejected) for one in again] == [("unchanged", 19, 1)] * 2
    assert rows(database, "SELECT rows_in - rows_rejected FROM load") == [(19,)] * 4


def test_the_azure_pair_of_the_public_data_becomes_one_slice(
    imported: Imported, database: Store, public_data: Path
) -> None:
    reports = imported(public_data / "billing_finopstoolkit_azure")

    assert [report.dataset for report in reports] == ["azure_actual", "azure_actual+azure_amortized"]
    assert rows(
        database, "SELECT half, count(billed_cost) > 0, count(effective_cost) > 0 FROM charge GROUP BY 1 ORDER BY 1"
    ) == [
        (1, True, False),
        (2, False, True),
    ]


def test_a_focus_bill_beside_a_cost_and_usage_report_is_refused(
    imported: Imported, database: Store, public_data: Path, tmp_path: Path
) -> None:
    (cur,) = imported(public_data / "billing_focusconv_aws_cur")
    other = focus(
        tmp_path / "focus.csv",
        [
            {
                "BillingAccountId": cur.scope,
                "BillingPeriodStart": "2023-11-01T00:00:00Z",
                "ChargePeriodStart": "2023-11-03T00:00:00Z",
                "ChargePeriodEnd": "2023-11-03T01:00:00Z",
            }
        ],
    )

    with pytest.raises(OverlapError, match="cur1"):
        imported(other)

    (accepted,) = imported(other, accept_overlap=True)
    assert accepted.replaced_lines == 1281
    assert rows(database, "SELECT count(*) FROM charge") == [(1,)]


def test_another_part_of_a_month_never_replaces_the_part_that_is_loaded(
    imported: Imported, database: Store, tmp_path: Path
) -> None:
    """Exports of two member accounts carry one payer and month: alone, the second would drop the first."""
    first = focus(tmp_path / "first.csv", [{"SubAccountId": "111"}])
    second = focus(tmp_path / "second.csv", [{"SubAccountId": "222"}])
    imported(first)
    before = rows(database, CONTENT)

    with pytest.raises(OverlapError, match="loaded: 111; new: 222"):
        imported(second)

    assert rows(database, CONTENT) == before
    imported(first, second)
    assert rows(database, "SELECT sum(billed_cost) FROM charge") == [(Decimal("196.64"),)]
    (replaced,) = imported(second, accept_overlap=True)
    assert replaced.replaced_lines == 2


def test_the_focus_sample_closes_to_its_check_numbers(imported: Imported, database: Store, public_data: Path) -> None:
    imported(public_data / "billing_focus10_sample1k" / "focus_sample.csv.gz")

    billed = dict(
        rows(database, "SELECT provider, sum(billed_cost) FROM charge JOIN slice USING (slice_id) GROUP BY 1")
    )
    assert {provider: round(total, 4) for provider, total in billed.items()} == {
        "aws": Decimal("18.0066"),
        "azure": Decimal("1.9765"),
        "oci": Decimal("0.5371"),
    }
