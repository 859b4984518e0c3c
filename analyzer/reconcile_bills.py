"""What is loaded against what the files and the invoices say (promises 1, 3 and 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exact_sum
from analyzer.exact_sql import COSTS
from analyzer.findings import Finding, amount_of, compare, minus

_CENT = Decimal("0.01")
_SUMS = ", ".join(f"sum(c.{column}) AS {column}" for column in COSTS)

_LOADED = f"""
    SELECT s.provider, s.scope, s.period, s.columns_known, k.billing_currency AS currency, {_SUMS},
           (SELECT l.totals -> k.billing_currency FROM load l WHERE l.slice_id = s.slice_id AND l.outcome = 'loaded'
            ORDER BY l.load_id DESC LIMIT 1) AS totals,
           (SELECT l.residuals -> k.billing_currency FROM load l
            WHERE l.slice_id = s.slice_id AND l.outcome = 'loaded' ORDER BY l.load_id DESC LIMIT 1) AS residuals
    FROM slice s
    JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
    JOIN charge_kind k USING (charge_kind_key)
    WHERE s.kind = 'bill'
    GROUP BY s.slice_id, k.billing_currency
    ORDER BY s.provider, s.scope, s.period, k.billing_currency"""


def closes_to_the_files(connection: Connection) -> Iterator[Finding]:
    """What is stored is what the files say, but for the rounding of each line that was written down."""
    promise = "matches the export"
    for row in connection.execute(text(_LOADED)).mappings():
        scope = f"{row['provider']} {row['scope']}"
        if row["totals"] is None:
            cause = "no loading of this bill is on record"
            yield Finding(promise, scope, row["period"], row["currency"], row["billed_cost"], None, None, cause, False)
            continue
        rounding = {column: amount_of(row["residuals"], column).copy_negate() for column in COSTS}
        theirs = {
            column: amount_of(row["totals"], column)
            for column in COSTS
            if (row["totals"] or {}).get(column) is not None and column in row["columns_known"]
        }
        yield from compare(
            promise,
            scope,
            row["period"],
            row["currency"],
            ours=dict(row),
            theirs=theirs,
            expected=rounding,
            cause="rounding of each line to twelve decimals, as stored when it was loaded",
        )


_INVOICES = """
    SELECT i.*, numbered.billed, numbered.tax_lines, monthly.billed AS month_billed,
           monthly.tax_lines AS month_tax_lines, monthly.numbered AS month_numbered
    FROM invoice i
    LEFT JOIN LATERAL (
        SELECT sum(c.billed_cost) AS billed, bool_or(k.charge_category = 'Tax') AS tax_lines
        FROM charge c JOIN charge_kind k USING (charge_kind_key) JOIN slice s USING (slice_id)
        WHERE k.invoice_id = i.invoice_id AND k.billing_currency = i.currency AND s.provider = i.provider
    ) AS numbered ON true
    LEFT JOIN LATERAL (
        SELECT sum(c.billed_cost) AS billed, bool_or(k.charge_category = 'Tax') AS tax_lines,
               bool_or(k.invoice_id IS NOT NULL) AS numbered
        FROM slice s JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
        JOIN charge_kind k USING (charge_kind_key)
        WHERE s.kind = 'bill' AND s.provider = i.provider AND s.scope = i.scope AND s.period = i.billing_month
          AND k.billing_currency = i.currency
    ) AS monthly ON true
    ORDER BY i.provider, i.invoice_id, i.currency"""


def closes_to_the_invoice(connection: Connection) -> Iterator[Finding]:
    """Billed cost under an invoice's number (or of its scope and month, where the bill has no numbers) is its total.

    An invoice rounds net and tax to the cent each, so a cent of difference is its rounding.
    """
    for row in connection.execute(text(_INVOICES)).mappings():
        by_month = row["billed"] is None and not row["month_numbered"]
        billed = row["month_billed"] if by_month else row["billed"]
        has_tax = row["month_tax_lines"] if by_month else row["tax_lines"]
        scope = f"{row['issuer']} {row['invoice_id']}"
        total = exact_sum((row["net"], row["tax"]))
        if billed is None:
            cause = "no billed charge of this invoice is loaded"
            yield Finding(
                "matches the invoice", scope, row["billing_month"], row["currency"], None, total, None, cause, False
            )
            continue
        difference = minus(billed, total)
        missing_tax = row["tax"].copy_negate() if row["tax"] and not has_tax else Decimal(0)
        causes = [f"the bill has no lines for the tax of {row['tax']}"] if missing_tax else []
        unexplained = minus(difference, missing_tax)
        if unexplained:
            rounding = abs(unexplained) <= _CENT
            causes.append(f"{unexplained} {'the invoice is rounded to the cent' if rounding else 'is unexplained'}")
        yield Finding(
            promise="matches the invoice",
            scope=scope,
            period=row["billing_month"],
            currency=row["currency"],
            ours=billed,
            theirs=total,
            difference=difference,
            cause="; ".join(causes) or "equal",
            holds=abs(unexplained) <= _CENT,
        )


_PREPAID = """
    SELECT s.provider, s.scope, s.period, k.billing_currency AS currency,
           sum(c.effective_cost) AS effective, sum(c.billed_cost) AS billed,
           CASE WHEN k.charge_category = 'Purchase' AND c.commitment_key <> 0 THEN 'commitments bought'
                WHEN k.charge_category = 'Purchase' THEN 'other purchases'
                WHEN k.commitment_discount_status = 'Unused' THEN 'commitments unused'
                WHEN c.commitment_key <> 0 THEN 'usage covered by commitments'
                WHEN k.flag IS NOT NULL THEN 'lines flagged ' || k.flag
                ELSE lower(coalesce(k.charge_category, 'other')) || ' without commitment' END AS part
    FROM slice s
    JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
    JOIN charge_kind k USING (charge_kind_key)
    WHERE s.kind = 'bill' AND s.columns_known @> ARRAY['billed_cost', 'effective_cost']
    GROUP BY 1, 2, 3, 4, 7
    ORDER BY 1, 2, 3, 4, 7"""


def effective_closes_to_billed(connection: Connection) -> Iterator[Finding]:
    """The month's amortised cost less what it bills, named by what makes the difference."""
    months: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in connection.execute(text(_PREPAID)).mappings():
        key = (row["provider"], row["scope"], row["period"], row["currency"])
        months.setdefault(key, []).append(dict(row))
    for (provider, scope, period, currency), parts in months.items():
        gaps = {part["part"]: minus(part["effective"] or Decimal(0), part["billed"] or Decimal(0)) for part in parts}
        effective = exact_sum(part["effective"] or Decimal(0) for part in parts)
        billed = exact_sum(part["billed"] or Decimal(0) for part in parts)
        named = "; ".join(f"{part} {gap:+}" for part, gap in gaps.items() if gap)
        yield Finding(
            promise="effective closes to billed",
            scope=f"{provider} {scope}",
            period=period,
            currency=currency,
            ours=effective,
            theirs=billed,
            difference=minus(effective, billed),
            cause=named or "equal",
            holds=exact_sum(gaps.values()) == minus(effective, billed),
        )


def one_bill_per_month(connection: Connection) -> Iterator[Finding]:
    """No provider, scope and month is loaded twice, and no charge stands outside its bill."""
    query = """
        SELECT (SELECT count(*) FROM slice WHERE kind = 'bill'),
               (SELECT count(DISTINCT (provider, scope, period)) FROM slice WHERE kind = 'bill'),
               (SELECT count(*) FROM (SELECT DISTINCT billing_month, slice_id FROM charge) AS c
                LEFT JOIN slice s ON s.slice_id = c.slice_id AND s.period = c.billing_month AND s.kind = 'bill'
                WHERE s.slice_id IS NULL)"""
    loaded, distinct, strays = (Decimal(number) for number in connection.execute(text(query)).one())
    causes = ["equal"] if loaded == distinct else [f"{loaded - distinct} bills are loaded twice"]
    if strays:
        causes.append(f"the charges of {strays} months belong to no bill")
    yield Finding(
        promise="one bill per provider, scope and month",
        scope=None,
        period=None,
        currency=None,
        ours=loaded,
        theirs=distinct,
        difference=loaded - distinct,
        cause="; ".join(causes),
        holds=loaded == distinct and not strays,
    )


def every_line_is_kept(connection: Connection) -> Iterator[Finding]:
    """Lines that could not be read are kept aside, all of them."""
    query = """
        SELECT s.kind, s.provider, s.scope, s.period, l.rows_in, l.rows_rejected,
               (SELECT count(*) FROM rejected_row r WHERE r.load_id = l.load_id) AS kept
        FROM slice s
        JOIN LATERAL (SELECT * FROM load WHERE load.slice_id = s.slice_id AND outcome = 'loaded'
                      ORDER BY load_id DESC LIMIT 1) AS l ON true
        WHERE l.rows_rejected > 0
        ORDER BY s.kind, s.provider, s.scope, s.period"""
    for row in connection.execute(text(query)):
        yield Finding(
            promise="no line is dropped",
            scope=f"{row.kind} {row.provider} {row.scope}",
            period=row.period,
            currency=None,
            ours=Decimal(row.kept),
            theirs=Decimal(row.rows_rejected),
            difference=Decimal(row.kept - row.rows_rejected),
            cause=f"{row.rows_rejected} of {row.rows_in} lines could not be read; see aispend loads --rejected",
            holds=row.kept == row.rows_rejected,
        )


def unknown_stays_unknown(connection: Connection) -> Iterator[Finding]:
    """A cost the bill does not give is NULL in every charge."""
    known = ", ".join(f"count(c.{column}) AS {column}" for column in COSTS)
    query = f"""
        SELECT s.provider, s.scope, s.period, s.columns_known, {known}
        FROM slice s JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
        WHERE s.kind = 'bill' AND NOT s.columns_known @> ARRAY[{", ".join(f"'{column}'" for column in COSTS)}]
        GROUP BY s.slice_id
        ORDER BY s.provider, s.scope, s.period"""
    for row in connection.execute(text(query)).mappings():
        unknown = [column for column in COSTS if column not in row["columns_known"]]
        given = sum(row[column] for column in unknown)
        yield Finding(
            promise="unknown is not zero",
            scope=f"{row['provider']} {row['scope']}",
            period=row["period"],
            currency=None,
            ours=Decimal(given),
            theirs=Decimal(0),
            difference=Decimal(given),
            cause=f"the bill does not give {', '.join(unknown)}",
            holds=given == 0,
        )
