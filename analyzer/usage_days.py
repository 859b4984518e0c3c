"""Of which days anything is known of the use of a provider's models, and which are in no rate because nothing is.

Assumes     the unit costs of the months are written; what was collected is on record (``collection``).
Method      A day with requests, or with tokens a bill counts, is known by these. A day without either is a day of
            waiting only where something vouches for it, and unknown where something speaks against it:

            beyond         before the first or after the last day with requests of the provider, of any model;
            unlogged       the accelerators of a server that serves were active at or above ``IDLE_ACTIVITY``, and
                           nothing was logged of it (:mod:`analyzer.usage_holes` gives it a row of its own);
            not collected  a collector that tells of the provider's use has no success for the day, but for days before
                           and after it: it failed or was never asked for. Accelerators measured idle that day vouch for
                           the waiting all the same.

            Any other day between the first and the last is vouched for by the span of the log, and waited.
Cases       A provider of which no request was ever counted has no first and last day. What was read again and failed
            then keeps what it had. Requests of zero are known: the machine's log of the day names other models.
Drawbacks   A server nobody measures whose imported log has a hole is not told apart from one that waited. Of two
            collectors of one provider the failure of either makes its days unknown where nobody counted anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, and_, case, false, func, or_, select, text

from aispend.schema import unit_cost
from analyzer.hours import IDLE_ACTIVITY
from analyzer.usage_holes import SERVING

Why = Literal["beyond", "unlogged", "not collected"]


class DaysKnown(NamedTuple):
    """The first day with requests, the last, and the days between that were not collected."""

    first: date
    last: date
    missed: frozenset[date] = frozenset()


def usage_days(connection: Connection) -> Mapping[str, DaysKnown]:
    """The days between which requests were counted, by provider."""
    c = unit_cost.c
    days = select(c.provider, func.min(c.day), func.max(c.day)).where(c.requests.is_not(None)).group_by(c.provider)
    missed: dict[str, set[date]] = {}
    for provider, day in connection.execute(text(_MISSED)):
        missed.setdefault(provider, set()).add(day)
    return {
        provider: DaysKnown(first, last, frozenset(missed.get(provider, ())))
        for provider, first, last in connection.execute(days)
    }


def outside(known: Mapping[str, DaysKnown], source: FromClause) -> ColumnElement[bool]:
    """Whether of a row of ``source`` (``unit_cost`` or its like) no use is known, where it counts none."""
    return why_unknown(known, source).is_not(None)


def why_unknown(known: Mapping[str, DaysKnown], source: FromClause) -> ColumnElement[str | None]:
    """The :data:`Why` of a row without requests and tokens; NULL where it waited."""
    c = source.c
    active = Decimal(IDLE_ACTIVITY) * c.accelerator_hours_paid
    is_idle = func.coalesce(c.accelerator_hours_used < active, False)
    worked = and_(c.stage.in_(SERVING), c.requests.is_(None), c.accelerator_hours_used >= active, active > 0)
    beyond = (and_(c.provider == name, or_(c.day < one.first, c.day > one.last)) for name, one in known.items())
    missed = (and_(c.provider == name, c.day.in_(one.missed)) for name, one in known.items() if one.missed)
    whys: list[tuple[ColumnElement[bool], Why]] = [
        (or_(false(), *beyond), "beyond"),
        (worked, "unlogged"),
        (and_(or_(false(), *missed), ~is_idle), "not collected"),
    ]
    return case(*whys)


_MISSED = """
    WITH asked AS (
        SELECT source, CAST(slice AS date) AS day FROM collection
        WHERE collected_at IS NOT NULL AND slice ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
          AND source IN (SELECT source FROM slice WHERE kind = 'usage')),
    gap AS (
        SELECT source, day AS before, after
        FROM (SELECT source, day, lead(day) OVER (PARTITION BY source ORDER BY day) AS after FROM asked) AS next
        WHERE after > day + 1),
    told AS (
        SELECT DISTINCT source, lower(i.provider) AS provider
        FROM (SELECT source, max(period) AS period FROM slice WHERE kind = 'usage' AND source IN (
                  SELECT source FROM gap) GROUP BY source) AS newest
        JOIN slice s USING (source, period) JOIN inference_hour i USING (slice_id)
        WHERE s.kind = 'usage' AND i.provider IS NOT NULL)
    SELECT provider, d::date
    FROM gap JOIN told USING (source) CROSS JOIN generate_series(before + 1, after - 1, interval '1 day') AS d"""
"""Days between two that a collector of usage collected. Whose use it tells of is what its newest day says."""
