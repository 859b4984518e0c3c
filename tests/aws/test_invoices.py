"""Invoice totals: what bills are held against, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from analyzer.reconcile_bills import closes_to_the_invoice
from collectors.aws.clients import AwsClients
from collectors.aws.invoices import Invoices
from collectors.files.bills import import_bills
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError

D = Decimal
OCTOBER = (date(2026, 10, 1), date(2026, 11, 1))
HEADER = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,"
    "ChargeDescription,ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceId,"
    "InvoiceIssuerName,ListCost,PricingQuantity,PricingUnit,ProviderName,PublisherName,RegionId,ResourceId,"
    "ServiceCategory,ServiceName,SubAccountId,Tags"
)
Run = Callable[..., SourceReport]


def summary(number: str, total: str, net: str, **changes: Any) -> dict[str, Any]:
    return {
        "AccountId": ACCOUNT,
        "InvoiceId": number,
        "Entity": {"InvoicingEntity": "Amazon Web Services, Inc."},
        "BillingPeriod": {"Month": 10, "Year": 2026},
        "InvoiceType": "INVOICE",
        "BaseCurrencyAmount": {"TotalAmount": total, "TotalAmountBeforeTax": net, "CurrencyCode": "USD"},
        **changes,
    }


def answer(*summaries: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"InvoiceSummaries": list(summaries), **more}


def bill(path: Path, *lines: tuple[str, str, str]) -> Path:
    """A FOCUS bill of October: cost, category and invoice of each line."""
    written = [
        f"{cost},{ACCOUNT},USD,2026-11-01T00:00:00Z,2026-10-01T00:00:00Z,{category},,GPU,Usage-Based,"
        f"2026-10-04T00:00:00Z,2026-10-03T00:00:00Z,{cost},{cost},{number},AWS,{cost},24,Hours,AWS,AWS,us-east-1,i-1,"
        f"Compute,Amazon EC2,222233334444,"
        for cost, category, number in lines
    ]
    path.write_text("\n".join([HEADER, *written]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def collector(connect: Callable[..., AwsClients], clock: Clock) -> Invoices:
    return Invoices(connect(), clock)


def rows(database: Store) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        return [dict(row) for row in connection.execute(text("SELECT * FROM invoice ORDER BY invoice_id")).mappings()]


@pytest.mark.parametrize(
    ("net", "total", "difference", "holds"),
    [
        ("100.25", "107.25", "0", True),
        ("100.26", "107.26", "-0.01", True),  # what an invoice rounds; said, with its amount
        ("100.27", "107.27", "-0.02", False),
        ("100.23", "107.23", "0.02", False),
    ],
)
def test_a_bill_closes_to_the_collected_invoice_or_says_by_how_much_not(
    aws: Aws,
    collector: Invoices,
    run: Run,
    database: Store,
    store_settings: Settings,
    clock: Clock,
    tmp_path: Path,
    net: str,
    total: str,
    difference: str,
    holds: bool,
) -> None:
    path = bill(tmp_path / "bill.csv", ("60.125", "Usage", "A1"), ("40.125", "Usage", "A1"), ("7", "Tax", "A1"))
    import_bills([path], database, store_settings, clock)
    aws.on("invoicing.ListInvoiceSummaries", answer(summary("A1", total, net)))
    assert run(collector, first=OCTOBER[0], end=OCTOBER[1]).rows == 1

    with database.engine.connect() as connection:
        (finding,) = closes_to_the_invoice(connection)
    assert (finding.promise, finding.holds) == ("matches the invoice", holds)
    assert (finding.ours, finding.difference) == (D("107.25"), D(difference))
    with database.engine.connect() as connection:
        scopes = connection.scalars(text("SELECT scope FROM slice WHERE kind = 'bill' UNION SELECT scope FROM invoice"))
        assert scopes.all() == [ACCOUNT], "an invoice and its bill are of one billing account"


def test_amounts_are_those_of_the_text_and_net_and_tax_add_up(
    aws: Aws, collector: Invoices, run: Run, database: Store
) -> None:
    breakdown = {"AmountBreakdown": {"Taxes": {"TotalAmount": "0.20"}}}
    amount = {"TotalAmount": "1,000.30", "TotalAmountBeforeTax": "1000.10", "CurrencyCode": "USD", **breakdown}
    memo = summary("C1", "-5.00", "-5.00", InvoiceType="CREDIT_MEMO")
    aws.on("invoicing.ListInvoiceSummaries", answer(summary("A1", "", "", BaseCurrencyAmount=amount), memo))
    run(collector, first=OCTOBER[0], end=OCTOBER[1])
    first, credit = rows(database)
    assert (first["net"], first["tax"], first["currency"]) == (D("1000.10"), D("0.20"), "USD")
    assert (first["issuer"], first["scope"]) == ("Amazon Web Services, Inc.", ACCOUNT)
    assert (first["billing_month"], first["source"]) == (date(2026, 10, 1), "aws/invoices")
    assert (credit["net"], credit["tax"]) == (-5, 0)


def test_pages_are_joined_and_an_invoice_that_comes_twice_is_one(
    aws: Aws, collector: Invoices, run: Run, database: Store
) -> None:
    first, second = summary("A1", "10", "10"), summary("A2", "20", "20")
    aws.on("invoicing.ListInvoiceSummaries", [answer(first, NextToken="2"), answer(first, second)])
    run(collector, first=OCTOBER[0], end=OCTOBER[1])
    assert [row["invoice_id"] for row in rows(database)] == ["A1", "A2"]
    assert aws.operations().count("invoicing.ListInvoiceSummaries") == 2
    asked = aws.calls[-1][1]
    assert asked["Selector"] == {"ResourceType": "ACCOUNT_ID", "Value": ACCOUNT}
    assert asked["Filter"]["BillingPeriod"] == {"Month": 10, "Year": 2026}


def test_a_page_that_repeats_for_ever_fails_its_month(aws: Aws, collector: Invoices, run: Run, database: Store) -> None:
    aws.on("invoicing.ListInvoiceSummaries", answer(summary("A1", "10", "10"), NextToken="2"))
    (month,) = run(collector, first=OCTOBER[0], end=OCTOBER[1]).slices
    assert month.outcome == "failed"
    assert rows(database) == []


def test_receipts_tax_invoices_and_sales_are_not_counted_and_no_total_is_a_remark(
    aws: Aws, collector: Invoices, run: Run, database: Store
) -> None:
    listed = [
        summary("A1", "12", "10"),
        summary("T1", "12", "10", CommercialInvoiceId="A1"),
        summary("R1", "12", "10", InvoiceType="PAYMENT_RECEIPT"),
        summary("S1", "99", "99", ReceiverRole="SELLER"),
        summary("N1", "", "", BaseCurrencyAmount={"CurrencyCode": "USD"}),
    ]
    aws.on("invoicing.ListInvoiceSummaries", answer(*listed))
    (month,) = run(collector, first=OCTOBER[0], end=OCTOBER[1]).slices
    assert [row["invoice_id"] for row in rows(database)] == ["A1"]
    assert month.notes == ("Invoice N1 has no total in the currency of the services.",)


def test_settled_months_are_asked_for_once_and_others_once_a_day(aws: Aws, collector: Invoices, run: Run) -> None:
    aws.on("invoicing.ListInvoiceSummaries", answer())
    first = run(collector)
    assert first.loaded == 14, "October 2025 to November 2026, a month each"
    assert set(aws.operations()) <= set(Invoices.operations)
    aws.calls.clear()

    again = run(collector)
    # on 21 November, September (closed for 51 days) and what came after may still change
    assert (again.unchanged, again.loaded, aws.operations()) == (3, 0, [])


def test_no_invoices_where_there_were_some_is_an_error_and_they_stay(
    aws: Aws, connect: Callable[..., AwsClients], run: Run, database: Store, clock: Clock
) -> None:
    aws.on("invoicing.ListInvoiceSummaries", [answer(summary("A1", "10", "10")), answer()])
    run(Invoices(connect(), clock), first=OCTOBER[0], end=OCTOBER[1])
    tomorrow = clock().replace(day=22)
    report = run(Invoices(connect(), lambda: tomorrow), first=OCTOBER[0], end=OCTOBER[1])
    assert report.failures == 1
    assert [row["invoice_id"] for row in rows(database)] == ["A1"]


def test_without_the_permission_the_source_says_so(aws: Aws, collector: Invoices, run: Run) -> None:
    aws.on("invoicing.ListInvoiceSummaries", [RefusalError("AccessDeniedException")])
    assert "denies ListInvoiceSummaries" in str(run(collector).error)


def test_a_settled_month_is_asked_for_again_where_a_person_asks(aws: Aws, collector: Invoices, run: Run) -> None:
    aws.on("invoicing.ListInvoiceSummaries", {"InvoiceSummaries": []})
    june = {"first": date(2026, 6, 1), "end": date(2026, 7, 1)}
    assert run(collector, **june).loaded == 1
    assert run(collector, **june).unchanged == 1, "on one day once"
    usual = run(collector)
    assert "invoices of 2026-06" not in [one.title for one in usual.slices]
    assert [one.outcome for one in run(collector, **june).slices] == ["unchanged"]
