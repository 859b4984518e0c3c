"""Invoice totals: what the bills are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from aispend.clock import Clock
from aispend.errors import UsageError
from aispend.money import CURRENCIES
from aispend.schema import invoice, slice_


@dataclass(frozen=True)
class Invoice:
    """One invoice's own total, in ``currency``; ``net`` is before ``tax``, and either may be negative.

    ``issuer`` None means the provider, ``scope`` None the one billing account loaded for the month.
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
    """Write an invoice, replacing the one with its provider, number and currency; returns it completed.

    Raises ``UsageError`` for a currency that is no ISO code, or where the billing account must be named.
    """
    if given.currency not in CURRENCIES:
        raise UsageError(
            "This is not a currency code.", where=given.currency, next_step="Write three letters, as in USD."
        )
    complete = replace(
        given,
        issuer=given.issuer or given.provider,
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
