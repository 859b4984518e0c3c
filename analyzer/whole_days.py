"""The last whole day of a bill: the newest that is over and has as much as the bill's days usually have.

Assumes     ``spend_day`` as the last analysis left it; a provider tells of a day's services at different hours.
Method      A day is *thin* where its usage costs less than half of what the leanest days of the four weeks before it
            did: the third lowest of 28, so that days off (weekends, a job now and then) are usual and one outage is
            not. Thin days at the end of a bill are a line that came astray, or services whose others are still to come:
            the bill is known up to the day before them. On the third thin day they are believed: it was switched off.
            Of the days left, the newest is whole where a charge reaches its last hour, where the bill is final, closed
            or restated, or where a later day has begun; else the day before it is.
Cases       A day to come is none of the bill's, and today is not over. Of less than a week with usage in those four
            weeks nothing is usual (a line a month, a new bill), nor of a bill that costs nothing: no day is thin. What
            a final bill says of its last day is all there is. With several currencies a day is thin where it is in all
            of them. A charge of unknown cost adds nothing to its day: rather too few days are known than too many.
            The company's own costs are whole as they are written down.
Drawbacks   Half: between machines that run half a day, and a fall that is told at once. A bill that falls by more is
            told of two days later, and a day of which more than half has come counts as whole once a line reaches its
            last hour. Three days: reasoned, as clouds tell of a day within one to three. A line astray that costs half
            a day or more is taken for a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from aispend.schema import DONE_STATES
from aispend.usual_days import thin_tail

_ONE_DAY = timedelta(days=1)


def end_of_bill(connection: Connection, slices: Iterable[int], today: date) -> date | None:
    """The day after the last whole one by a bill's newest two months, ``slices``; None where nothing was used.

    Today at the latest: it is not over.
    """
    rows = connection.execute(text(_USED), {"slices": list(slices), "done": list(DONE_STATES), "today": today}).all()
    costs: dict[date, dict[str, Decimal]] = {}
    for row in rows:
        costs.setdefault(row.day, {})[row.currency] = row.cost
    over = [(day, cost) for day, cost in costs.items() if day < today]
    if not over:
        return today if costs else None
    newest = over[0][0]
    if any(row.is_done for row in rows if row.day == newest):
        return newest + _ONE_DAY
    thin = thin_tail(over)
    day = over[thin][0]
    return day + _ONE_DAY if thin or today in costs or _reaches_midnight(connection, slices, day) else day


def end_of_own(connection: Connection, slices: Iterable[int], today: date) -> date | None:
    """The day after the last that own costs are written down for, today included; None where nothing was."""
    newest: date | None = connection.scalar(text(_NEWEST), {"slices": list(slices)})
    if newest is None:
        return None
    whole = _reaches_midnight(connection, slices, newest)
    return min(newest + _ONE_DAY if whole else newest, today + _ONE_DAY)


def _reaches_midnight(connection: Connection, slices: Iterable[int], day: date) -> bool:
    return bool(connection.scalar(text(_REACHES_MIDNIGHT), {"slices": list(slices), "day": day}))


_USED = """
    SELECT d.charge_date AS day, d.currency, bool_or(s.state = ANY(:done)) AS is_done,
           coalesce(sum(coalesce(d.effective_cost,
                                 CASE WHEN NOT 'effective_cost' = ANY(s.columns_known) THEN d.billed_cost END)), 0)
               AS cost
    FROM spend_day d JOIN slice s USING (slice_id)
    WHERE d.slice_id = ANY(:slices) AND d.charge_category = 'Usage' AND d.charge_date <= :today
    GROUP BY 1, 2 ORDER BY 1 DESC, 2"""

_NEWEST = "SELECT max(charge_date) FROM spend_day WHERE slice_id = ANY(:slices) AND charge_category = 'Usage'"

_REACHES_MIDNIGHT = """
    SELECT EXISTS (SELECT FROM charge
                   WHERE billing_month = ANY(SELECT period FROM slice WHERE slice_id = ANY(:slices))
                     AND slice_id = ANY(:slices) AND charge_date = :day AND (hours >> 23) & 1 = 1)"""
