"""What was promised is followed, and what came of it is what the loaded bills show (promise 6).

Method      Advice that was accepted or done has its promise on record. In each line of the savings ledger what
            realised is the cost there would have been less the cost there was, list prices, commitments and floors
            taken out, to the last digit. Each verified piece of advice has its outcome, and the final line it was
            judged by. No line is older than the bills of its days.
Cases       An amount that is unknown leaves its sum unknown: such a line is counted and not held against anything.
            Bills of a month that is not final are loaded anew every day, so an older line of theirs is only shown.
Drawbacks   Whether the counterfactual is right is not told by data: docs/advice.md says how it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sqlalchemy import Connection, text

from analyzer.findings import Finding, minus

FOLLOWED = "accepted advice is followed"
ADDS_UP = "realised savings add up"
CURRENT = "savings are verified from the bills that are loaded"


def accepted_advice_is_followed(connection: Connection) -> Iterator[Finding]:
    """What was accepted or done has its promise, and what was verified its outcome; misses as well."""
    row = connection.execute(text(_FOLLOWED)).one()
    if row.decided:
        parts = [
            f"{count} {words}"
            for count, words in (
                (row.unpromised, "accepted or done without what was promised on record"),
                (row.unjudged, "verified without an outcome and a final month on record"),
            )
            if count
        ]
        missing = Decimal(row.unpromised + row.unjudged)
        yield Finding(
            promise=FOLLOWED,
            scope=None,
            period=None,
            currency=None,
            ours=row.decided - missing,
            theirs=Decimal(row.decided),
            difference=missing.copy_negate(),
            cause=f"{'; '.join(parts)}: {row.example}; run aispend recommend" if parts else "equal",
            holds=not missing,
        )


def realised_savings_add_up(connection: Connection) -> Iterator[Finding]:
    """By month and currency: realised = counterfactual − actual − price, commitment and floor effects, line by line."""
    for row in connection.execute(text(_ADDS_UP)).mappings():
        cause = "equal"
        if row["wrong"]:
            cause = f"lines that do not add up: {row['wrong']} ({row['example']}); run aispend recommend"
        elif row["unknown"]:
            cause = f"equal; lines whose saving is unknown: {row['unknown']}"
        yield Finding(
            promise=ADDS_UP,
            scope=None,
            period=row["month"],
            currency=row["currency"],
            ours=row["realised"],
            theirs=row["expected"],
            difference=minus(row["realised"], row["expected"]),
            cause=cause,
            holds=not row["wrong"],
            attention=bool(row["unknown"]),
        )


def savings_rest_on_loaded_bills(connection: Connection) -> Iterator[Finding]:
    """By month: lines that are older than a bill of their days were verified from another bill."""
    for row in connection.execute(text(_CURRENT)).mappings():
        stale = Decimal(row["stale"])
        yield Finding(
            promise=CURRENT,
            scope=None,
            period=row["month"],
            currency=None,
            ours=row["lines"] - stale,
            theirs=Decimal(row["lines"]),
            difference=stale.copy_negate(),
            cause=f"lines older than a bill of their days: {stale} ({row['example']}); run aispend recommend"
            if stale
            else "equal",
            holds=not row["stale_final"],
            attention=bool(stale),
        )


_FOLLOWED = """
    SELECT count(*) AS decided, count(*) FILTER (WHERE unpromised) AS unpromised,
           count(*) FILTER (WHERE unjudged) AS unjudged, min(id) FILTER (WHERE unpromised OR unjudged) AS example
    FROM (SELECT r.id, b.recommendation_id IS NULL AS unpromised,
                 r.state = 'verified' AND b.recommendation_id IS NOT NULL
                   AND (b.outcome IS NULL OR NOT coalesce(s.is_final, false)) AS unjudged
          FROM recommendation r
          LEFT JOIN saving_baseline b ON b.recommendation_id = r.id
          LEFT JOIN saving s ON s.recommendation_id = r.id AND s.month = b.verified_month
          WHERE r.state IN ('accepted', 'done', 'verified')) AS decided"""

_EXPECTED = """counterfactual_cost - actual_cost - coalesce(price_effect, 0) - coalesce(commitment_effect, 0)
    - coalesce(floor_effect, 0)"""

_ADDS_UP = f"""
    SELECT month, currency, sum(realised) AS realised, sum(expected) AS expected,
           count(*) FILTER (WHERE wrong) AS wrong, min(recommendation_id) FILTER (WHERE wrong) AS example,
           count(*) FILTER (WHERE realised IS NULL) AS unknown
    FROM (SELECT s.*, b.currency, {_EXPECTED} AS expected,
                 realised IS NOT NULL AND {_EXPECTED} IS DISTINCT FROM realised AS wrong
          FROM saving s JOIN saving_baseline b USING (recommendation_id)) AS line
    GROUP BY month, currency
    HAVING count(realised) > 0
    ORDER BY month, currency"""

_CURRENT = """
    SELECT month, count(*) AS lines, count(*) FILTER (WHERE stale) AS stale,
           count(*) FILTER (WHERE stale AND is_final) AS stale_final,
           min(recommendation_id) FILTER (WHERE stale) AS example
    FROM (SELECT s.month, s.recommendation_id, s.is_final,
                 EXISTS (SELECT FROM slice bill
                         WHERE bill.kind = 'bill' AND bill.provider = b.provider AND bill.period = s.month
                           AND bill.loaded_at > s.computed_at
                           AND (b.scopes ? bill.scope OR EXISTS (
                               -- of another payer, who pays for the account since
                               SELECT FROM charge c JOIN account a USING (account_key)
                               WHERE c.slice_id = bill.slice_id AND c.billing_month = bill.period
                                 AND coalesce(a.sub_account_id, a.billing_account_id) = r.account))) AS stale
          FROM saving s JOIN saving_baseline b USING (recommendation_id)
          LEFT JOIN recommendation r ON r.id = s.recommendation_id) AS line
    GROUP BY month
    ORDER BY month"""
