"""Invoice totals, so that bills close to the invoice and not to themselves.

*Which accounts.* The billing accounts of the settings' scopes, else all that the credential may see: Azure lists no
others. Each is asked once a day for the invoices of the days looked at.

*Amounts.* Net is what is due before tax (``subTotal``) with what prepayment and free credit paid of it, since these pay
for charges and change none; a remark says so. Tax is what is between the total and ``subTotal``, so that both add up
to what is due. Where an agreement tells neither (pay as you go), the invoice is a remark.

*Left out*, each with a remark: invoices that were voided, the notes that void them, and credit notes.

*Whose.* A billing profile's, as its bill names it, else the account's; the month its period begins in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aispend.errors import AispendError, CollectError, InputError
from aispend.money import cost, exact_sum
from collectors.answers import ASKS_AGAIN
from collectors.azure.base import FORBIDDEN, AzureCollector, status_of
from collectors.azure.graph import name_of
from collectors.base import finding_of
from collectors.contract import Finding, Merge, Progress, Reading, Seen, Slice, Window

LISTED, ACCOUNTS = "arm.ListInvoices", "arm.ListBillingAccounts"
_ACCOUNTS_PATH = "/providers/Microsoft.Billing/billingAccounts"
_VERSION = "2024-04-01"
_ACCOUNT = re.compile(r"providers/Microsoft\.Billing/billingAccounts/[^/]+", re.IGNORECASE)
_AMERICAN = re.compile(r"(\d\d)-(\d\d)-(\d{4})")
_ROLE = "Give the identity Enrollment reader or Billing account reader there (docs/connect-azure.md)."
_NONE = "If there are some, a role in billing is missing: Azure lists none to others."


class Invoices(AzureCollector):
    """See the module's text."""

    kind = "invoices"
    reach = timedelta(days=400)
    restated_for = timedelta(days=62)
    operations = (ACCOUNTS, LISTED)

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per billing account, new every day; other days that a person asks for are slices of their own."""
        today = self.clock().date()
        for account in self._accounts():
            asked = f"{window.first} {min(window.end, today + timedelta(days=1))}"
            key = account if window.usual else f"{account} {asked}"
            yield Slice(key, f"{today} {asked}", f"invoices of {name_of(account)}")

    def examine(self) -> Iterator[Finding]:
        """Which accounts may be seen, and that their invoices may be listed."""
        from azure.core.exceptions import HttpResponseError

        today = self.clock().date()
        try:
            with self.explained(self.name):
                try:
                    accounts = self._accounts()
                    if not accounts:
                        yield Finding("note", "no billing account is visible, so no invoices are", _NONE)
                    for account in accounts:
                        count = sum(1 for _ in self._listed(account, today - self.restated_for, today))
                        yield Finding("good", f"{count} invoices of {name_of(account)} in the last two months")
                except HttpResponseError as error:
                    if status_of(error) == FORBIDDEN:
                        yield Finding("broken", "invoices may not be listed", _ROLE)
                    else:
                        yield self.denied(error)
        except AispendError as error:
            yield finding_of(error, self.name)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The invoices of one account."""
        from azure.core.exceptions import HttpResponseError

        account = piece.key.split(" ")[0]
        first, end = (date.fromisoformat(text) for text in piece.token.split(" ")[1:])
        try:
            rows, notes = invoice_rows(self._listed(account, first, end), name_of(account), self.clock())
        except HttpResponseError as error:
            if status_of(error) != FORBIDDEN:
                raise
            raise CollectError(
                "Azure denies the invoices.", where=f"{self.name}, {piece.title}", next_step=_ROLE
            ) from None
        return Reading([Merge("invoice", rows)], notes, may_be_empty=True)

    def _accounts(self) -> list[str]:
        """Paths of billing accounts, without a slash before them."""
        scopes = self.clients.connection.billing_scopes
        if scopes:
            found = (match[0] for scope in scopes if (match := _ACCOUNT.match(scope.strip("/"))))
        else:
            listed = self.clients.pages(_ACCOUNTS_PATH, api_version=_VERSION)
            found = (f"{_ACCOUNTS_PATH}/{one['name']}".strip("/") for one in listed)
        return list(dict.fromkeys(found))

    def _listed(self, account: str, first: date, end: date) -> Iterator[Mapping[str, Any]]:
        days = {"periodStartDate": f"{first}", "periodEndDate": f"{end}"}
        yield from self.clients.pages(f"/{account}/invoices", api_version=_VERSION, **days)


def invoice_rows(
    listed: Iterable[Mapping[str, Any]], account: str, now: datetime
) -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
    """Rows of ``invoice`` and remarks.

    >>> said = {name: {"currency": "USD", "value": value} for name, value in (("subTotal", 100), ("totalAmount", 107))}
    >>> ((row,), _) = invoice_rows(
    ...     [{"name": "T1", "properties": said | {"invoicePeriodStartDate": "2026-10-01"}}], "1", datetime(2026, 11, 5)
    ... )
    >>> row["net"], row["tax"], row["billing_month"]
    (Decimal('100.000000000000'), Decimal('7.000000000000'), datetime.date(2026, 10, 1))
    """
    rows: list[Mapping[str, Any]] = []
    notes: list[str] = []
    for one in listed:
        number, about = str(one.get("name") or ""), one.get("properties") or {}
        kind, state = str(about.get("documentType") or "Invoice"), str(about.get("status") or "")
        if kind.lower() != "invoice" or state.lower() == "void":
            notes.append(f"{kind} {number} is left out: it was voided, or voids another or credits it.")
            continue
        where = f"invoice {number} of {account}"
        due, total = (_amount(about, name, where) for name in ("subTotal", "totalAmount"))
        month = _month(about.get("invoicePeriodStartDate"))
        if not number or month is None or due is None or total is None or due[1] != total[1]:
            notes.append(f"Invoice {number or 'without a number'} tells no total before tax, or not of which month.")
            continue
        applied = [_amount(about, name, where) for name in ("azurePrepaymentApplied", "freeAzureCreditApplied")]
        paid = exact_sum([one[0] for one in applied if one is not None and one[1] == due[1]])
        if paid:
            notes.append(f"Invoice {number}: {paid.normalize():f} {due[1]} of prepayment or credit paid charges of it.")
        rows.append(
            {
                "provider": "azure",
                "invoice_id": number,
                "currency": due[1],
                "issuer": "Microsoft",
                "scope": name_of(str(about.get("billingProfileId") or account)).lower(),
                "billing_month": month,
                "net": exact_sum((due[0], paid)),
                "tax": exact_sum((total[0], due[0].copy_negate())),
                "entered_by": None,
                "entered_at": now,
            }
        )
    return rows, tuple(notes)


def _amount(about: Mapping[str, Any], name: str, where: str) -> tuple[Decimal, str] | None:
    """An amount and its currency; None where it is not told."""
    said = about.get(name) or {}
    if said.get("value") is None or not said.get("currency"):
        return None
    try:
        return cost(said["value"]), str(said["currency"]).upper()
    except (InvalidOperation, ValueError, TypeError):
        raise InputError(
            "This is not an amount.", where=f"{where}, {name}: {said['value']!r}", next_step=ASKS_AGAIN
        ) from None


def _month(said: Any) -> date | None:
    """The month of a day as Azure writes it: ``2026-10-01T00:00:00Z``, in older versions ``10-01-2026``."""
    if american := _AMERICAN.match(str(said)):
        return date(int(american[3]), int(american[1]), 1)
    try:
        return date.fromisoformat(str(said)[:10]).replace(day=1)
    except ValueError:
        return None
