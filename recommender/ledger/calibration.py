"""How well promises were kept: inside the range, above the median, missed, regretted, taken back; and what is learned.

Method
    Of what was verified, by its first whole final month: the share as promised, within P10 to P90 (goal: 80 % or
    more), and the share at or above P50 (goal: about half). *Regret*: stops whose resource was paid for again within
    seven days, or never ceased to be, of all stops the bill has a week after. *Factor*: realised over promised, added
    up by kind and currency. *Rollbacks*: what was done and taken back.
    Above 5 % of stops that were started again the window of idleness grows by half (``methods/idle.py``).
Cases
    What had no range (its weeks cost the same) is as promised within a tenth of the net saving, and not in the share at
    or above P50. A stop that was never made says nothing about the window. Nothing verified has no share: unknown, not
    zero.
Sources
    methods, combining savings, ranges, feedback; docs/advice.md, verified savings.
Known drawbacks
    Few verified promises say little: the numbers stand beside their counts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection, and_, func, select

from aispend.money import exact_sum, rate
from aispend.schema import recommendation_event, saving, saving_baseline
from aispend.settings import Settings
from recommender.ledger.counterfactual import REGRET_DAYS, still_paid
from recommender.methods.idle import next_window


@dataclass(frozen=True)
class Kept:
    """A verified promise: both amounts are of its first whole final month, in ``currency``."""

    recommendation_id: str
    kind: str
    currency: str
    outcome: str
    realised: Decimal
    predicted_net: Decimal | None
    predicted_p50: Decimal | None


@dataclass(frozen=True)
class Factor:
    """Realised over promised of a kind in a currency; None where nothing was promised."""

    kind: str
    currency: str
    verified: int
    realised: Decimal
    predicted: Decimal
    factor: Decimal | None


@dataclass(frozen=True)
class Stops:
    """Stops that are ``known`` a week after; of them those ``restarted`` within it and those ``never_made``."""

    known: int
    restarted: int
    never_made: int


@dataclass(frozen=True)
class Calibration:
    """Counts and shares (0 to 1) of what was verified; a share is None where there is nothing to take it of.

    ``within_range`` is of all ``promised``; ``with_range`` of them had a range, the others count within a tenth.
    ``restarts`` of the ``stops`` were started again within a week, ``not_stopped`` were paid for all the time;
    ``regret`` is of both.
    """

    verified: int
    promised: int
    with_range: int
    within_range: Decimal | None
    at_least_median: Decimal | None
    misses: tuple[Kept, ...]
    stops: int
    restarts: int
    not_stopped: int
    regret: Decimal | None
    rollbacks: int
    factors: tuple[Factor, ...]


def calibration(connection: Connection) -> Calibration:
    """Of all that was verified so far."""
    b, s = saving_baseline.c, saving.c
    rows = connection.execute(
        select(b.recommendation_id, b.kind, b.currency, b.outcome, s.realised, s.predicted_net, s.predicted_p50)
        .join(saving, and_(s.recommendation_id == b.recommendation_id, s.month == b.verified_month))
        .where(b.outcome.is_not(None), s.realised.is_not(None))
        .order_by(s.realised, b.recommendation_id)
    )
    return summary([Kept(*row) for row in rows], stops_so_far(connection), _rollbacks(connection))


def summary(kept: Sequence[Kept], stops: Stops, rollbacks: int) -> Calibration:
    """The shares of it."""
    promised = [one for one in kept if one.predicted_net is not None]
    ranged = [one for one in promised if one.predicted_p50 is not None]
    inside = sum(one.outcome == "within" for one in promised)
    median = sum(one.predicted_p50 is not None and one.realised >= one.predicted_p50 for one in ranged)
    return Calibration(
        verified=len(kept),
        promised=len(promised),
        with_range=len(ranged),
        within_range=_share(inside, len(promised)),
        at_least_median=_share(median, len(ranged)),
        misses=tuple(one for one in kept if one.outcome == "miss"),
        stops=stops.known,
        restarts=stops.restarted,
        not_stopped=stops.never_made,
        regret=_share(stops.restarted + stops.never_made, stops.known),
        rollbacks=rollbacks,
        factors=_factors(kept),
    )


def stops_so_far(connection: Connection) -> Stops:
    """Stops the bill has a week after, and what came of them."""
    b, s = saving_baseline.c, saving.c
    followed = (
        select(s.recommendation_id, func.max(s.end_day).label("known_to")).group_by(s.recommendation_id).subquery()
    )
    rows = connection.execute(
        select(b.done_on, b.restarted_on, followed.c.known_to)
        .join(followed, followed.c.recommendation_id == b.recommendation_id)
        .where(b.kind == "stop_idle", b.done_on.is_not(None))
    ).all()
    told = [
        row for row in rows if row.restarted_on is not None or row.known_to > row.done_on + timedelta(days=REGRET_DAYS)
    ]
    never = sum(still_paid(row.done_on, row.restarted_on) for row in told)
    return Stops(len(told), sum(row.restarted_on is not None for row in told) - never, never)


def learned(connection: Connection, settings: Settings) -> Settings:
    """The settings with the window of idleness that stops so far call for."""
    so_far = stops_so_far(connection)
    stops, restarts = so_far.known - so_far.never_made, so_far.restarted
    idle = settings.recommend.idle
    longer = {
        "window_days": math.ceil(next_window(idle.window_days, stops, restarts)),
        "dev_window_hours": math.ceil(next_window(idle.dev_window_hours, stops, restarts)),
    }
    wider = settings.recommend.model_copy(update={"idle": idle.model_copy(update=longer)})
    return settings.model_copy(update={"recommend": wider})


def _rollbacks(connection: Connection) -> int:
    """Times something done was taken back."""
    e = recommendation_event.c
    before = func.lag(e.event).over(partition_by=e.recommendation_id, order_by=e.event_id).label("before")
    steps = (
        select(e.event, before)
        .where(e.event.in_(("accepted", "dismissed", "snoozed", "done", "verified", "reopened")))
        .subquery()
    )
    return int(
        connection.scalar(
            select(func.count()).where(steps.c.event == "reopened", steps.c.before.in_(("done", "verified")))
        )
        or 0
    )


def _factors(kept: Sequence[Kept]) -> tuple[Factor, ...]:
    classes: dict[tuple[str, str], list[Kept]] = defaultdict(list)
    for one in kept:
        if one.predicted_net is not None:
            classes[one.kind, one.currency].append(one)
    found = []
    for (kind, currency), ours in sorted(classes.items()):
        saved = exact_sum(one.realised for one in ours)
        promised = exact_sum(one.predicted_net for one in ours if one.predicted_net is not None)
        found.append(Factor(kind, currency, len(ours), saved, promised, rate(saved, promised) if promised else None))
    return tuple(found)


def _share(part: int, whole: int) -> Decimal | None:
    return rate(Decimal(part), Decimal(whole)) if whole else None
