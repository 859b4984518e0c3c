"""Invoice totals: what the bills are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from aispend.clock import Clock
from aispend.errors import UsageError
from aispend.money import CURRENCIES
from aispend.schema import account, charge, charge_kind, invoice, slice_


@dataclass(frozen=True)
class Invoice:
    """One invoice's own total, in ``currency``; ``net`` is before ``tax``, and either may be negative.

    ``issuer`` None means nobody said: it is the one known under the number, else the provider. ``scope`` None means
    the one billing account loaded for the month.
    """

    provider: str
    invoice_id: str
    currency: str
    issuer: str | None
    scope: str | None
    billing_month: date
    net: Decimal
    tax: Decimal
    source: str
    entered_by: str | None


def save_invoice(connection: Connection, given: Invoice, clock: Clock) -> Invoice:
    """Write an invoice, replacing the one with its provider, issuer, number and currency; returns it completed.

    Raises ``UsageError`` for a currency that is no ISO code, where the billing account must be named, and where it is
    not to be told whether it is the invoice that is known under its number.
    """
    if given.currency not in CURRENCIES:
        raise UsageError(
            "This is not a currency code.", where=given.currency, next_step="Write three letters, as in USD."
        )
    named = None if _same(given.issuer or given.provider, given.provider) else given.issuer
    complete = replace(
        given,
        issuer=_settled(connection, (given.provider, given.invoice_id, given.currency), named),
        scope=given.scope or _only_scope(connection, given.provider, given.billing_month),
        billing_month=given.billing_month.replace(day=1),
    )
    values = {**asdict(complete), "entered_at": clock()}
    keys = [column.name for column in invoice.primary_key]
    statement = insert(invoice).values(values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=keys, set_={name: statement.excluded[name] for name in values if name not in keys}
        )
    )
    return complete


def as_collected(connection: Connection, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row a provider told, under the issuer it is to be stored with.

    It takes the place of the only invoice known under its number, unless the lines under it are of several issuers.
    """
    number = (row["provider"], row["invoice_id"], row["currency"])
    known = _known(connection, number)
    alike = [one for one in known if _same(one, row["issuer"])]
    if not alike and len(known) == 1 and len(_issuers_of_lines(connection, number)) <= 1:
        _rename(connection, number, known[0], row["issuer"])
    return {**row, "issuer": alike[0]} if alike else row


_Number = tuple[str, str, str]
"""Provider, invoice number and currency."""


def _settled(connection: Connection, number: _Number, named: str | None) -> str:
    """The issuer an invoice is stored under, where one is ``named`` or none; the provider stands for none."""
    provider = number[0]
    known = _known(connection, number)
    wanted = provider if named is None else named
    alike = next((one for one in known if _same(one, wanted)), None)
    if alike is not None or not known:
        return alike or wanted
    of_lines = _issuers_of_lines(connection, number)
    if len(of_lines) > 1:
        return wanted
    where = f"{number[1]} of {', '.join(known)}"
    if named is None:
        if len(known) == 1:
            return known[0]
        raise UsageError(
            "There are invoices of several issuers under this number.",
            where=where,
            next_step="Say which one it is, with its issuer (--issuer).",
        )
    unnamed = next((one for one in known if _same(one, provider)), None)
    if unnamed is not None:
        _rename(connection, number, unnamed, named)
    elif of_lines:
        raise UsageError(
            "There is an invoice of another issuer under this number, and the lines under it are of one alone.",
            where=f"{where}; lines of {of_lines[0]}",
            next_step="Give the issuer that is known to replace it, or load the bill that has the other's lines first.",
        )
    return named


def _same(issuer: str, other: str) -> bool:
    return issuer.casefold() == other.casefold()


def _known(connection: Connection, number: _Number) -> list[str]:
    """Issuers of the invoices stored under a number."""
    i = invoice.c
    of_number = tuple_(i.provider, i.invoice_id, i.currency) == number
    return list(connection.scalars(select(i.issuer).where(of_number).order_by(i.issuer)))


def _rename(connection: Connection, number: _Number, issuer: str, to: str) -> None:
    i = invoice.c
    of_number = tuple_(i.provider, i.invoice_id, i.currency) == number
    connection.execute(update(invoice).where(of_number, i.issuer == issuer).values(issuer=to))


def _issuers_of_lines(connection: Connection, number: _Number) -> list[str]:
    """Who the bills say issued the lines under a number, each once however it is written."""
    a, c, k, s = account.c, charge.c, charge_kind.c, slice_.c
    of_number = (s.provider == number[0], k.invoice_id == number[1], k.billing_currency == number[2])
    lines = (
        charge.join(charge_kind, k.charge_kind_key == c.charge_kind_key)
        .join(account, a.account_key == c.account_key)
        .join(slice_, s.slice_id == c.slice_id)
    )
    found = connection.scalars(select(a.invoice_issuer_name).distinct().select_from(lines).where(*of_number))
    return list({name.casefold(): name for name in sorted(filter(None, found))}.values())


def _only_scope(connection: Connection, provider: str, month: date) -> str:
    found: Sequence[str] = connection.scalars(
        select(slice_.c.scope).where(
            slice_.c.kind == "bill", slice_.c.provider == provider, slice_.c.period == month.replace(day=1)
        )
    ).all()
    if len(found) != 1:
        raise UsageError(
            f"{len(found) or 'No'} billing accounts of {provider} are loaded for {month:%Y-%m}.",
            where=", ".join(sorted(found)),
            next_step="Name the one the invoice is for with --scope.",
        )
    scope: str = found[0]
    return scope
