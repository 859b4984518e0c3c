"""What was asked of what serves, hour by hour: requests, tokens, and how many ran at once.

Assumes     a record is of one hour, and its latency is how long a request was being worked on.
Method      Requests in progress at once are rate × time (Little's law), by the median latency of the hour's records.
Cases       Requests without a latency: how many ran at once is unknown. An hour without a record had none where
            anything else of its account was recorded on that day; else nobody knows (``recorded``), as sources write no
            zeros and a collector that stopped looks like silence. Failed requests are requests.
Drawbacks   Requests within an hour do not come evenly: the most at once is above the hour's mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Numeric, cast, func, select

from aispend.store.telemetry import resolved_inference_hours

Hourly = NDArray[np.float64]
_REQUESTS = ("requests", "failed_requests")
_INPUT = ("input", "cached_input", "cache_write")
_HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Use:
    """By hour: requests, tokens in (cached ones included) and out, requests in progress at once (NaN unknown).

    ``recorded`` marks the hours of days on which anything of the account was recorded; None: all of them.
    """

    requests: Hourly
    input_tokens: Hourly
    output_tokens: Hourly
    running: Hourly
    recorded: NDArray[np.bool_] | None = None

    @property
    def asked(self) -> NDArray[np.bool_]:
        """Hours in which anybody asked: where requests are counted, or tokens without them."""
        return np.asarray((self.requests > 0) | (self.input_tokens > 0) | (self.output_tokens > 0))

    @property
    def tokens_per_request(self) -> tuple[float, float] | None:
        """Mean tokens in and out of a request; None where no request, or no token, is recorded."""
        requests, tokens_in, tokens_out = (
            float(np.nansum(of)) for of in (self.requests, self.input_tokens, self.output_tokens)
        )
        return (tokens_in / requests, tokens_out / requests) if requests > 0 and tokens_out > 0 else None

    def plus(self, other: Use) -> Use:
        """Both together."""
        return Use(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.running + other.running,
            other.recorded if self.recorded is None
            else self.recorded if other.recorded is None else self.recorded & other.recorded,
        )  # fmt: skip


@dataclass
class _Counted:
    hours: int
    requests: Hourly = field(init=False)
    input_tokens: Hourly = field(init=False)
    output_tokens: Hourly = field(init=False)
    seconds: Hourly = field(init=False)

    def __post_init__(self) -> None:
        self.requests, self.input_tokens, self.output_tokens, self.seconds = np.zeros((4, self.hours))

    def use(self, recorded: Iterable[int]) -> Use:
        """What was counted, where ``recorded`` are the numbers of the days its account was recorded on."""
        known = np.zeros(self.hours, dtype=bool)
        for day in recorded:
            known[day * _HOURS_PER_DAY : (day + 1) * _HOURS_PER_DAY] = True
        return Use(self.requests, self.input_tokens, self.output_tokens, self.seconds / 3600, known)


def served_use(
    connection: Connection, as_of: datetime, days: int
) -> tuple[Mapping[int, Use], Mapping[tuple[str | None, ...], Use]]:
    """Use of the last ``days``: of each resource, and of (provider, account, model) where no resource is known."""
    since = as_of - timedelta(days=days)
    of = resolved_inference_hours().subquery().c
    owner = (of.resource_key, of.provider, of.account, of.model)
    answered = func.sum(of.quantity).filter(of.quantity > 0)
    rows = connection.execute(
        select(
            *owner, of.hour, of.unit_class, func.sum(of.quantity),
            func.sum(of.quantity * cast(of.latency_p50_ms, Numeric)) / 1000,
            answered == func.sum(of.quantity).filter(of.latency_p50_ms.is_not(None)),
        )
        .where(
            of.unit_class.in_((*_REQUESTS, *_INPUT, "output")), of.model.is_not(None) | of.resource_key.is_not(None),
            of.hour >= since, of.hour < as_of,
        )
        .group_by(*owner, of.hour, of.unit_class)
        .order_by(*owner, of.hour, of.unit_class)  # the last digit of a sum of floats is its order's
    )  # fmt: skip
    by_resource: dict[int, _Counted] = defaultdict(lambda: _Counted(days * _HOURS_PER_DAY))
    by_model: dict[tuple[str | None, ...], _Counted] = defaultdict(lambda: _Counted(days * _HOURS_PER_DAY))
    days_of: dict[tuple[str | None, str | None], set[int]] = defaultdict(set)
    accounts: dict[int, set[tuple[str | None, str | None]]] = defaultdict(set)
    for resource_key, provider, account, model, hour, unit, quantity, seconds, timed in rows:
        counted = by_model[provider, account, model] if resource_key is None else by_resource[resource_key]
        at = int((hour - since).total_seconds() // 3600)
        days_of[provider, account].add(at // _HOURS_PER_DAY)
        if resource_key is not None:
            accounts[resource_key].add((provider, account))
        if unit in _INPUT:
            counted.input_tokens[at] += float(quantity)
        elif unit == "output":
            counted.output_tokens[at] += float(quantity)
        else:
            counted.requests[at] += float(quantity)
            if unit == "requests":
                counted.seconds[at] += float(seconds) if timed and seconds is not None else np.nan
    return (
        {
            key: counted.use(set[int]().union(*(days_of[account] for account in accounts[key])))
            for key, counted in by_resource.items()
        },
        {key: counted.use(days_of[key[0], key[1]]) for key, counted in by_model.items()},
    )
