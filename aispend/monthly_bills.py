"""Bills by the month: no usage of theirs is of a single day or hour, so that none of their days is the newest.

Assumes
    What is loaded on a day (UTC) knows the days before it, and of a month that is not over what it came to so far.
Method
    A slice is by the month where each of its usage charges is of more than a day. Its charges are known to their end,
    or to the day it was loaded where that is earlier: until then what they cost is spread over their days.
Cases
    A fee for a month in a bill by the day is of all of its month, and makes no day known but its first. What is charged
    for all of a month often comes before its first days do: until the 6th the month before has to be by the month too.
Known drawbacks
    One charge of a day makes a bill one by the day. A file that lay about before it was loaded looks newer than it is:
    its days then cost too little. What is charged for a month at once costs too much a day until the month is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from sqlalchemy import ColumnElement, Date, Integer, case, func, text

from aispend.schema import charge
from aispend.usual_days import Name, newest_usual_days

_SLICES = """
    WITH found AS MATERIALIZED (
        -- asked once of each slice, and not of each charge that it is joined to
        SELECT s.slice_id AS of_slice, CAST(timezone('UTC', s.loaded_at) AS date) AS loaded
        FROM slice s
        WHERE s.kind = 'bill' AND {which} AND (
            SELECT true FROM slice o JOIN charge d ON d.slice_id = o.slice_id AND d.billing_month = o.period
            JOIN charge_kind u USING (charge_kind_key)
            WHERE o.kind = 'bill' AND o.provider = s.provider AND o.scope = s.scope
              AND (o.period = s.period
                   OR o.period = s.period - interval '1 month'
                   AND timezone('UTC', s.loaded_at) < s.period + interval '6 days')
              AND u.charge_category = 'Usage' AND coalesce(d.charge_end_date - d.charge_date, 1) <= 1
            LIMIT 1) IS NULL)
    SELECT * FROM found"""
_MONTHLY = _SLICES.format(which="true")
_TO_DATE = _SLICES.format(which="timezone('UTC', s.loaded_at) < s.period + interval '1 month'")

JOIN_MONTHLY = f"LEFT JOIN ({_MONTHLY}) monthly ON monthly.of_slice = c.slice_id"
"""Joins the slices by the month to charges that are called ``c``."""

KNOWN_TO = """CASE WHEN monthly.of_slice IS NULL THEN c.charge_date
                   ELSE least(c.charge_end_date, monthly.loaded) - 1 END"""
"""The last day that a usage charge, joined to these, shows a bill to be known to."""

JOIN_TO_DATE = f"LEFT JOIN ({_TO_DATE}) to_date ON to_date.of_slice = c.slice_id"
"""Joins those of them that were loaded before their month was over."""

CHARGED_UNTIL = """CASE WHEN c.charge_end_date > to_date.loaded THEN greatest(to_date.loaded, c.charge_date + 1)
                        ELSE c.charge_end_date END"""
"""The day before which the cost of a charge, joined to these, was made; NULL where that is the charge's own day."""

monthly = text(_MONTHLY).columns(of_slice=Integer, loaded=Date).subquery("monthly")
to_date = text(_TO_DATE).columns(of_slice=Integer, loaded=Date).subquery("to_date")
"""The same for queries that are put together of columns."""


def charged_until() -> ColumnElement[date | None]:
    """``CHARGED_UNTIL`` of ``charge``, joined to ``to_date``."""
    return case(
        (charge.c.charge_end_date > to_date.c.loaded, func.greatest(to_date.c.loaded, charge.c.charge_date + 1)),
        else_=charge.c.charge_end_date,
    )


def known_to() -> ColumnElement[date]:
    """``KNOWN_TO`` of ``charge``, joined to ``monthly``."""
    return case(
        (monthly.c.of_slice.is_(None), charge.c.charge_date),
        else_=func.least(charge.c.charge_end_date, monthly.c.loaded) - 1,
    )


def newest_known(rows: Iterable[tuple[Name, date, str, Decimal, bool, bool]]) -> dict[Name, date]:
    """The newest day of each bill as ``newest_usual_days`` finds it, or as its charges by the month say, if later.

    ``rows``: as there, with the day that charges are known to, and whether they are by the month: these have no days
    that could be lean.
    """
    known: dict[Name, date] = {}
    by_day = []
    for name, day, currency, cost, is_done, is_monthly in rows:
        if is_monthly:
            known[name] = max(day, known.get(name, day))
        else:
            by_day.append((name, day, currency, cost, is_done))
    usual = newest_usual_days(by_day)
    return usual | {name: max(day, usual.get(name, day)) for name, day in known.items()}
