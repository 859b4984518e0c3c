"""Invoice totals, so that bills close to the invoice and not to themselves.

*Method.* The invoices of each billing month of the account that receives the bill, in the currency of the services,
which is the bill's. Net is the total before tax, tax what is between it and the total, so that the two always add up
to the invoice. A month is asked for once a day until AWS no longer restates it, and after that where a person asks.

*Left out*, each for a reason: receipts of payments, which bill nothing; tax invoices of a commercial invoice, which
would count it twice; what is sold to others. An invoice without a total in the services' currency becomes a remark.

*Assumes* that credit memos carry their own sign, as the lines of the bill that they belong to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aispend.clock import month_of, next_month
from aispend.errors import InputError
from aispend.money import cost, exact_sum
from collectors.answers import ASKS_AGAIN
from collectors.aws.base import AwsCollector
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window

_SELLING = {"SELLER", "RESELLER"}


class Invoices(AwsCollector):
    """See the module's text."""

    kind = "invoices"
    reach = timedelta(days=400)
    restated_for = timedelta(days=62)
    operations = ("invoicing.ListInvoiceSummaries", "sts.GetCallerIdentity")

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per billing month; those AWS still adds to are new every day."""
        today = self.clock().date()
        month, first = month_of(window.end - timedelta(days=1)), month_of(window.first)
        while month >= first:
            settled = next_month(month) + self.restated_for <= today
            key = f"{month:%Y-%m}"
            known = seen.get(key)
            if not settled:
                yield Slice(key, f"{today}", f"invoices of {key}")
            elif not (window.usual and known is not None and known.token.startswith("settled")):
                # a person who asks for it is answered anew
                yield Slice(key, "settled" if window.usual else f"settled {today}", f"invoices of {key}")
            month = month_of(month - timedelta(days=1))

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The invoices of one month."""
        month = date.fromisoformat(f"{piece.key}-01")
        rows, notes = invoice_rows(self._pages(month), self.clients.account, month, self.clock())
        return Reading([Merge("invoice", rows)], notes)

    def _pages(self, month: date) -> Iterator[Mapping[str, Any]]:
        client: Any = self.clients.client("invoicing")
        yield from client.get_paginator("list_invoice_summaries").paginate(
            Selector={"ResourceType": "ACCOUNT_ID", "Value": self.clients.account},
            Filter={"BillingPeriod": {"Month": month.month, "Year": month.year}},
        )


def invoice_rows(
    replies: Iterable[Mapping[str, Any]], payer: str, month: date, now: datetime
) -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
    """Rows of ``invoice`` and remarks from replies to ListInvoiceSummaries.

    >>> amount = {"TotalAmount": "107.00", "TotalAmountBeforeTax": "100.00", "CurrencyCode": "USD"}
    >>> reply = {"InvoiceSummaries": [{"InvoiceId": "7", "BaseCurrencyAmount": amount}]}
    >>> ((row,), _) = invoice_rows([reply], "111122223333", date(2026, 10, 1), datetime(2026, 11, 5))
    >>> row["net"], row["tax"]
    (Decimal('100.000000000000'), Decimal('7.000000000000'))
    """
    found = [one for reply in replies for one in reply["InvoiceSummaries"]]
    numbers = {one["InvoiceId"] for one in found}
    rows, notes = [], []
    for one in found:
        number = one["InvoiceId"]
        commercial = one.get("CommercialInvoiceId")
        if one.get("InvoiceType") == "PAYMENT_RECEIPT" or one.get("ReceiverRole") in _SELLING:
            continue
        if commercial and commercial != number and commercial in numbers:
            continue
        amount = one.get("BaseCurrencyAmount") or {}
        total, net, currency = (amount.get(name) for name in ("TotalAmount", "TotalAmountBeforeTax", "CurrencyCode"))
        if not currency or not total or not net:
            notes.append(f"Invoice {number} has no total in the currency of the services.")
            continue
        where = f"invoice {number} of {month:%Y-%m}"
        before_tax = _amount(net, where)
        tax = exact_sum((_amount(total, where), before_tax.copy_negate()))
        said = ((amount.get("AmountBreakdown") or {}).get("Taxes") or {}).get("TotalAmount")
        if said and _amount(said, where) != tax:
            notes.append(f"Invoice {number} names a tax of {said}; between its totals is {tax.normalize():f}.")
        rows.append(
            {
                "provider": "aws",
                "invoice_id": number,
                "currency": currency,
                "issuer": (one.get("Entity") or {}).get("InvoicingEntity") or "aws",
                "scope": payer,
                "billing_month": _month(one, month),
                "net": before_tax,
                "tax": tax,
                "entered_by": None,
                "entered_at": now,
            }
        )
    return rows, tuple(notes)


def _month(one: Mapping[str, Any], asked: date) -> date:
    period = one.get("BillingPeriod")
    return date(period["Year"], period["Month"], 1) if period else asked


def _amount(text: str, where: str) -> Decimal:
    try:
        return cost(text.replace(",", ""))
    except InvalidOperation:
        raise InputError("This is not an amount.", where=f"{where}: {text!r}", next_step=ASKS_AGAIN) from None
