"""Whose tax is on the invoices alone: it is not said to be in numbers that have none of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Connection, insert

from aispend.schema import invoice
from aispend.store import Store
from analyzer.series import OWN
from reports import views
from reports.formats import basis_lines, inclusion, tax_included
from reports.views import SpendQuery, Window
from tests.reports.ledger import Ledger, Share

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


def charge(ledger: Ledger, provider: str, scope: str, *months: date, state: str = "final", tax: str = "") -> None:
    for month in months:
        bill = ledger.bill(provider, scope, month, state=state)
        ledger.charge(bill, month, [Share(("5",) * 4)], provider=provider, billing_account=scope)
        if tax:
            lines = [Share((tax,) * 4, is_ai=False)]
            ledger.charge(bill, month, lines, provider=provider, billing_account=scope, category="Tax")


def invoiced(connection: Connection, provider: str, scope: str, tax: str) -> None:
    connection.execute(
        insert(invoice).values(
            provider=provider,
            invoice_id=f"{provider}-{scope}",
            currency="USD",
            issuer="who",
            scope=scope,
            billing_month=OCTOBER,
            net=Decimal(5),
            tax=Decimal(tax),
            source="typed",
            entered_at=datetime(2026, 11, 3, tzinfo=UTC),
        )
    )


def test_only_bills_whose_tax_is_nowhere_but_on_invoices_have_it_apart(database: Store) -> None:
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        charge(ledger, "azure", "ea", OCTOBER)
        charge(ledger, "aws", "111", OCTOBER, tax="1")
        charge(ledger, "aws", "111", NOVEMBER, state="open")
        charge(ledger, "gcp", "A-B", OCTOBER)
        charge(ledger, "oci", "t", OCTOBER)
        charge(ledger, OWN, "people", OCTOBER)
        ledger.roll_up()
        invoiced(connection, "aws", "111", "1")
        invoiced(connection, "oci", "t", "0")
        # Google's and Oracle's bills without tax are taken at their word: their invoices do not say otherwise
        assert views.tax_apart(connection) == ("azure",)
        invoiced(connection, "gcp", "A-B", "2")
        assert views.tax_apart(connection) == ("azure", "gcp")


def test_it_is_said_of_the_providers_in_the_numbers(database: Store) -> None:
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        charge(ledger, "azure", "ea", OCTOBER)
        charge(ledger, "aws", "111", OCTOBER, NOVEMBER, tax="1")
        ledger.roll_up()

        def of(first: date, **query: object) -> views.Basis:
            window = Window(first, date(2026, 12, 1))
            return views.spend(connection, SpendQuery(window=window, **query)).basis  # type: ignore[arg-type]

        assert inclusion(of(OCTOBER)) == "tax and credits included (Azure's tax is on its invoices alone)"
        assert basis_lines(of(OCTOBER))[0].startswith(
            "All spend by effective cost, tax and credits included (Azure's tax is on its invoices alone); charge day"
        )
        assert inclusion(of(NOVEMBER)) == "tax and credits included"
        assert inclusion(of(OCTOBER, without=("tax",))) == "without tax"
        assert inclusion(of(OCTOBER, ai_only=True)) == "before tax, credits included"


def test_several_are_named_together() -> None:
    assert tax_included(()) == "tax and credits included"
    assert tax_included(("azure", "gcp")) == (
        "tax and credits included (the tax of Azure and Google Cloud is on their invoices alone)"
    )
