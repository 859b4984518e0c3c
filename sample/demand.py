"""What was asked of every model, hour by hour: the source of token charges, of usage records and of load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample.chance import Chance
from sample.timeline import Floats, Hours, Timeline

RUNAWAY_DAYS = (24, 17)
"""The looping agent ran from the first to the second of these days before today."""
RUNAWAY_FACTOR = 9.0
RUNAWAY_SERIES = "support-agent"


@dataclass(frozen=True, kw_only=True)
class Series:
    """Requests to one model from one team through one endpoint. Token numbers are means per request."""

    name: str
    bill: str
    account: str
    region: str
    endpoint: str
    model: str
    team: str
    requests: float
    """Per hour, on an average hour of the last month."""
    tokens_in: float
    tokens_out: float
    cached: float = 0.0
    """Share of the input read from a prompt cache."""
    cache_write: float = 0.0
    reasoning: float = 0.0
    peak_hour: int = 17
    weekend: float = 0.8
    growth: float = 0.6
    swing: float = 0.55
    first_day: int | None = None
    last_day: int | None = None
    token_api: bool = True
    tagged: bool = True
    latency_ms: float = 900.0


@dataclass(frozen=True)
class Demand:
    """Counts by hour of the timeline; input classes are disjoint, reasoning is part of output."""

    series: Series
    requests: Hours
    """All of them; ``answered`` and ``failed`` are disjoint and add up to it."""
    answered: Hours
    failed: Hours
    uncached: Hours
    cached: Hours
    cache_write: Hours
    output: Hours
    reasoning: Hours
    relative: Floats
    """Demand against the mean of the last 30 days."""


def play(series: Series, timeline: Timeline, chance: Chance) -> Demand:
    """The demand of one series over all hours."""
    rng = chance.stream("demand", series.name)
    shape = timeline.demand(
        rng, peak_hour=series.peak_hour, weekend=series.weekend, growth=series.growth, swing=series.swing
    )
    if series.first_day is not None:
        shape = np.where(np.arange(timeline.hours) < timeline.day_ago(series.first_day), 0.0, shape)
    if series.last_day is not None:
        shape = np.where(np.arange(timeline.hours) >= timeline.day_ago(series.last_day), 0.0, shape)
    loops = np.ones(timeline.hours)
    if series.name == RUNAWAY_SERIES:
        loops[timeline.day_ago(RUNAWAY_DAYS[0]) : timeline.day_ago(RUNAWAY_DAYS[1])] = RUNAWAY_FACTOR
    requests = rng.poisson(series.requests * shape * loops).astype(np.int64)
    failed = rng.binomial(requests, 0.004).astype(np.int64)
    done = requests - failed
    # The mean prompt wanders a little from hour to hour.
    tokens_in = (done * series.tokens_in * rng.normal(1, 0.03, timeline.hours)).astype(np.int64)
    output = (done * series.tokens_out * rng.normal(1, 0.04, timeline.hours)).astype(np.int64)
    cached = (tokens_in * series.cached).astype(np.int64)
    written = (tokens_in * series.cache_write).astype(np.int64)
    recent = float(shape[timeline.day_ago(30) :].mean()) or float(shape.max()) or 1.0
    return Demand(
        series,
        requests,
        done,
        failed,
        tokens_in - cached - written,
        cached,
        written,
        output,
        (output * series.reasoning).astype(np.int64),
        shape / recent,
    )
