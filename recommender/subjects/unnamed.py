"""Names of accelerators' hosts in telemetry that meet no resource: one of them may be what seems not to be measured.

Method      Of the newest day of measurements in the last week of the evidence, the names nothing resolves.
Drawbacks   A machine that no bill has, one of a test or of somebody else's account, is such a name too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from aispend.schema import accelerator_hour, slice_
from aispend.store.telemetry import resolved_accelerator_hours

_LATELY = timedelta(days=7)


def unnamed_hosts(connection: Connection, as_of: datetime) -> tuple[str, ...]:
    """Their names, in order."""
    measured = (slice_.c.kind == "metrics", slice_.c.period < as_of.date(), slice_.c.period >= (as_of - _LATELY).date())
    newest = select(func.max(slice_.c.period)).where(*measured).scalar_subquery()
    of_day = select(slice_.c.slice_id).where(slice_.c.kind == "metrics", slice_.c.period == newest)
    hours = resolved_accelerator_hours().where(accelerator_hour.c.slice_id.in_(of_day)).subquery()
    names = select(hours.c.alias).group_by(hours.c.alias).having(func.count(hours.c.resource_key) == 0)
    return tuple(connection.scalars(names.order_by(hours.c.alias)))
