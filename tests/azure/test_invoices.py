"""Azure's invoices: the totals bills are held against, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.invoices import Invoices, invoice_rows
from collectors.runner import SourceReport
from sample.azure_double import Azure, Call, RefusalError

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
ACCOUNT = "/providers/Microsoft.Billing/billingAccounts/1"
BILLED = "GET /providers/Microsoft.Billing/billingAccounts"
INVOICES = f"GET {ACCOUNT}/invoices"
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def invoice(number: str, before_tax: Any, total: Any, **about: Any) -> dict[str, Any]:
    """An invoice of October."""
    amounts = {"subTotal": before_tax, "totalAmount": total}
    said = {name: {"currency": "USD", "value": value} for name, value in amounts.items()}
    period = {"invoicePeriodStartDate": "2026-10-01T00:00:00Z", "invoicePeriodEndDate": "2026-10-31T00:00:00Z"}
    return {"name": number, "properties": said | period | {"documentType": "Invoice", "status": "Due"} | about}


def kept(store: Store) -> list[tuple[Any, ...]]:
    query = """SELECT provider, invoice_id, scope, billing_month::text, net::numeric(20, 2)::text,
                      tax::numeric(20, 2)::text, currency FROM invoice ORDER BY invoice_id"""
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_invoices_of_the_accounts_that_may_be_seen_are_kept_with_net_and_tax(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    azure.on(BILLED, {"value": [{"name": "1"}]})
    profile = {"billingProfileId": f"{ACCOUNT}/billingProfiles/ABCD-EF"}

    def pages(call: Call) -> Any:
        if "page" in call.query:
            return {"value": [invoice("T2", 50.5, 60.1, **profile)]}
        return {"value": [invoice("T1", 100, 107)], "nextLink": f"{azure.url}{ACCOUNT}/invoices?page=2&api-version=1"}

    azure.on(INVOICES, pages)
    report = run(Invoices(connect(), clock))
    assert (report.error, report.loaded, set(report.requests)) == (None, 1, set(Invoices.operations))
    asked = azure.asked("/invoices")[0].query
    assert (asked["periodStartDate"], asked["periodEndDate"]) == ("2025-10-17", "2026-11-22")
    assert kept(database) == [
        ("azure", "T1", "1", "2026-10-01", "100.00", "7.00", "USD"),
        ("azure", "T2", "abcd-ef", "2026-10-01", "50.50", "9.60", "USD"),
    ]
    assert run(Invoices(connect(), clock)).loaded == 0, "once a day"


def test_accounts_of_the_settings_are_asked_whatever_scopes_name_them(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    azure.on(INVOICES, {"value": [invoice("T1", 100, 107)]})
    scopes = (f"{ACCOUNT}/billingProfiles/P", ACCOUNT, "subscriptions/1")
    report = run(Invoices(connect(billing_scopes=scopes), clock))
    assert (report.requests, len(kept(database))) == ({"arm.ListInvoices": 1}, 1)


def test_without_a_billing_account_nothing_is_asked_and_the_doctor_says_why(
    azure: Azure, connect: Connect, clock: Clock, run: Run
) -> None:
    azure.on(BILLED, {"value": []})
    assert run(Invoices(connect(), clock)).slices == []
    (found,) = Invoices(connect(), clock).examine()
    assert (found.state, "role in billing" in found.next_step) == ("note", True)


def test_an_account_that_is_denied_keeps_none_of_the_others_from_being_read(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    azure.on(BILLED, {"value": [{"name": "1"}, {"name": "2"}]})
    azure.on(INVOICES.replace("Accounts/1", "Accounts/2"), {"value": [invoice("T1", 100, 107)]})
    azure.on(INVOICES, RefusalError(403, "AuthorizationFailed"))
    report = run(Invoices(connect(), clock))
    assert [one.outcome for one in report.slices] == ["failed", "loaded"]
    assert "Billing account reader" in report.slices[0].message
    assert [row[2] for row in kept(database)] == ["2"]


def test_what_prepayment_paid_is_charged_all_the_same() -> None:
    """80 are due of 100 that were charged: the bill shows 100."""
    applied = {"azurePrepaymentApplied": {"currency": "USD", "value": 15}}
    credit = {"freeAzureCreditApplied": {"currency": "USD", "value": 5}}
    ((row,), notes) = invoice_rows([invoice("T1", 80, 87, **applied, **credit)], "1", NOW)
    assert (row["net"], row["tax"]) == (100, 7)
    assert notes == ("Invoice T1: 20 USD of prepayment or credit paid charges of it.",)


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"status": "Void"}, "Invoice T1 is left out"),
        ({"documentType": "VoidNote"}, "VoidNote T1 is left out"),
        ({"documentType": "CreditNote"}, "CreditNote T1 is left out"),
        ({"subTotal": None}, "Invoice T1 tells no total before tax"),
        ({"invoicePeriodStartDate": None}, "or not of which month"),
        ({"totalAmount": {"currency": "EUR", "value": 7}}, "tells no total"),
    ],
)
def test_what_bills_nothing_or_says_too_little_is_a_remark(about: dict[str, Any], says: str) -> None:
    rows, (note,) = invoice_rows([invoice("T1", 100, 107, **about)], "1", NOW)
    assert (rows, says in note) == ([], True)


def test_months_are_read_in_both_ways_azure_writes_days_and_amounts_that_are_none_are_refused() -> None:
    ((row,), _) = invoice_rows([invoice("T1", 1, 1, invoicePeriodStartDate="10-05-2026")], "1", NOW)
    assert row["billing_month"] == date(2026, 10, 1)
    with pytest.raises(InputError, match="not an amount"):
        invoice_rows([invoice("T1", "much", 1)], "1", NOW)


@given(st.decimals(-(10**9), 10**9, places=4), st.decimals(-(10**9), 10**9, places=4))
def test_net_and_tax_add_up_to_the_invoice(before_tax: Decimal, total: Decimal) -> None:
    ((row,), _) = invoice_rows([invoice("T1", before_tax, total)], "1", NOW)
    assert row["net"] + row["tax"] == total
