"""From which day to which anything is known of the use of a provider's models.

Assumes     the unit costs of the months are written.
Method      Of each provider the first and the last day on which requests were counted, of any model.
Cases       A provider of which no request was ever counted is not among them. A day between the two without requests
            is taken to have had none: a server that waited. One outside of them is unknown.
Drawbacks   A log that has a hole, or that ends while those of other models of the provider go on, is not told apart
            from a server that waited, unless a bill counts the tokens of these days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, and_, false, func, or_, select

from aispend.schema import unit_cost


class DaysKnown(NamedTuple):
    """The first day with requests, and the last."""

    first: date
    last: date


def usage_days(connection: Connection) -> Mapping[str, DaysKnown]:
    """The days between which requests were counted, by provider."""
    c = unit_cost.c
    days = select(c.provider, func.min(c.day), func.max(c.day)).where(c.requests.is_not(None)).group_by(c.provider)
    return {provider: DaysKnown(first, last) for provider, first, last in connection.execute(days)}


def outside(known: Mapping[str, DaysKnown], source: FromClause) -> ColumnElement[bool]:
    """Whether a row of ``source`` (columns ``provider`` and ``day``) is of a day of which no use is known."""
    c = source.c
    days = (and_(c.provider == name, or_(c.day < one.first, c.day > one.last)) for name, one in known.items())
    return or_(false(), *days)
