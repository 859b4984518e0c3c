"""How often requests wait for servers, and when an idle one is cheaper off.

Assumes
    Arrivals are Poisson and service times exponential for waiting times; both are careful for steady services.
    Rates are per hour and times in hours, unless a name says otherwise.
Method
    *Waiting*: Erlang C, P(wait) = C(c, a) for c servers and a = λ/μ of offered load.
    *Scale to zero*: a replica is kept warm for T after each request, costs p an hour while it is up, and takes t_cold
    to come back. Cost per request p·(s + (1−e^(−λT))/λ + e^(−λT)·t_cold), P(cold) = e^(−λT).
    Where the rate differs by the hour, the requests expected in the T before take the place of λT: what came last keeps
    it warm in hours that ask for nothing.
    A cold start costs K = p·t_cold and what its delay costs: at a known rate, stay warm above p/K; at an unknown one,
    switch off after K/p (ski rental: never more than twice the best in hindsight).
    From a histogram of idle times: keep alive to their P99, and start again before their P5.
Sources
    docs/advice.md; Erlang 1917; Karlin et al. 1988 (ski rental); Shahrad et al., ATC 2020.
Known drawbacks
    Requests that come in bursts wait longer than Erlang says and start cold less often than Poisson says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.methods.percentiles import weighted_percentile

Series = NDArray[np.float64]


@dataclass(frozen=True)
class KeepAlive:
    """From the start of an idle time: off until ``prewarm``, up until ``keep_until``; in the unit of the idle times.

    ``prewarm`` is 0 where a restart does not fit in before the earliest requests.
    """

    prewarm: float
    keep_until: float


def erlang_c(servers: int, offered_load: float) -> float:
    """Chance that a request waits; 1 where the load is all the servers or more."""
    if servers < 1 or offered_load < 0:
        raise ValueError("one server or more, and no negative load")
    if offered_load >= servers:
        return 1.0
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered_load * blocked / (count + offered_load * blocked)
    utilization = offered_load / servers
    return blocked / (1 - utilization * (1 - blocked))


def cost_of_hour(price: float, rate: Series, *, service: float, asked: Series, cold_start: float) -> Series:
    """Cost of an hour at each rate; ``asked`` requests are expected to have come within the keep-alive before it.

    ``price`` and ``rate`` are per hour, times in hours; a price of 1 makes it a share of what always on costs.
    """
    return np.asarray(price * (rate * service - np.expm1(-asked) + rate * np.exp(-asked) * cold_start))


def asked_before(rates: Series, keep_alive: float) -> Series:
    """Requests expected in the ``keep_alive`` hours before the middle of each hour of a week, at most those of one."""
    told = np.concatenate([[0.0], np.cumsum(np.tile(rates, 2))])
    hours, middle = np.arange(told.size), rates.size + np.arange(rates.size) + 0.5
    before = middle - min(keep_alive, rates.size)
    return np.asarray(np.interp(middle, hours, told) - np.interp(before, hours, told))


def cold_start_cost(price: float, cold_start: float, penalty: float = 0.0) -> float:
    """Money a cold start costs: the time it takes at the hourly price, and what the delay costs."""
    return price * cold_start + penalty


def warm_above(price: float, cost_of_cold_start: float) -> float:
    """Requests an hour above which staying warm is cheaper; infinite where cold starts cost nothing."""
    return price / cost_of_cold_start if cost_of_cold_start > 0 else math.inf


def ski_rental_timeout(price: float, cost_of_cold_start: float) -> float:
    """Idle hours after which to switch off where nothing is known of the rate."""
    if not price > 0:
        raise ValueError("a price is above 0")
    return cost_of_cold_start / price


def keep_alive(idle_times: NDArray[np.float64], cold_start: float) -> KeepAlive | None:
    """Keep-alive from the idle times there were, NaN left out; None where none is known."""
    known = idle_times[~np.isnan(idle_times)]
    if not known.size:
        return None
    head, tail = (weighted_percentile(known, np.ones(known.size), share) for share in (0.05, 0.99))
    return KeepAlive(prewarm=max(head - cold_start, 0.0), keep_until=tail)
