"""Every invoice with what its lines come to, its own total where known, and how the two compare; by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aispend.money import exact_sum
from reports import views
from reports.views import Window
from reports.views.invoices import state_of
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_reconcile import type_in

D = Decimal
OCTOBER = date(2026, 10, 1)


def listed(ledger: Ledger, window: Window | None = None) -> list[views.InvoiceRow]:
    with ledger.store.engine.connect() as connection:
        return list(views.invoices(connection, window))


def told(row: views.InvoiceRow) -> tuple[Any, ...]:
    return row.issuer, row.invoice_id, row.currency, row.billed_cost, row.total, row.difference, row.state


def numbered(ledger: Ledger) -> None:
    """Of October: A-1 of 10 and a tax of 1.5, A-2 of 4 euros, 2 that name no invoice; of November 7 under A-3."""
    ledger.charge("2026-10-05", "10", kind={"invoice_id": "A-1"})
    ledger.charge("2026-10-06", "1.5", category="Tax", kind={"invoice_id": "A-1"}, is_ai=False)
    ledger.charge("2026-10-06", "4", currency="EUR", kind={"invoice_id": "A-2"})
    ledger.charge("2026-10-07", "2")
    ledger.charge("2026-11-05", "7", kind={"invoice_id": "A-3"})


def test_each_number_of_the_bill_is_an_invoice_and_a_total_is_held_against_it(ledger: Ledger) -> None:
    numbered(ledger)
    type_in(ledger)
    type_in(ledger, invoice_id="A-3", billing_month=date(2026, 11, 1), net=D(8), tax=D(0))
    type_in(ledger, invoice_id="B-9", net=D(3), tax=D(0))
    found = listed(ledger)
    assert [told(row) for row in found] == [
        ("Amazon", "A-3", "USD", D(7), D(8), D(-1), "differs"),
        ("Amazon", "A-1", "USD", D("11.5"), D("11.5"), D(0), "matches"),
        (None, "A-2", "EUR", D(4), None, None, "total not known"),
        ("Amazon", "B-9", "USD", None, D(3), None, "not in the bill"),
        (None, None, "USD", D(2), None, None, "no number"),
    ]
    first = found[1]
    assert (first.month, first.provider, first.scope, first.bill_state) == (OCTOBER, "aws", "payer", "provisional")
    assert (first.billed_tax, first.net, first.tax, first.cause) == (D("1.5"), D(10), D("1.5"), "equal")
    assert found[0].cause.startswith("-1 is unexplained: the bill of the month is provisional")


def test_all_lines_of_clouds_are_on_the_list_and_none_twice(ledger: Ledger) -> None:
    numbered(ledger)
    type_in(ledger)
    ledger.charge("2026-10-05", "3", provider="gcp", scope="BA", account_id="p")
    ledger.charge("2026-10-05", "99", provider="own", scope="costs")  # no cloud bills it
    sums: dict[str, list[Decimal]] = {}
    for row in listed(ledger):
        sums.setdefault(row.currency, []).append(row.billed_cost or D(0))
    assert {code: exact_sum(amounts) for code, amounts in sums.items()} == {"USD": D("23.5"), "EUR": D(4)}


def test_one_invoice_of_a_bill_without_numbers_is_the_bill(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10")
    type_in(ledger)
    (row,) = listed(ledger)
    assert told(row) == ("Amazon", "A-1", "USD", D(10), D("11.5"), D("-1.5"), "matches but for tax")
    assert row.cause == "the bill has no lines for the tax of 1.5"


def test_several_invoices_of_a_bill_without_numbers_are_held_against_it_together(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "9")
    type_in(ledger, net=D(6), tax=D(0))
    type_in(ledger, invoice_id="M-2", issuer="AWS Marketplace", net=D(3), tax=D(1))
    assert [told(row) for row in listed(ledger)] == [
        ("Amazon", "A-1", "USD", None, D(6), None, "with others"),
        ("AWS Marketplace", "M-2", "USD", None, D(4), None, "with others"),
        (None, None, "USD", D(9), D(10), D(-1), "matches but for tax"),
    ]
    assert listed(ledger)[0].cause == "the bill names no invoice: Amazon A-1, AWS Marketplace M-2 together"


def test_months_of_a_window_alone(ledger: Ledger) -> None:
    numbered(ledger)
    assert {row.invoice_id for row in listed(ledger, Window(OCTOBER, date(2026, 11, 1)))} == {"A-1", "A-2", None}
    assert listed(ledger, Window(date(2025, 1, 1), date(2025, 2, 1))) == []


@given(st.booleans(), st.booleans(), st.booleans())
def test_each_outcome_of_the_check_has_one_state(holds: bool, attention: bool, billed: bool) -> None:
    state = state_of(holds=holds, attention=attention, billed=billed)
    if not billed:
        assert state == ("not compared" if holds else "not in the bill")
    else:
        assert state == (("matches but for tax" if attention else "matches") if holds else "differs")
