"""Invoice totals from a CSV file, all or none."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from aispend.store.invoices import Invoice, save_invoice

COLUMNS = ("provider", "invoice_id", "currency", "issuer", "scope", "billing_month", "net", "tax")


def import_invoices(path: Path, store: Store, clock: Clock, *, entered_by: str | None = None) -> int:
    """Load the invoices of ``path`` and return how many; one with a known number is replaced.

    Raises ``InputError`` naming line and column where the file cannot be used; nothing is loaded then.
    """
    invoices = _read(path, entered_by)
    with store.engine.begin() as connection:
        for item in invoices:
            save_invoice(connection, item, clock)
    return len(invoices)


def _read(path: Path, entered_by: str | None) -> list[Invoice]:
    if not path.is_file():
        raise InputError("There is no such file.", where=str(path))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"Columns are missing: {', '.join(missing)}.",
                where=f"{path}, line 1",
                next_step=f"Give the columns {', '.join(COLUMNS)}.",
            )
        found = [_invoice(row, f"{path}, line {reader.line_num}", entered_by) for row in reader]
    if not found:
        raise InputError("There is a header but no invoice.", where=str(path))
    return found


def _invoice(row: dict[str, str | None], where: str, entered_by: str | None) -> Invoice:
    empty = [name for name in COLUMNS if not (row[name] or "").strip()]
    if empty:
        raise InputError("A value is missing.", where=f"{where}, column {empty[0]}", next_step="Fill it in.")
    text = {name: (row[name] or "").strip() for name in COLUMNS}
    return Invoice(
        provider=text["provider"].lower(),
        invoice_id=text["invoice_id"],
        currency=text["currency"].upper(),
        issuer=text["issuer"],
        scope=text["scope"],
        billing_month=_month(text["billing_month"], where),
        net=_amount("net", text["net"], where),
        tax=_amount("tax", text["tax"], where),
        source="file",
        entered_by=entered_by,
    )


def _month(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text if len(text) > len("2026-11") else f"{text}-01").replace(day=1)
    except ValueError:
        raise InputError(
            "This is not a month.", where=f"{where}, column billing_month, value {text}", next_step="Write YYYY-MM."
        ) from None


def _amount(column: str, text: str, where: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InputError(
            "This is not an amount.",
            where=f"{where}, column {column}, value {text}",
            next_step="Write digits and a point, without separators: 1234.56.",
        )
    return amount
