"""Invoices: what the lines under a number come to, the invoice's own total where it is known, and how they compare.

Assumes     bills as loaded, and invoice totals as collected, imported or typed in.
Method      Every number the lines of an issuer name is an invoice, and so is every total known; they are held against
            each other as ``aispend reconcile`` does (:mod:`analyzer.reconcile_bills`). Lines that name no invoice are a
            row without a number, so that the list adds up to what clouds billed.
Cases       A bill without numbers is held against all invoices of its month and currency: against one as if it had
            named it, against several in its row without a number. The company's own costs are on nobody's invoice.
Drawbacks   An invoice whose lines lie in several billing months is told under the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, text

from aispend.money import exact_sum
from analyzer.invoice_lines import LINES
from analyzer.series import OWN
from reports.views.basis import Window

if TYPE_CHECKING:
    from analyzer.findings import Finding

InvoiceState = Literal[
    "matches",
    "matches but for tax",
    "differs",
    "with others",
    "total not known",
    "not in the bill",
    "not compared",
    "no number",
]


@dataclass(frozen=True)
class InvoiceRow:
    """One invoice in ``currency``, or the lines of a bill that name none (``invoice_id`` is None).

    ``billed_cost`` is what its lines come to, ``billed_tax`` the tax in it; ``total`` = ``net`` + ``tax`` is the
    invoice's own, None where it is not known; ``difference`` = billed − total. ``bill_state``: open, provisional,
    final, closed or restated; None where no bill of the month is loaded. ``cause`` says why it is in that state.
    """

    provider: str
    issuer: str | None
    invoice_id: str | None
    scope: str
    month: date
    currency: str
    billed_cost: Decimal | None
    billed_tax: Decimal | None
    net: Decimal | None
    tax: Decimal | None
    total: Decimal | None
    difference: Decimal | None
    state: InvoiceState
    cause: str | None
    bill_state: str | None


def invoices(connection: Connection, window: Window | None = None) -> tuple[InvoiceRow, ...]:
    """All of them, or those of billing months that begin in ``window``; the newest month first."""
    billed = {_key(row): row for row in _billed(connection)}
    for row in list(_known(connection, billed)):
        billed[_key(row)] = row
    found = (row for row in billed.values() if window is None or window.first <= row.month < window.end)
    return tuple(
        sorted(
            found,
            key=lambda row: (-row.month.toordinal(), row.provider, row.scope, row.invoice_id is None, *_key(row)[3:]),
        )
    )


def state_of(*, holds: bool, attention: bool, billed: bool) -> InvoiceState:
    """The outcome of the check of an invoice whose own total is known."""
    if not billed:
        return "not compared" if holds else "not in the bill"
    if not holds:
        return "differs"
    return "matches but for tax" if attention else "matches"


def _key(row: InvoiceRow) -> tuple[Any, ...]:
    """A number is an issuer's invoice wherever its lines are; lines without one are of their bill."""
    if row.invoice_id is not None:
        return row.provider, None, None, row.invoice_id, row.currency, (row.issuer or "").lower()
    return row.provider, row.scope, row.month, "", row.currency, ""


def _billed(connection: Connection) -> Iterator[InvoiceRow]:
    for row in connection.execute(text(_BILLED), {"own": OWN}).mappings():
        named = row["invoice_id"] is not None
        yield InvoiceRow(
            **row,
            net=None,
            tax=None,
            total=None,
            difference=None,
            state="total not known" if named else "no number",
            cause=None if named else "these lines name no invoice",
        )


def _known(connection: Connection, billed: dict[tuple[Any, ...], InvoiceRow]) -> Iterator[InvoiceRow]:
    """Invoices whose own total is known, with what is billed; takes the row without a number one is held against."""
    from analyzer.reconcile_bills import compared  # the other views start faster without the analyzer

    for rows, finding in compared(connection):
        ours = [_own(dict(row), finding) for row in rows]
        without = (ours[0].provider, ours[0].scope, ours[0].month, "", ours[0].currency, "")
        taken = [billed.pop(_key(replace(ours[0], issuer=issuer)), None) for issuer in rows[0]["issuers"] or ()]
        by_number = [one for one in taken if one is not None]
        if by_number or finding.ours is None:
            (one,) = ours
            taxes = [each.billed_tax for each in by_number if each.billed_tax is not None]
            yield _with(one, finding, exact_sum(taxes) if taxes else None)
        elif len(ours) == 1:
            bill = billed.pop(without)
            yield _with(ours[0], finding, bill.billed_tax)
        else:
            names = f"the bill names no invoice: {finding.scope} together"
            yield from (replace(one, state="with others", cause=names) for one in ours)
            bill = billed[without]
            net, tax, total = (
                exact_sum(amount for one in ours if (amount := getattr(one, name)) is not None)
                for name in ("net", "tax", "total")
            )
            yield _with(replace(bill, net=net, tax=tax, total=total), finding, bill.billed_tax)


def _own(row: dict[str, Any], finding: Finding) -> InvoiceRow:
    return InvoiceRow(
        provider=row["provider"],
        issuer=row["issuer"],
        invoice_id=row["invoice_id"],
        scope=row["scope"],
        month=row["billing_month"],
        currency=row["currency"],
        billed_cost=None,
        billed_tax=None,
        net=row["net"],
        tax=row["tax"],
        total=exact_sum((row["net"], row["tax"])),
        difference=None,
        state="not in the bill",
        cause=finding.cause,
        bill_state=row["state"],
    )


def _with(row: InvoiceRow, finding: Finding, billed_tax: Decimal | None) -> InvoiceRow:
    """The row with what the check found."""
    return replace(
        row,
        billed_cost=finding.ours,
        billed_tax=billed_tax,
        difference=finding.difference,
        state=state_of(holds=finding.holds, attention=finding.attention, billed=finding.ours is not None),
        cause=finding.cause,
    )


_BILLED = f"""
    WITH {LINES.format(which="s.provider <> :own")}
    SELECT provider, max(issued_by) AS issuer, invoice_id, min(scope) AS scope, min(period) AS month, currency,
           sum(billed) AS billed_cost, sum(tax) AS billed_tax,
           (array_agg(state ORDER BY period, scope))[1] AS bill_state
    FROM issued
    GROUP BY provider, invoice_id, currency, CASE WHEN invoice_id IS NOT NULL THEN lower(issued_by) END,
             CASE WHEN invoice_id IS NULL THEN scope END, CASE WHEN invoice_id IS NULL THEN period END
    HAVING sum(costs) > 0"""
