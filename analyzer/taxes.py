"""Tax that cannot be claimed back is part of what the taxed things cost; all other tax is a line of its own.

Assumes     the shares of all other charges are known, those of credits, fees and taxes aside.
Method      ``[[allocation.non_recoverable_tax]]`` says which tax lines, and which part of them, are lost. That part is
            divided over the positive cost, before credits, of the closest the line can be on, in its bill, currency and
            invoice: the same resource; the same account, service and usage type; the same account and service;
            the same account; the invoice. Within that: by effective cost, where there is none by billed, else list.
Cases       The shares keep the reason ``tax`` and the charge category of the line, and are AI spend where what they are
            on is. A line that names no account is on all accounts of its invoice; a line or a charge
            without an invoice number is of any. The part that can be claimed back, and tax on nothing positive, stays
            with the company, or with whom a rule or tag says.
Drawbacks   A bill does not say which charges a tax line was worked out on: what is exempt carries tax like the rest.

Source: IAS 2.11 and IAS 16.16: purchase taxes that are not refundable are part of the cost.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from aispend.taxing import NonRecoverableTax
from analyzer.answers import target_sql
from analyzer.shares import of_the_owner

_LINES = """
    SELECT DISTINCT c.account_key, c.sku_key, c.charge_date, a.provider, a.billing_account_id, a.billing_account_name,
           a.sub_account_id, a.sub_account_name, a.invoice_issuer_name,
           s.charge_description, s.sku_meter, s.sku_id, s.usage_type
    FROM charge_now c JOIN account a USING (account_key) JOIN sku s USING (sku_key)
    WHERE c.route = 'tax'"""

_LOST = """
    CREATE TEMP TABLE lost_tax ON COMMIT DROP AS
    SELECT c.cid, u.name, u.percent, a.billing_account_id AS payer, a.sub_account_id AS sub_account,
           a.invoice_issuer_name AS issuer, k.invoice_id, s.usage_type
    FROM charge_now c
    JOIN unnest(CAST(:accounts AS bigint[]), CAST(:skus AS bigint[]), CAST(:days AS date[]), CAST(:names AS text[]),
                CAST(:percents AS numeric[])) AS u (account_key, sku_key, charge_date, name, percent)
         USING (account_key, sku_key, charge_date)
    JOIN account a USING (account_key)
    JOIN sku s USING (sku_key)
    JOIN charge o USING (billing_month, slice_id, half, ordinal)
    JOIN charge_kind k USING (charge_kind_key)
    WHERE c.route = 'tax'"""

_ROUTE = "UPDATE charge_now c SET route = 'lost_tax' FROM lost_tax l WHERE l.cid = c.cid"

_AMOUNT = "coalesce(nullif(s.effective_cost, 0), nullif(s.billed_cost, 0), nullif(s.list_cost, 0), s.contracted_cost)"

_TAXED = f"""
    CREATE TEMP TABLE taxed ON COMMIT DROP AS
    SELECT c.slice_id, c.half, c.currency, a.billing_account_id AS payer, a.sub_account_id AS sub_account,
           a.invoice_issuer_name AS issuer, ck.invoice_id, c.service, k.usage_type, c.resource_key,
           t.model, t.team, t.stage, t.is_ai, sum({_AMOUNT}) AS w
    FROM share_now s
    JOIN charge_now c USING (cid)
    JOIN target_now t USING (target_key)
    JOIN account a USING (account_key)
    JOIN sku k USING (sku_key)
    JOIN charge o USING (billing_month, slice_id, half, ordinal)
    JOIN charge_kind ck USING (charge_kind_key)
    WHERE {_AMOUNT} > 0 AND c.route NOT IN ('tax', 'credit')
      AND c.slice_id IN (SELECT slice_id FROM charge_now WHERE route = 'lost_tax')
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14"""

_PLACE = """
    INSERT INTO share_weight
    SELECT c.cid, b.model, b.team, b.stage, NULL, 'tax', b.is_ai, '{rung}', 'tax:' || l.name || ' spread over {over}',
           {confidence}, sum(b.w) * l.percent
    FROM lost_tax l
    JOIN charge_now c USING (cid)
    JOIN taxed b ON b.slice_id = c.slice_id AND b.half = c.half AND b.currency = c.currency
                AND b.payer IS NOT DISTINCT FROM l.payer
                AND (l.issuer IS NULL OR b.issuer IS NULL OR b.issuer = l.issuer)
                AND (l.invoice_id IS NULL OR b.invoice_id IS NULL OR b.invoice_id = l.invoice_id) AND {meets}
    WHERE NOT EXISTS (SELECT FROM share_weight AS placed WHERE placed.cid = c.cid)
    GROUP BY c.cid, b.model, b.team, b.stage, b.is_ai, l.name, l.percent"""

_OF_ACCOUNT = "(l.sub_account IS NULL OR b.sub_account = l.sub_account)"
_STEPS = (
    ("b.resource_key = c.resource_key AND c.resource_key <> 0", "charge", "the resource", "0.9"),
    (f"{_OF_ACCOUNT} AND b.service = c.service AND b.usage_type = l.usage_type", "sku-day", "the usage type", "0.8"),
    (f"{_OF_ACCOUNT} AND b.service = c.service", "account-day", "the service", "0.7"),
    ("b.sub_account = l.sub_account", "account-day", "the account", "0.6"),
    ("true", "account-day", "the invoice", "0.5"),
)
"""What a tax line can be on, the closest first; the rung, its name, and how sure that is."""


def mark_lost_tax(connection: Connection, entries: Sequence[NonRecoverableTax]) -> None:
    """Take the tax lines that ``entries`` declare lost out of the route of taxes; before charges are weighed."""
    if not entries:
        return
    lost = [
        (row.account_key, row.sku_key, row.charge_date, entry.name, entry.percent)
        for row in connection.execute(text(_LINES))
        if (entry := next((one for one in entries if is_for(one, _tax_line(row))), None)) is not None
    ]
    if lost:
        columns = zip(
            ("accounts", "skus", "days", "names", "percents"), map(list, zip(*lost, strict=True)), strict=True
        )
        connection.execute(text(_LOST), dict(columns))
        connection.execute(text(_ROUTE))


def spread_lost_tax(connection: Connection) -> None:
    """Weigh lost taxes over the shares already made, and what can be claimed back of them."""
    if not connection.scalar(text("SELECT EXISTS (SELECT FROM charge_now WHERE route = 'lost_tax')")):
        return
    connection.execute(text(_TAXED))
    connection.execute(text("ANALYZE taxed"))
    for meets, rung, over, confidence in _STEPS:
        place = _PLACE.format(meets=meets, rung=rung, over=over, confidence=confidence)
        connection.execute(text(place))
    for relation, weight, note in (
        (_PARTLY_PLACED, "p.w / l.percent * (100 - l.percent)", "NULL::text"),
        (_NOT_PLACED, "1", "'tax:' || l.name || ' (nothing it is on)'"),
    ):
        connection.execute(
            text(
                target_sql(
                    f"charge_now c JOIN lost_tax l USING (cid) {relation}",
                    of_the_owner(),
                    workload="NULL::text",
                    reason="'tax'",
                    rung="'account-day'",
                    weight=weight,
                    note=note,
                )
            )
        )


_PARTLY_PLACED = "JOIN (SELECT cid, sum(w) AS w FROM share_weight GROUP BY cid) AS p USING (cid) WHERE l.percent < 100"
"""What is placed has whole weights times the percentage, so that dividing by it leaves no remainder."""
_NOT_PLACED = "WHERE NOT EXISTS (SELECT FROM share_weight AS placed WHERE placed.cid = c.cid)"


@dataclass(frozen=True)
class TaxLine:
    """What the bill says of a tax line: of accounts id and name, of the tax every text that calls it something."""

    day: date
    provider: str
    billing_account: tuple[str | None, ...] = ()
    account: tuple[str | None, ...] = ()
    issuer: str | None = None
    kind: tuple[str | None, ...] = ()


def is_for(entry: NonRecoverableTax, line: TaxLine) -> bool:
    """Whether all that ``entry`` asks for fits ``line``, on its day."""
    if (entry.valid_from and line.day < entry.valid_from) or (entry.valid_to and line.day >= entry.valid_to):
        return False
    return (
        _fits(entry.provider, (line.provider,))
        and _fits(entry.billing_account, line.billing_account)
        and _fits(entry.account, line.account)
        and _fits(entry.issuer, (line.issuer,))
        and _fits(entry.kind, line.kind)
    )


def _tax_line(row: Any) -> TaxLine:
    return TaxLine(
        day=row.charge_date,
        provider=row.provider,
        billing_account=(row.billing_account_id, row.billing_account_name),
        account=(row.sub_account_id, row.sub_account_name),
        issuer=row.invoice_issuer_name,
        kind=(row.charge_description, row.sku_meter, row.sku_id, row.usage_type),
    )


def _fits(glob: str | None, names: Iterable[str | None]) -> bool:
    return glob is None or any(name is not None and fnmatch.fnmatchcase(name.lower(), glob.lower()) for name in names)
