"""Invoice totals from a CSV file, all or none."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from aispend.clock import Clock, month_of
from aispend.store import Store
from aispend.store.invoices import Invoice, save_invoice
from collectors.files.forms import Line, read_form

COLUMNS = ("provider", "invoice_id", "currency", "issuer", "scope", "billing_month", "net", "tax")


def import_invoices(path: Path, store: Store, clock: Clock, *, entered_by: str | None = None) -> int:
    """Load the invoices of ``path`` and return how many; one with a known number is replaced.

    Raises ``InputError`` naming line and column where the file cannot be used; nothing is loaded then.
    """
    invoices = read_form([path], COLUMNS, None, partial(_invoice, entered_by=entered_by))
    with store.engine.begin() as connection:
        for item in invoices:
            save_invoice(connection, item, clock)
    return len(invoices)


def _invoice(line: Line, entered_by: str | None) -> Invoice:
    return Invoice(
        provider=line.need("provider").lower(),
        invoice_id=line.need("invoice_id"),
        currency=line.currency("currency"),
        issuer=line.need("issuer"),
        scope=line.need("scope"),
        billing_month=month_of(line.day("billing_month")),
        net=line.amount("net"),
        tax=line.amount("tax"),
        source="file",
        entered_by=entered_by,
    )
