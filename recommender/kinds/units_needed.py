"""How many units of throughput are needed: as the cloud measures it, else by the tokens that were asked for."""

from __future__ import annotations

import fnmatch
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from aispend.moving import IdleCapacity
from recommender.subjects.capacity import Capacity
from recommender.subjects.served_use import Use
from recommender.subjects.services import Hourly

_HOURS_PER_DAY = 24
_SAME_SIZE = Decimal("0.01")
"""Share by which unit-hours of a day may differ from those of the units there are now: bills round."""


def of_other_sizes(subject: Capacity) -> dict[date, Decimal]:
    """Days on which there was another number of units than now, and how many times as many there are now."""
    if subject.what != "provisioned_throughput" or subject.units is None:
        return {}
    found = {}
    for day in subject.costs:
        hours, now = subject.unit_hours.get(day.day), subject.units * day.hours
        if hours and abs(hours - now) > _SAME_SIZE * now:
            found[day.day] = now / hours
    return found


def asked(use: Use | None, hours: int) -> tuple[Hourly, Hourly]:
    """Requests and tokens of the last hours; NaN where nobody knows."""
    if use is None:
        return np.full(hours, np.nan), np.full(hours, np.nan)
    tokens: Hourly = (use.input_tokens + use.output_tokens)[-hours:]
    recorded = np.ones(tokens.size, dtype=bool) if use.recorded is None else use.recorded[-hours:]
    return np.where(recorded, use.requests[-hours:], np.nan), np.where(recorded, tokens, np.nan)


def units_used(subject: Capacity, first: date, days: int) -> Hourly | None:
    """Units used by hour where the cloud measures them: the busiest minute of its day; NaN unknown, None of no day.

    A day without a measurement on which nobody asked anything used none. What is measured is a share of the units of
    now: of a day with other units it is that share of those.
    """
    if not subject.units_used:
        return None
    others = of_other_sizes(subject)
    requests, tokens = asked(subject.use, days * _HOURS_PER_DAY)
    found = np.full(days * _HOURS_PER_DAY, np.nan)
    for number in range(days):
        day, hours = first + timedelta(days=number), slice(number * _HOURS_PER_DAY, (number + 1) * _HOURS_PER_DAY)
        if day in subject.units_used:
            found[hours] = subject.units_used[day] / float(others.get(day, 1))
        elif (requests[hours] + tokens[hours] == 0).all():
            found[hours] = 0.0
    return found if np.isfinite(found).any() else None


def rate(subject: Capacity, options: IdleCapacity) -> float | None:
    """Tokens a minute of a unit, as the settings know it."""
    return next(
        (
            rate
            for pattern, rate in options.tokens_per_unit_minute.items()
            if subject.model and fnmatch.fnmatchcase(subject.model.lower(), pattern.lower())
        ),
        None,
    )


def need(subject: Capacity, options: IdleCapacity, tokens: Hourly) -> Hourly | tuple[str, str]:
    """Units that the tokens of each hour ask for, at its peak."""
    per_unit = rate(subject, options)
    if per_unit is None or subject.units is None:
        return "capacity_unknown", (
            f"Its busiest hour had {float(np.nanmax(tokens)) / 60:,.0f} tokens a minute, and how many a unit serves is "
            f"not known. Give it as recommend.idle_capacity.tokens_per_unit_minute = "
            f'{{ "{subject.model or "MODEL"}" = … }}.'
        )
    found: Hourly = tokens / 60 * options.peak_factor / per_unit
    return found


def told_by(subject: Capacity, options: IdleCapacity, tokens: Hourly, measured: Hourly | None) -> dict[str, Any]:
    """What the units needed are worked out from."""
    if measured is not None:
        return {"units_used_max": round(float(np.nanmax(measured)), 4)}
    return {
        "tokens_per_unit_minute": rate(subject, options),
        "tokens_per_minute_max": round(float(np.nanmax(tokens)) / 60, 1),
    }
