"""aispend invoices: what is billed under each number, and what the invoice itself says."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import AllFromOption, DatabaseOption, Format, FormatOption, ToOption
from aispend.cli.show import Head
from aispend.money import exact_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reports import views


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("invoices")(invoices)


def invoices(
    first: AllFromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Invoices: what their lines come to, and what they say.

    Each number the bills name, and each total that was collected, imported or typed in (aispend invoice add), by
    billing month. Lines that name no invoice are told as such, so that the list adds up to what clouds billed. Amounts
    stay in the invoice's currency.

    Example: aispend invoices --from 2026-10 --to 2026-11
    """
    from reports import records, views
    from reports.columns import INVOICES
    from reports.home_first import currency_order

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.charge_days(connection))
        rows = views.invoices(connection, window)
        home = door.settings.reporting_currency
        missing = "" if rows else nothing.no_invoices(connection)
    if not show.answered(INVOICES, records.records(INVOICES, rows), style, missing):
        _table(rows, currency_order(home))


def _table(rows: Sequence[views.InvoiceRow], order: Callable[[str | None], tuple[bool, str]]) -> None:
    from reports.formats import UNKNOWN, money

    show.table(
        [
            Head("invoice", wrap=True),
            Head("month"),
            Head("billed", "right"),
            Head("its total", "right"),
            Head("of it tax", "right"),
            Head("difference", "right"),
            Head(""),
            Head("state", wrap=True),
        ],
        [
            (
                f"{row.invoice_id or 'no number'}\n{row.issuer or row.provider} {show.short_id(row.scope, 14)}",
                f"{row.month:%Y-%m}",
                money(row.billed_cost),
                money(row.total),
                money(row.billed_tax if row.total is None else row.tax),
                UNKNOWN if row.difference is None else money(row.difference),
                row.currency,
                row.state + (f"\n{row.bill_state}" if row.bill_state in ("open", "provisional") else ""),
            )
            for row in rows
        ],
        notes=[
            *_look_at(rows),
            *_billed(rows, order),
            "Billed: what the lines come to, tax and credits included. Its total: net and tax of the invoice itself. "
            "Tax: the invoice's, or that of the lines where its total is not known. Type totals in: aispend invoice "
            "add. Checked: aispend reconcile",
        ],
    )


def _look_at(rows: Sequence[views.InvoiceRow]) -> Iterator[str]:
    """Why an invoice and its lines differ."""
    for row in rows:
        if row.cause and row.state not in ("matches", "total not known", "no number"):
            name = f"{row.issuer or row.provider} {row.invoice_id or f'of {row.month:%Y-%m} without a number'}"
            yield f"{name}, {row.currency}: {row.cause}."


def _billed(rows: Sequence[views.InvoiceRow], order: Callable[[str | None], tuple[bool, str]]) -> Iterator[str]:
    from reports.formats import money

    sums = {
        code: exact_sum(row.billed_cost or Decimal(0) for row in rows if row.currency == code)
        for code in sorted({row.currency for row in rows}, key=order)
    }
    yield f"Billed in all: {', '.join(f'{money(amount)} {code}' for code, amount in sums.items())}."
