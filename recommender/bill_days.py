"""The days that bills are known to: a line that came astray does not make the days before it free of charge.

Method
    Of each bill the newest day before today with as much usage as its days usually have (``aispend/usual_days.py``), by
    its newest two months; of one by the month the last day it is known to (``aispend/monthly_bills.py``). A cost is
    effective cost, or billed cost where there is none: of a pair of datasets both count, on all days alike.
Known drawbacks
    Of the newest day some services may be still to come: up to half of a lean day is missing at most.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection, text

from aispend.monthly_bills import JOIN_MONTHLY, KNOWN_TO, newest_known
from aispend.schema import DONE_STATES


def bills_known_to(connection: Connection, provider: str, scopes: Collection[str], today: date) -> dict[str, date]:
    """The last day that each of these billing accounts' bills is known to; without those that have no usage."""
    wanted = {"provider": provider, "scopes": list(scopes), "today": today, "done": list(DONE_STATES)}
    return newest_known(tuple(row) for row in connection.execute(text(_USED), wanted))


_USED = f"""
    WITH bill AS (
        SELECT slice_id, scope, period, state = ANY(:done) AS is_done,
               dense_rank() OVER (PARTITION BY scope ORDER BY period DESC) AS age
        FROM slice
        WHERE kind = 'bill' AND provider = :provider AND scope = ANY(:scopes) AND period <= :today)
    SELECT b.scope, {KNOWN_TO} AS day, k.billing_currency, sum(coalesce(c.effective_cost, c.billed_cost, 0)),
           bool_or(b.is_done), monthly.of_slice IS NOT NULL
    FROM bill b
    JOIN charge c ON c.slice_id = b.slice_id AND c.billing_month = b.period
    JOIN charge_kind k USING (charge_kind_key)
    {JOIN_MONTHLY}
    WHERE b.age <= 2 AND k.charge_category = 'Usage' AND {KNOWN_TO} < :today
    GROUP BY 1, 2, 3, 6"""
