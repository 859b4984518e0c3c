"""What is loaded against the invoices, and each bill against itself (promises 1, 3 and 4)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from aispend.money import exact_sum
from analyzer.exact_sql import COSTS
from analyzer.findings import Finding, minus, plain
from analyzer.invoice_lines import LINES, OF_INVOICES, TAKES

_CENT = Decimal("0.01")
_INVOICES = f"""
    WITH {LINES.format(which=OF_INVOICES)}
    SELECT i.*, numbered.billed, numbered.tax_lines, numbered.issuers, monthly.billed AS month_billed,
           monthly.tax_lines AS month_tax_lines, monthly.numbered AS month_numbered,
           monthly.unnamed, other.currencies AS month_currencies, bill.state, bill.loaded_at,
           (SELECT min(s.period) FROM slice s
            WHERE s.kind = 'bill' AND s.provider = i.provider AND s.scope = i.scope) AS first_bill
    FROM invoice i
    LEFT JOIN slice bill ON bill.kind = 'bill' AND bill.provider = i.provider AND bill.scope = i.scope
                        AND bill.period = i.billing_month
    LEFT JOIN LATERAL (
        SELECT sum(l.billed) AS billed, bool_or(l.has_tax) AS tax_lines,
               array_agg(DISTINCT l.issued_by ORDER BY l.issued_by) AS issuers
        FROM issued l WHERE {TAKES}
    ) AS numbered ON true
    LEFT JOIN LATERAL (
        SELECT sum(c.billed_cost) AS billed, bool_or(k.charge_category = 'Tax') AS tax_lines,
               bool_or(k.invoice_id IS NOT NULL) AS numbered,
               sum(c.billed_cost) FILTER (WHERE k.invoice_id IS NULL) AS unnamed
        FROM slice s JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
        JOIN charge_kind k USING (charge_kind_key)
        WHERE s.kind = 'bill' AND s.provider = i.provider AND s.scope = i.scope AND s.period = i.billing_month
          AND k.billing_currency = i.currency
    ) AS monthly ON true
    LEFT JOIN LATERAL (
        SELECT string_agg(DISTINCT k.billing_currency, ', ') AS currencies
        FROM charge c JOIN charge_kind k USING (charge_kind_key)
        WHERE c.billing_month = bill.period AND c.slice_id = bill.slice_id
    ) AS other ON true
    ORDER BY i.provider, i.invoice_id, i.currency, i.issuer"""


def closes_to_the_invoice(connection: Connection) -> Iterator[Finding]:
    """Billed cost of an issuer under an invoice's number is its total; see :func:`compared`."""
    return (finding for _, finding in compared(connection))


def compared(connection: Connection) -> Iterator[tuple[list[RowMapping], Finding]]:
    """The invoices whose own total is known, each (or those held against a bill together) with what came of it.

    Where a bill has no numbers it is held against all invoices of its scope, month and currency together. An invoice
    rounds net and tax to the cent each, so a cent of difference for each is its rounding. An invoice from before the
    first bill of its account is held against nothing.
    """
    together: dict[tuple[Any, ...], list[RowMapping]] = {}
    for row in connection.execute(text(_INVOICES)).mappings():
        month = (row["scope"], row["billing_month"]) if _by_month(row) else (row["invoice_id"], row["issuer"])
        together.setdefault((row["provider"], row["currency"], *month), []).append(row)
    for rows in together.values():
        yield rows, _closes(rows)


def _by_month(row: RowMapping) -> bool:
    return row["billed"] is None and row["month_billed"] is not None and not row["month_numbered"]


def _closes(rows: list[RowMapping]) -> Finding:
    first = rows[0]
    billed, has_tax = (
        (first["month_billed"], first["month_tax_lines"]) if _by_month(first) else (first["billed"], first["tax_lines"])
    )
    scope = ", ".join(f"{row['issuer']} {row['invoice_id']}" for row in rows)
    tax = exact_sum(row["tax"] for row in rows)
    total = exact_sum((tax, *(row["net"] for row in rows)))
    if billed is None:
        before = first["first_bill"] is not None and first["billing_month"] < first["first_bill"]
        cause = "no billed charge of this invoice is loaded"
        if before:
            cause = f"the bills of {first['scope']} begin with {first['first_bill']:%Y-%m}: not compared"
        elif (others := first["month_currencies"]) and first["currency"] not in others:
            cause = f"the bill of the month is in {others}, not in {first['currency']}"
        return Finding(
            promise="matches the invoice",
            scope=scope,
            period=first["billing_month"],
            currency=first["currency"],
            ours=None,
            theirs=total,
            difference=None,
            cause=cause,
            holds=before,
            attention=before,
        )
    difference = minus(billed, total)
    missing_tax = tax.copy_negate() if tax and not has_tax else Decimal(0)
    causes = [f"the bill has no lines for the tax of {tax}"] if missing_tax else []
    unexplained = minus(difference, missing_tax)
    rounding = abs(unexplained) <= _CENT * len(rows)
    if unexplained:
        causes.append(
            f"{unexplained} the invoice is rounded to the cent"
            if rounding
            else f"{unexplained} is unexplained{_hint(first, unexplained, _CENT * len(rows))}"
        )
    return Finding(
        promise="matches the invoice",
        scope=scope,
        period=first["billing_month"],
        currency=first["currency"],
        ours=billed,
        theirs=total,
        difference=difference,
        cause="; ".join(causes) or "equal",
        holds=rounding,
        attention=bool(missing_tax),
    )


def _hint(row: RowMapping, unexplained: Decimal, tolerance: Decimal) -> str:
    """What may be behind a difference: lines of several issuers, late data, or lines that name no invoice where those
    of the month do."""
    if not _by_month(row) and len(issuers := [one or "no issuer" for one in row["issuers"]]) > 1:
        return f": its lines are of {', '.join(issuers[:-1])} and {issuers[-1]}; name the invoice's issuer"
    if row["state"] in ("open", "provisional"):
        return f": the bill of the month is {row['state']}, last loaded on {row['loaded_at']:%Y-%m-%d}; load it again"
    unnamed = None if _by_month(row) else row["unnamed"]
    if unnamed and abs(exact_sum((unexplained, unnamed))) <= tolerance:
        return f": lines of {plain(unnamed)} in the month name no invoice"
    return ""


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
            attention=True,
        )
