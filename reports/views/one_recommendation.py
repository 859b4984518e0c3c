"""One recommendation with its life: each step with who and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from aispend.schema import recommendation_event
from recommender.life import full_id
from reports.views.advice_filter import STATES, AdviceFilter
from reports.views.recommendations import Recommendation, recommendations


@dataclass(frozen=True)
class AdviceStep:
    """A step of its life; ``who`` is None where a run took it, ``monthly_saving_net`` the saving then where kept.

    ``until``: the first day it is open again, where it was snoozed.
    """

    at: datetime
    event: str
    who: str | None
    reason: str | None
    until: date | None
    monthly_saving_net: Decimal | None


@dataclass(frozen=True)
class OneRecommendation:
    """A recommendation in whatever state, and its life, the first step first."""

    row: Recommendation
    life: tuple[AdviceStep, ...]


def one_recommendation(connection: Connection, given: str) -> OneRecommendation:
    """The one of that id, or of the only id that begins so. Raises ``UsageError`` where there is none, or several."""
    name = full_id(connection, given)
    (row,) = (one for one in recommendations(connection, AdviceFilter(states=STATES)).rows if one.id == name)
    e = recommendation_event.c
    steps = connection.execute(
        select(e.at, e.event, e.who, e.reason, e.until, e.monthly_saving_net)
        .where(e.recommendation_id == name)
        .order_by(e.event_id)
    )
    return OneRecommendation(row, tuple(AdviceStep(*step) for step in steps))
