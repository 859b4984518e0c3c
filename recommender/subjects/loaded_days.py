"""From which day on a payer's bills are loaded without a gap: before it nothing was used, as far as anybody knows.

Assumes     a bill that is loaded has usage of some kind, AI or not, in each of its months.
Method      Back from the end month by month while each has usage; of the first of these its first day with usage.
Cases       A payer without usage in the last month has no such day.
Drawbacks   Days that are missing within a month are taken for days without usage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import Connection, text

from aispend.clock import month_of


def loaded_since(connection: Connection, since: date, until: date) -> Mapping[tuple[str, str], date]:
    """By provider and payer the first day from which on all is loaded to the one before ``until``; not before
    ``since``."""
    months: dict[tuple[str, str], dict[date, date]] = defaultdict(dict)
    for row in connection.execute(text(_FIRST_DAYS), {"month": month_of(since), "until": until}):
        months[row.provider, row.payer][row.month] = row.first
    found = {}
    for payer, firsts in months.items():
        month, first = month_of(until - timedelta(days=1)), None
        while month in firsts:
            first = firsts[month]
            month = month_of(month - timedelta(days=1))
        if first is not None:
            found[payer] = max(first, since)
    return found


_FIRST_DAYS = """
    SELECT a.provider, coalesce(a.billing_account_id, '') AS payer,
           CAST(date_trunc('month', c.charge_date) AS date) AS month, min(c.charge_date) AS first
    FROM charge AS c
    JOIN account AS a USING (account_key)
    JOIN charge_kind AS k USING (charge_kind_key)
    WHERE k.charge_category = 'Usage' AND c.charge_date >= :month AND c.charge_date < :until
      AND c.billing_month >= :month
    GROUP BY 1, 2, 3"""
