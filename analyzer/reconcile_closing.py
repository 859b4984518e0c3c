"""Closed months against what was published, and against the ledger as it is now (promise 3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from analyzer.exact_sql import COSTS
from analyzer.findings import Finding, compare

UNCHANGED = "closed months are unchanged"
ADDS_UP = "published and adjustments are the ledger"
CLOSING_PROMISES = (UNCHANGED, ADDS_UP)

CUT = (
    "provider",
    "scope",
    "account",
    "service",
    "model",
    "team",
    "stage",
    "charge_category",
    "is_ai",
    "currency",
)
"""What a published version is summed by."""

LEDGER = f"""
    SELECT d.provider, s.scope, d.account, d.service, d.model, d.team, d.stage, d.charge_category, d.is_ai, d.currency,
           {", ".join(f"d.{column}" for column in COSTS)}, d.unknown_costs
    FROM spend_day d JOIN slice s ON s.slice_id = d.slice_id
    WHERE d.billing_month = :month"""
"""The month as the analysis has it now, by the cuts of a published version."""

_WRITTEN = ", ".join(f"a.{column}" for column in ("ordinal", *CUT, *COSTS, "unknown_costs"))
_ALL_ROWS = f"coalesce(string_agg(ROW({_WRITTEN})::text, ';' ORDER BY a.ordinal), '')"
CONTENT = f"encode(sha256(convert_to({_ALL_ROWS}, 'UTF8')), 'hex')"
"""Fingerprint of published amounts: rows of ``closing_amount`` as ``a``."""


def _differences() -> str:
    now = ", ".join(f"{column} AS n_{column}, NULL::numeric AS t_{column}" for column in COSTS)
    then = ", ".join(f"NULL::numeric, {column}" for column in COSTS)
    cut = ", ".join(CUT)
    amounts = ", ".join(
        f"CASE WHEN count(n_{c}) + count(t_{c}) > 0 THEN coalesce(sum(n_{c}), 0) - coalesce(sum(t_{c}), 0) END AS {c}"
        for c in COSTS
    )
    differs = " OR ".join(
        f"coalesce(sum(n_{c}), 0) <> coalesce(sum(t_{c}), 0) OR (count(n_{c}) > 0 AND count(t_{c}) = 0)" for c in COSTS
    )
    return f"""
    SELECT {cut}, {amounts}, coalesce(bit_or(unknown_costs), 0::smallint) AS unknown_costs
    FROM (SELECT {cut}, {now}, unknown_costs FROM ({LEDGER}) AS ledger
          UNION ALL
          SELECT {cut}, {then}, NULL FROM closing_amount WHERE closing_id = :id) AS both_sides
    GROUP BY {cut}
    HAVING {differs}"""


DIFFERENCES = _differences()
"""The ledger of ``:month`` less all that is booked for closing ``:id``, where they differ."""


def closed_months_are_unchanged(connection: Connection) -> Iterator[Finding]:
    """What was published is still there, to the last digit, of every version there ever was."""
    query = f"""
        SELECT c.month, c.version, c.content_fingerprint, count(a.ordinal) AS amounts, {CONTENT} AS content
        FROM closing c LEFT JOIN closing_amount a ON a.closing_id = c.closing_id AND a.adjustment = 0
        GROUP BY c.closing_id ORDER BY c.month, c.version"""
    for row in connection.execute(text(query)):
        same = row.content == row.content_fingerprint
        yield Finding(
            promise=UNCHANGED,
            scope=f"version {row.version}",
            period=row.month,
            currency=None,
            ours=Decimal(row.amounts),
            theirs=Decimal(row.amounts) if same else None,
            difference=Decimal(0) if same else None,
            cause="equal" if same else "the published amounts are not those the month was closed with",
            holds=same,
        )


def adjustments_explain_the_ledger(connection: Connection) -> Iterator[Finding]:
    """Of a month that is closed, published amounts and adjustments are its charges now, in total and by every cut."""
    standing = connection.execute(
        text("SELECT closing_id, month, version FROM closing WHERE reopened_at IS NULL ORDER BY month")
    ).all()
    for closing_id, month, version in standing:
        booked = _by_currency(connection, _BOOKED, id=closing_id)
        charged = _by_currency(connection, _CHARGED, month=month)
        scope = f"version {version}"
        for currency in sorted({*booked, *charged}):
            theirs = charged.get(currency, {})
            ours = {
                column: None if theirs.get(column) is None and not amount else amount
                for column, amount in booked.get(currency, {}).items()
            }
            yield from compare(ADDS_UP, scope, month, currency, ours=ours, theirs=theirs)
        yield _by_cut(connection, closing_id, month, scope)


def _by_cut(connection: Connection, closing_id: int, month: date, scope: str) -> Finding:
    differing = Decimal(
        connection.scalar(text(f"SELECT count(*) FROM ({DIFFERENCES}) AS d"), {"id": closing_id, "month": month}) or 0
    )
    return Finding(
        promise=ADDS_UP,
        scope=f"{scope}, by cut",
        period=month,
        currency=None,
        ours=differing,
        theirs=Decimal(0),
        difference=differing,
        cause=f"{differing} cuts differ: run aispend analyze" if differing else "equal",
        holds=not differing,
    )


_SUMS = ", ".join(f"sum({column}) AS {column}" for column in COSTS)
_BOOKED = f"SELECT currency, {_SUMS} FROM closing_amount WHERE closing_id = :id GROUP BY 1"
_CHARGED = f"""
    SELECT k.billing_currency AS currency, {_SUMS}
    FROM charge c JOIN charge_kind k USING (charge_kind_key)
    WHERE c.billing_month = :month GROUP BY 1"""


def _by_currency(connection: Connection, query: str, **values: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in connection.execute(text(query), values).mappings():
        found[row["currency"]] = {column: row[column] for column in COSTS}
    return found
