"""The days that say what something cost before a change: without those of other changes of the same resources.

Method
    The window ends where the bill does, or on the day of the change. Where another change was done or taken back within
    it, the days since are the window if there are enough of them: a week for hours a day, a day for what an hour costs.
    Else it is the days before that change, as of one day both (``order.py`` holds the two apart then).
    What an hour costs is changed by a new price of these hours alone, what is covered by commitments alone; of what a
    commitment is for, a machine's hours before it was changed to another price are none (``changed_on``).
Cases
    A change that is told after a later one is a change before it all the same: the later one is measured anew.
    What was taken back on the day it was done changed nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy import Connection, select, true
from sqlalchemy.dialects.postgresql import array

from aispend.schema import saving_baseline

WINDOW_DAYS = 28
_CHANGED_BY = {"same_hours": ("same_hours", "commitment"), "commitment": ("commitment",)}
"""Counterfactuals of the changes that a price by the hour is measured apart from; a number of hours is from all."""
_A_WEEK = 7
_ONE_DAY = timedelta(days=1)


def window_before(
    connection: Connection, name: str, provider: str, resources: Collection[str], *, end: date, counterfactual: str
) -> tuple[date, date]:
    """First day and the day after the last of the window that ends before ``end``, for the recommendation ``name``."""
    by = _CHANGED_BY.get(counterfactual)
    least = 1 if by else _A_WEEK
    for day in sorted(_changes(connection, name, provider, resources, by), reverse=True):
        if not end - timedelta(days=WINDOW_DAYS) <= day < end:
            continue
        since = day + _ONE_DAY
        if (end - since).days >= least:
            return since, end
        end = day
    return end - timedelta(days=WINDOW_DAYS), end


def measured_over(
    connection: Connection, name: str, provider: str, resources: Collection[str], day: date
) -> list[tuple[str, date]]:
    """What was done of the same resources within a window after ``day``, and was measured before that was told."""
    b = saving_baseline.c
    if not resources:
        return []
    rows = connection.execute(
        select(b.recommendation_id, b.done_on)
        .where(
            b.recommendation_id != name,
            b.provider == provider,
            b.done_on > day,
            b.done_on <= day + timedelta(days=WINDOW_DAYS),
            b.parts.has_any(array(sorted(resources))),
        )
        .order_by(b.done_on, b.recommendation_id)
    )
    return [(row.recommendation_id, row.done_on) for row in rows]


def changed_on(
    connection: Connection, name: str, provider: str, resources: Collection[str], window: tuple[date, date]
) -> dict[str, date]:
    """The last day of the window on which each of some resources was changed to another price of an hour."""
    b = saving_baseline.c
    rows = connection.execute(
        select(b.done_on, b.undone_on, b.parts).where(
            b.recommendation_id != name,
            b.provider == provider,
            b.done_on >= window[0],
            b.done_on < window[1],
            b.parts.has_any(array(sorted(resources))),
            b.counterfactual.in_(("same_hours", "same_service")),
        )
    )
    found: dict[str, date] = {}
    for row in rows:
        if row.undone_on is None:
            for one in {*row.parts}.intersection(resources):
                found[one] = max(row.done_on, found.get(one, row.done_on))
    return found


def _changes(
    connection: Connection, name: str, provider: str, resources: Collection[str], by: Collection[str] | None
) -> set[date]:
    """Days on which something else was done about some of the resources, or taken back; all that was where None."""
    b = saving_baseline.c
    if not resources:
        return set()
    rows = connection.execute(
        select(b.done_on, b.undone_on).where(
            b.recommendation_id != name,
            b.provider == provider,
            b.done_on.is_not(None),
            b.parts.has_any(array(sorted(resources))),
            true() if by is None else b.counterfactual.in_(by),
        )
    )
    return {
        day
        for row in rows
        if row.undone_on is None or row.undone_on > row.done_on + _ONE_DAY
        for day in (row.done_on, row.undone_on)
        if day is not None
    }
