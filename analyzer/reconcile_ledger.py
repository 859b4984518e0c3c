"""The ledger against itself: nothing counted twice, nothing paid that looks free, every amount in its currency.

Method      An account that stands in two bills of one provider and month is compared line by line: the same SKU, day,
            resource, quantity and cost in both. Where the lines that are alike make up half of what the smaller
            bill has for the account, it is counted twice; an account that changed its payer during a month has other
            lines in each bill.
Drawbacks   Two exports of one account that were rolled up to different detail are not recognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sqlalchemy import Connection, text

from analyzer.findings import Finding

TWICE = "no account is in two bills of a month"
NEVER_FREE = "paid usage is never free"
CURRENCY = "every amount has its currency"
HASHED = "request ids are hashed"


def no_account_is_counted_twice(connection: Connection) -> Iterator[Finding]:
    """One finding for each account that stands in two bills of a provider and month."""
    for row in connection.execute(text(_TWICE)).mappings():
        alike, smaller = row["alike"] or Decimal(0), row["smaller"]
        counted_twice = smaller > 0 and alike * 2 >= smaller
        yield Finding(
            promise=TWICE,
            scope=f"{row['provider']} {row['account']} in {row['scopes']}",
            period=row["period"],
            currency=row["currency"],
            ours=alike,
            theirs=Decimal(0),
            difference=alike,
            cause="the same charges are in both: one bill is part of the other"
            if counted_twice
            else "in both, with other charges in each",
            holds=not counted_twice,
            attention=True,
        )


def paid_usage_is_never_free(connection: Connection) -> Iterator[Finding]:
    """On-demand usage that is billed and has no effective cost carries a flag (promise 4)."""
    for row in connection.execute(text(_FREE)).mappings():
        count = Decimal(row["charges"])
        yield Finding(
            promise=NEVER_FREE,
            scope=f"{row['provider']} {row['scope']}",
            period=row["period"],
            currency=None,
            ours=count,
            theirs=Decimal(0),
            difference=count,
            cause=f"{count} charges of on-demand usage are billed and cost nothing effectively",
            holds=False,
        )


def every_amount_has_its_currency(connection: Connection) -> Iterator[Finding]:
    """Currencies are ISO codes, and the analysis has those of the charges, month by month (promise 8)."""
    for row in connection.execute(text(_CURRENCIES)).mappings():
        cause = "equal"
        if not row["is_code"]:
            cause = f"{row['currency']!r} is no currency"
        elif not row["charged"]:
            cause = f"the analysis has amounts in {row['currency']}, the bills have none"
        yield Finding(
            promise=CURRENCY,
            scope=None,
            period=row["month"],
            currency=row["currency"],
            ours=None,
            theirs=None,
            difference=None,
            cause=cause,
            holds=cause == "equal",
        )


def request_ids_are_hashed(connection: Connection) -> Iterator[Finding]:
    """No request id is kept as it was given (promise 10); nothing is said where there is none."""
    known, plain_ids = (Decimal(number) for number in connection.execute(text(_REQUESTS)).one())
    if known:
        yield Finding(
            promise=HASHED,
            scope=None,
            period=None,
            currency=None,
            ours=plain_ids,
            theirs=Decimal(0),
            difference=plain_ids,
            cause=f"{plain_ids} request ids are not hashed" if plain_ids else "equal",
            holds=not plain_ids,
        )


_TWICE = """
    WITH accounts AS (
        SELECT s.provider, s.period, a.sub_account_id AS account, k.billing_currency AS currency, s.slice_id, s.scope,
               sum(abs(coalesce(c.billed_cost, c.effective_cost))) AS size
        FROM slice s
        JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
        JOIN account a USING (account_key)
        JOIN charge_kind k USING (charge_kind_key)
        WHERE s.kind = 'bill' AND a.sub_account_id IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6),
    pairs AS (
        SELECT one.provider, one.period, one.account, one.currency, one.slice_id AS a, other.slice_id AS b,
               one.scope || ' and ' || other.scope AS scopes, least(one.size, other.size) AS smaller
        FROM accounts one JOIN accounts other USING (provider, period, account, currency)
        WHERE one.scope < other.scope),
    lines AS (
        SELECT p.a, p.b, p.account, p.currency, c.sku_key, c.charge_date, c.resource_key, c.pricing_quantity,
               coalesce(c.billed_cost, c.effective_cost) AS cost, c.slice_id = p.a AS is_first
        FROM pairs p
        JOIN charge c ON c.billing_month = p.period AND c.slice_id IN (p.a, p.b)
        JOIN account n ON n.account_key = c.account_key AND n.sub_account_id = p.account
        JOIN charge_kind k ON k.charge_kind_key = c.charge_kind_key AND k.billing_currency = p.currency)
    SELECT p.provider, p.period, p.account, p.currency, p.scopes, p.smaller,
           (SELECT sum(abs(l.cost) * l.number)
            FROM (SELECT cost, least(count(*) FILTER (WHERE is_first), count(*) FILTER (WHERE NOT is_first)) AS number
                  FROM lines l WHERE l.a = p.a AND l.b = p.b AND l.account = p.account AND l.currency = p.currency
                  GROUP BY sku_key, charge_date, resource_key, pricing_quantity, cost) AS l) AS alike
    FROM pairs p
    ORDER BY 1, 2, 3, 4, 5"""

_FREE = """
    SELECT s.provider, s.scope, s.period, count(*) AS charges
    FROM slice s
    JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
    JOIN charge_kind k USING (charge_kind_key)
    WHERE s.kind = 'bill' AND k.charge_category = 'Usage' AND k.pricing_category IN ('Standard', 'Dynamic')
      AND c.commitment_key = 0 AND c.billed_cost > 0 AND c.effective_cost = 0 AND k.flag IS NULL
    GROUP BY s.slice_id
    ORDER BY 1, 2, 3"""

_CURRENCIES = """
    SELECT month, currency, coalesce(currency ~ '^[A-Z]{3}$', false) AS is_code, bool_or(charged) AS charged
    FROM (SELECT DISTINCT c.billing_month AS month, k.billing_currency AS currency, true AS charged
          FROM charge c JOIN charge_kind k USING (charge_kind_key)
          UNION ALL SELECT DISTINCT billing_month, currency, false FROM spend_day) AS found
    GROUP BY 1, 2
    ORDER BY 1, 2"""

_REQUESTS = """
    SELECT count(*), count(*) FILTER (WHERE request_id !~ '^[0-9a-f]{64}$') FROM inference_request"""
