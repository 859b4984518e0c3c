"""The sample's bills add up, deviate as each cloud does, and fit the truth to the last digit."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal

import duckdb

from sample.company import SampleCompany
from tests.sample.conftest import EXACT, GCP_NET, Ask


def test_thirteen_months_to_yesterday(ask: Ask) -> None:
    assert ask(
        "SELECT min(ChargePeriodStart), max(ChargePeriodStart)::DATE FROM aws WHERE ChargeCategory = 'Usage'"
    ) == [(ask("SELECT TIMESTAMP '2025-11-01'")[0][0], date(2026, 11, 20))]
    assert ask("SELECT count(DISTINCT BillingPeriodStart) FROM aws") == [(13,)]
    assert ask("SELECT count(DISTINCT invoice.month) FROM gcp") == [(13,)]
    assert ask("SELECT min(invoice.month), max(invoice.month) FROM gcp") == [("202511", "202611")]


def test_manifests_name_every_file_and_row(company: SampleCompany, ask: Ask) -> None:
    for manifest in (company.bills[0]).glob("*/metadata/*/*-Manifest.json"):
        told = json.loads(manifest.read_text())
        root = company.bills[0]
        files = [root / uri.split("/", 3)[3] for uri in told["dataFiles"]]
        assert files
        rows = duckdb.sql(f"SELECT count(*) FROM read_parquet({[str(file) for file in files]})").fetchall()
        period = told["billingPeriod"]["start"][:10]
        assert rows == ask("SELECT count(*) FROM aws WHERE BillingPeriodStart = ?", period)
    for bill in company.bills[1:3]:
        manifests = list(bill.rglob("manifest.json"))
        assert len(manifests) == 13
        for manifest in manifests:
            told = json.loads(manifest.read_text())
            assert told["runInfo"]["runId"] == manifest.parent.name
            assert told["blobCount"] == len(told["blobs"])
            assert told["dataRowCount"] == sum(blob["dataRowCount"] for blob in told["blobs"])
            for blob in told["blobs"]:
                path = bill / blob["blobName"]
                assert path.stat().st_size == blob["byteCount"]
                reader = "read_parquet" if path.suffix == ".parquet" else "read_csv"
                assert duckdb.sql(f"SELECT count(*) FROM {reader}('{path}')").fetchall() == [(blob["dataRowCount"],)]


def test_the_truth_adds_up_to_every_bill_to_the_last_digit(ask: Ask) -> None:
    truth = f"""SELECT strftime(billing_month, '%Y%m'),
                       CAST(sum(billed_cost) AS {EXACT}), CAST(sum(effective_cost) AS {EXACT})
                FROM truth WHERE bill = ? GROUP BY 1 ORDER BY 1"""
    for bill, table in (("aws", "aws"), ("azure-usd", "azure_usd"), ("azure-eur", "azure_eur")):
        delivered = ask(
            f"""SELECT strftime(CAST(BillingPeriodStart AS TIMESTAMP), '%Y%m'),
                       CAST(sum(CAST(BilledCost AS {EXACT})) AS {EXACT}),
                       CAST(sum(CAST(EffectiveCost AS {EXACT})) AS {EXACT})
                FROM {table} GROUP BY 1 ORDER BY 1"""
        )
        assert ask(truth, bill) == delivered
        assert len(delivered) == 13
    delivered = ask(f"SELECT invoice.month, CAST(sum({GCP_NET}) AS {EXACT}) FROM gcp GROUP BY 1 ORDER BY 1")
    assert [row[:2] for row in ask(truth, "gcp")] == delivered
    assert ask("SELECT bill FROM truth GROUP BY 1 HAVING count(DISTINCT currency) > 1") == []
    assert ask("SELECT DISTINCT currency FROM truth WHERE bill = 'azure-eur'") == [("EUR",)]


def test_shares_of_a_shared_charge_add_up_to_one(ask: Ask) -> None:
    wrong = ask(
        """SELECT resource_id, sku_id, charge_date, sum(share) FROM truth WHERE difficulty = 'shared_node'
           GROUP BY ALL HAVING count(DISTINCT pricing_category) = 1 AND abs(sum(share) - 1) > 1e-9"""
    )
    assert wrong == []
    assert ask("SELECT count(DISTINCT model) > 3 FROM truth WHERE difficulty = 'shared_node'") == [(True,)]
    assert ask("SELECT sum(effective_cost) > 0 FROM truth WHERE stage = 'idle'") == [(True,)]


def test_invoices_are_the_bills_in_whole_cents(ask: Ask) -> None:
    off = ask(
        f"""SELECT i.invoice_id FROM invoices i JOIN
              (SELECT InvoiceId, sum(CAST(BilledCost AS {EXACT})) AS billed FROM aws GROUP BY 1) b
              ON b.InvoiceId = i.invoice_id
            WHERE abs(i.net + i.tax - b.billed) >= 0.01"""
    )
    assert off == []
    assert ask("SELECT count(*) FROM invoices WHERE invoice_id IN (SELECT InvoiceId FROM aws)") == [(12,)]
    assert ask("SELECT count(*) FROM invoices WHERE invoice_id IN (SELECT x_InvoiceId FROM azure_eur)") == [(12,)]
    assert ask("SELECT count(*) FROM aws WHERE InvoiceId IS NULL AND BillingPeriodStart < '2026-11-01'") == [(0,)]
    gcp = ask(f"SELECT invoice.month, sum({GCP_NET}) FROM gcp WHERE invoice.month < '202611' GROUP BY 1 ORDER BY 1")
    stated = ask("SELECT net + tax FROM invoices WHERE provider = 'gcp' ORDER BY billing_month")
    assert [total for _, total in gcp] == [total for (total,) in stated]


def test_focus_identities_hold_on_the_aws_bill(ask: Ask) -> None:
    assert ask(
        """SELECT count(*) FROM aws WHERE ListUnitPrice IS NOT NULL AND ChargeCategory = 'Usage'
           AND abs(ListUnitPrice * PricingQuantity - ListCost) > 1e-6"""
    ) == [(0,)]
    assert ask("SELECT count(*) FROM aws WHERE ChargeCategory = 'Purchase' AND EffectiveCost <> 0") == [(0,)]
    assert ask("SELECT count(*) FROM aws WHERE CommitmentDiscountStatus IS NOT NULL AND BilledCost <> 0") == [(0,)]
    assert ask("SELECT count(*) FROM aws WHERE ContractedCost > ListCost + 1e-9") == [(0,)]
    # The savings plan closes hour by hour, the reservation paid up front over its year, to the last digit.
    plan = f"""SELECT sum(CAST(BilledCost AS {EXACT})) AS fee, sum(CAST(EffectiveCost AS {EXACT})) AS used
               FROM aws WHERE CommitmentDiscountType = 'Savings Plan' GROUP BY ChargePeriodStart"""
    assert ask(f"SELECT count(*) > 5000, count(*) FILTER (fee <> used) FROM ({plan})") == [(True, 0)]
    year = ask(
        f"""SELECT sum(CAST(BilledCost AS {EXACT})) AS fee, sum(CAST(EffectiveCost AS {EXACT})) AS used FROM aws
            WHERE CommitmentDiscountType = 'Reserved' GROUP BY CommitmentDiscountId ORDER BY min(ChargePeriodStart)"""
    )
    assert year[0][0] == year[0][1] == Decimal("3.912") * Decimal("0.62") * 8760
    assert ask("SELECT count(*) > 0 FROM aws WHERE CommitmentDiscountStatus = 'Unused'") == [(True,)]


def test_azure_deviates_as_azure_does(ask: Ask) -> None:
    assert ask("SELECT count(*) FROM azure_usd WHERE ResourceId <> lower(ResourceId)") == [(0,)]
    assert ask("SELECT count(*) > 0 FROM azure_usd WHERE CommitmentDiscountId <> lower(CommitmentDiscountId)") == [
        (True,)
    ]
    assert ask(
        "SELECT count(*), sum(ListCost), sum(BilledCost) FROM azure_usd WHERE CommitmentDiscountStatus = 'Used'"
    )[0][1:] == (0, 0)
    assert ask("SELECT DISTINCT PublisherName FROM azure_usd WHERE CommitmentDiscountStatus IS NOT NULL") == [(None,)]
    assert ask("SELECT DISTINCT BillingCurrency FROM azure_eur") == [("EUR",)]
    assert ask(
        """SELECT count(*) FROM azure_usd WHERE x_PricingUnitDescription = '1K'
           AND abs(PricingQuantity * 1000 - ConsumedQuantity) > 0"""
    ) == [(0,)]
    purchased = ask(
        "SELECT BilledCost FROM azure_usd WHERE ChargeCategory = 'Purchase' AND CommitmentDiscountId IS NOT NULL"
    )
    assert purchased == [(2 * 8760 * Decimal("3.673") * Decimal("0.63"),)]


def test_google_delivers_late_rows_credits_tax_and_rounding(ask: Ask) -> None:
    assert dict(ask("SELECT cost_type, count(*) FROM gcp WHERE cost_type <> 'regular' GROUP BY 1")) == {
        "tax": 13,
        "rounding_error": 13,
        "adjustment": 1,
    }
    pacific = "strftime(CAST(replace(usage_start_time, ' UTC', '') AS TIMESTAMP) - INTERVAL 8 HOUR, '%Y%m')"
    late = ask(f"SELECT count(*) FROM gcp WHERE {pacific} <> invoice.month")[0][0]
    assert 0 < late < 100
    fees = ask(f"SELECT sum({GCP_NET}) FROM gcp WHERE sku.description LIKE 'Commitment v1%'")[0][0]
    assert fees > 0
    assert ask("SELECT DISTINCT c.type FROM (SELECT unnest(credits) AS c FROM gcp)") == [("COMMITTED_USAGE_DISCOUNT",)]
    assert ask(
        """SELECT count(*) FROM gcp WHERE cost_type = 'regular'
           AND abs(price.effective_price::DOUBLE * usage.amount_in_pricing_units - cost::DOUBLE) > 1e-5"""
    ) == [(0,)]
    gpus = {row[0] for row in ask("SELECT DISTINCT sku.description FROM gcp WHERE sku.description LIKE '%GPU%'")}
    assert "Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas" in gpus


def test_a_month_was_delivered_twice(company: SampleCompany, ask: Ask) -> None:
    first = f"read_parquet('{company.restated_first}/aws/*/data/*/*.parquet')"
    old, start = duckdb.sql(f"SELECT count(*), min(BillingPeriodStart)::DATE FROM {first}").fetchall()[0]
    new = ask("SELECT count(*) FROM aws WHERE BillingPeriodStart = ?", start)[0][0]
    assert start == date(2026, 9, 1)
    assert 0.8 * new < old < new
    runs = [
        json.loads(next(root.rglob(f"*{start:%Y-%m}/*Manifest.json")).read_text())["executionId"]
        for root in (company.restated_first / "aws", company.bills[0])
    ]
    assert runs[0] != runs[1]
    assert next((company.restated_first / "azure-usd").rglob("manifest.json"))


def test_a_service_is_of_one_category_also_where_it_is_taxed(ask: Ask) -> None:
    """EC2's tax is a charge of category Tax in the service's own category."""
    assert ask("SELECT ServiceName FROM aws GROUP BY 1 HAVING count(DISTINCT ServiceCategory) > 1") == []
    assert ask("SELECT DISTINCT ServiceName, ServiceCategory FROM aws WHERE ChargeCategory = 'Tax'") == [
        ("Amazon Elastic Compute Cloud", "Compute")
    ]


def test_every_bill_holds_what_a_finance_manager_expects(ask: Ask) -> None:
    categories = {row[0] for row in ask("SELECT DISTINCT ChargeCategory FROM aws")}
    assert categories == {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}
    assert ask("SELECT count(*) FROM aws WHERE ChargeClass = 'Correction'") == [(1,)]
    machines = " ".join(row[0] for row in ask("SELECT DISTINCT SkuMeter FROM aws"))
    for family in (
        "p3",
        "p4d",
        "p5",
        "g4dn",
        "g5",
        "g6",
        "inf2",
        "trn1",
        "Host:ml",
        "Train:ml",
        "Notebk:ml",
        "Claude4Sonnet",
    ):
        assert re.search(rf"\b{re.escape(family)}", machines), family
    assert ask("SELECT count(DISTINCT SubAccountId) FROM aws") == [(6,)]
    assert {row[0] for row in ask("SELECT DISTINCT difficulty FROM truth")} >= {
        "tagged", "untagged_with_signal", "wrong_tag", "shared_node", "token_api", "no_signal",
    }  # fmt: skip
