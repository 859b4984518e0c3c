"""Each AI resource has advice, or its reason why not (promise 5).

Method      Resources of the bill with AI usage in the last ``ASKED_DAYS`` before the newest usage, beside those that
            recommendations that stand, what these act on, or reasons are about.
Cases       Nothing was advised yet: nothing is said. Bills that came since the advice was made: it cannot be of them,
            which is said and is no failure. Costs of the company's own may be written down for days to come: left out.
Drawbacks   Whether a reason is true is no matter of data: tests read each kind's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from aispend.advising import ASKED_DAYS
from analyzer.findings import Finding

PROMISE = "each AI resource has advice or its reason"
_NAMED = 3


def every_resource_has_its_reason(connection: Connection) -> Iterator[Finding]:
    """One finding for all AI resources of the last days, with the costliest that have neither."""
    made, newest, end = connection.execute(text(_WHEN)).one()
    if made is None or end is None:
        return
    first = end - timedelta(days=ASKED_DAYS - 1)
    rows = connection.execute(text(_ASKED), {"first": first, "last": end, "month": first.replace(day=1)}).all()
    silent = [row.resource_id for row in rows if not row.is_answered]
    stale = newest is not None and newest > made
    bad = Decimal(len(silent))
    more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
    said = f"nothing is said of {', '.join(silent[:_NAMED])}{more}"
    yield Finding(
        promise=PROMISE,
        scope=None,
        period=None,
        currency=None,
        ours=len(rows) - bad,
        theirs=Decimal(len(rows)),
        difference=bad.copy_negate(),
        cause="equal"
        if not silent
        else f"bills came since advice was made; run aispend recommend: {said}"
        if stale
        else f"{said}; run aispend recommend",
        holds=stale or not silent,
    )


_WHEN = """
    SELECT coalesce((SELECT max(at) FROM why_not), (SELECT max(updated_at) FROM recommendation)) AS made,
           (SELECT max(loaded_at) FROM slice WHERE kind = 'bill') AS newest,
           (SELECT max(c.charge_date)
            FROM charge c JOIN sku s USING (sku_key) JOIN charge_kind k USING (charge_kind_key)
            WHERE s.is_ai AND s.provider <> 'own' AND k.charge_category = 'Usage'
              AND (c.resource_key <> 0 OR s.platform = 'token_api')) AS last_day"""

_ASKED = """
    WITH answered AS (
        SELECT provider, resource_id FROM why_not
        UNION SELECT provider, resource_id FROM recommendation WHERE state NOT IN ('gone', 'expired')
        UNION SELECT provider, jsonb_object_keys(acts_on) FROM recommendation WHERE state NOT IN ('gone', 'expired'))
    SELECT r.resource_id, w.resource_id IS NOT NULL AS is_answered
    FROM charge c
    JOIN sku s USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN resource r USING (resource_key)
    LEFT JOIN answered w ON w.provider = r.provider AND w.resource_id = r.resource_id
    WHERE s.is_ai AND c.resource_key <> 0 AND k.charge_category = 'Usage'
      AND c.charge_date >= :first AND c.charge_date <= :last AND c.billing_month >= :month
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE dataset LIKE '%+%'))
    GROUP BY r.provider, r.resource_id, w.resource_id
    ORDER BY sum(coalesce(c.effective_cost, c.billed_cost)) DESC NULLS LAST, r.resource_id"""
