"""An invoice is what one issuer says under one number: two that have a number in common are two."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from aispend.errors import UsageError
from aispend.store.collections import merge_rows
from aispend.store.invoices import Invoice, save_invoice
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_accruals import close_september, estimates
from tests.analyzer.test_invoices import listed
from tests.analyzer.test_reconcile import findings, type_in

D = Decimal
OCTOBER = date(2026, 10, 1)
GIVEN = Invoice("aws", "N-10", "USD", None, "payer", OCTOBER, D(2000), D(420), "typed", "ada")


def billed(ledger: Ledger, *, seller: str | None = "Acme Inc") -> None:
    """N-10 of AWS EMEA, 2,000 and a tax of 420; and N-10 of ``seller``, 200."""
    number: dict[str, Any] = {"kind": {"invoice_id": "N-10"}}
    ledger.charge("2026-10-05", "2000", issuer="AWS EMEA", **number)
    ledger.charge("2026-10-06", "420", category="Tax", is_ai=False, issuer="AWS EMEA", **number)
    ledger.charge("2026-10-07", "200", issuer=seller, service_name="AWS Marketplace", **number)


def add(ledger: Ledger, **values: Any) -> None:
    with ledger.store.engine.begin() as connection:
        save_invoice(connection, replace(GIVEN, **values), ledger.clock)


def stored(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in ledger.rows("SELECT issuer, net + tax FROM invoice ORDER BY issuer")]


def told(ledger: Ledger) -> list[tuple[Any, ...]]:
    rows = listed(ledger)
    return [(row.issuer, row.billed_cost, row.billed_tax, row.total, row.difference, row.state) for row in rows]


def test_one_number_of_two_issuers_is_two_invoices(ledger: Ledger) -> None:
    billed(ledger)
    assert told(ledger) == [
        ("Acme Inc", D(200), None, None, None, "total not known"),
        ("AWS EMEA", D(2420), D(420), None, None, "total not known"),
    ]


@pytest.mark.parametrize("first", ["AWS EMEA", "aws emea", None])
def test_each_is_held_against_its_own_lines(ledger: Ledger, first: str | None) -> None:
    """The first is told with its issuer, however that is written, or without: then it is what is nobody else's."""
    billed(ledger)
    add(ledger, issuer=first)
    add(ledger, issuer="Acme Inc", net=D(200), tax=D(0))
    assert sorted(row[1] for row in stored(ledger)) == [D(200), D(2420)]
    found = findings(ledger, "matches the invoice")
    assert sorted((row.ours, row.theirs, row.holds) for row in found) == [
        (D(200), D(200), True),
        (D(2420), D(2420), True),
    ]
    amounts = sorted((row.billed_cost, row.billed_tax, row.total, row.state) for row in listed(ledger))
    assert amounts == [(D(200), None, D(200), "matches"), (D(2420), D(420), D(2420), "matches")]


def test_an_invoice_without_issuer_says_that_its_lines_are_of_two(ledger: Ledger) -> None:
    billed(ledger)
    add(ledger)
    (row,) = findings(ledger, "matches the invoice")
    assert (row.ours, row.difference, row.holds) == (D(2620), D(200), False)
    assert row.cause == "200 is unexplained: its lines are of AWS EMEA and Acme Inc; name the invoice's issuer"
    assert [row[:2] for row in told(ledger)] == [("aws", D(2620))]


def test_lines_that_name_no_issuer_are_of_the_only_one_named(ledger: Ledger) -> None:
    billed(ledger, seller=None)
    assert told(ledger) == [("AWS EMEA", D(2620), D(420), None, None, "total not known")]
    add(ledger, issuer="AWS EMEA", net=D(2200))
    assert [row[-2:] for row in told(ledger)] == [(D(0), "matches")]


def of_one_issuer(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "2420", issuer="AWS EMEA", kind={"invoice_id": "N-10"})


def test_who_names_the_issuer_later_names_that_of_the_same_invoice(ledger: Ledger) -> None:
    of_one_issuer(ledger)
    add(ledger)
    add(ledger, issuer="AWS EMEA", net=D(2001))
    assert stored(ledger) == [("AWS EMEA", D(2421))]
    add(ledger)
    assert stored(ledger) == [("AWS EMEA", D(2420))]


def test_another_issuer_of_a_number_whose_lines_are_of_one_is_refused(ledger: Ledger) -> None:
    """It would take the place of the first, or have no lines."""
    of_one_issuer(ledger)
    add(ledger, issuer="AWS EMEA")
    with pytest.raises(UsageError, match="AWS EMEA"):
        add(ledger, issuer="Amazon", net=D(1))
    assert stored(ledger) == [("AWS EMEA", D(2420))]


def test_without_lines_two_issuers_are_two_and_none_is_a_question(ledger: Ledger) -> None:
    add(ledger, issuer="AWS EMEA")
    add(ledger, issuer="Acme Inc", net=D(200), tax=D(0))
    assert stored(ledger) == [("AWS EMEA", D(2420)), ("Acme Inc", D(200))]
    with pytest.raises(UsageError, match="several issuers"):
        add(ledger)


def test_what_the_provider_tells_takes_the_place_of_what_was_typed(ledger: Ledger) -> None:
    of_one_issuer(ledger)
    add(ledger, issuer="AWS", net=D(1), tax=D(0))
    row = {
        "provider": "aws",
        "invoice_id": "N-10",
        "currency": "USD",
        "issuer": "AWS EMEA",
        "scope": "payer",
        "billing_month": OCTOBER,
        "net": D(2000),
        "tax": D(420),
        "entered_by": None,
        "entered_at": ledger.clock(),
    }
    with ledger.store.engine.begin() as connection:
        merge_rows(connection, "invoice", "aws", [row])
    assert stored(ledger) == [("AWS EMEA", D(2420))]


def test_tax_of_one_issuer_is_not_that_of_the_other(ledger: Ledger) -> None:
    """September's N-9 is 1,000 of Microsoft for eu1, taxed with 200, and 1,000 of a seller for eu2, not taxed."""
    for issuer, scope, tax in (("Microsoft", "eu1", "200"), ("Seller", "eu2", "0")):
        azure: dict[str, Any] = {"provider": "azure", "scope": scope, "currency": "EUR"}
        ledger.charge("2026-09-05", "1000", issuer=issuer, kind={"invoice_id": "N-9"}, **azure)
        ledger.charge("2026-10-04", "500", **azure)
        named: dict[str, Any] = {**azure, "invoice_id": "N-9", "issuer": issuer}
        type_in(ledger, billing_month=date(2026, 9, 1), net=D(1000), tax=D(tax), **named)
    close_september(ledger)
    # 20 % of eu1's 500, and none of eu2's; not 10 % of both
    assert [row[-1] for row in estimates(ledger)] == [D("100.00")]
