"""The market of a machine type against what is paid for it now: prices, and hours between interruptions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np

from aispend.moving import Spot
from aispend.percents import percent
from aispend.prices.prices import Price
from recommender.kinds.parts import Parts
from recommender.methods.runtime_on_spot import mtbf_from_band, mtbf_from_preemptions
from recommender.savings import recent
from recommender.subjects.machines import Machine
from recommender.subjects.spot_market import SpotMarket, SpotPrice

_DRAWS = 100_000


@dataclass(frozen=True)
class Quote:
    """Spot against what is paid now; hours between interruptions of a machine, and who says so.

    ``mtbf_ends`` are the same at the P90 and the P10 of how often it may be interrupted, as far as that is known.
    """

    spot: SpotPrice
    on_demand: Price
    ratio: float
    mtbf: float
    mtbf_source: str
    mtbf_ends: tuple[float, float]

    @property
    def paid_now(self) -> float:
        """What an hour costs now, which the ratio is of."""
        return float(self.spot.hourly_price) / self.ratio


def quote_of(machine: Machine, parts: Parts, options: Spot) -> Quote | tuple[str, str]:
    """The market of its type, as far as it is known; else what is missing of it."""
    market = machine.market
    on_demand = machine.price
    if on_demand is None or market is None or market.price is None or market.price.currency != on_demand.currency:
        what = "on-demand" if on_demand is None else "spot"
        return "unpriced", (
            f"No {what} price is known for {machine.instance_type} in {machine.place}. "
            "Collect spot prices of the region (aispend collect), or wait for the price list."
        )
    if market.price.hourly_price >= on_demand.hourly_price:
        return "not_cheaper", (
            f"An hour costs {market.price.hourly_price} on spot and {on_demand.hourly_price} on demand."
        )
    rate = _mtbf(market)
    if rate is None:
        return "interruptions_unknown", (
            f"How often {machine.instance_type} is interrupted in {machine.place} is not known: neither a band of the "
            "market was collected, nor did any machine of the type run on spot here."
        )
    ratio = float(market.price.hourly_price / on_demand.hourly_price)
    own_rate = _own_rate(parts, options.window_days)
    if own_rate and parts.whole.currency == on_demand.currency:
        ratio = max(ratio, float(market.price.hourly_price) / own_rate)
    return Quote(market.price, on_demand, ratio, *rate)


def _mtbf(market: SpotMarket) -> tuple[float, str, tuple[float, float]] | None:
    """Hours between interruptions of one machine, the shorter of what is known, where it is from, and its ends.

    Of a band any share is as likely; of one's own hours the rate has Jeffreys' posterior (Poisson).
    """
    known: list[tuple[float, str, tuple[float, float]]] = []
    if market.band is not None and 0 < market.band.low + market.band.high < 2:
        band = market.band
        source = f"{percent(band.low)} to {percent(band.high)} of machines {band.per}, {band.source}, {band.as_of}"
        often, seldom = (band.low + part * (band.high - band.low) for part in (0.9, 0.1))
        ends = mtbf_from_band(often, band.hours), mtbf_from_band(seldom, band.hours)
        known.append((mtbf_from_band((band.low + band.high) / 2, band.hours), source, ends))
    if market.own is not None:
        hours = mtbf_from_preemptions(market.own.interruptions, market.own.hours)
        if hours:
            own = market.own
            source = f"{own.interruptions} interruptions in {own.hours:.0f} own hours on spot ({own.counted})"
            often, seldom = _as_likely(own.interruptions)
            known.append((hours, source, (min(hours, own.hours / often), max(hours, own.hours / seldom))))
    return min(known, default=None)


@lru_cache(maxsize=1024)
def _as_likely(seen: int) -> tuple[float, float]:
    """The P90 and the P10 of how many there would be in another stretch as long, by a fixed seed."""
    often, seldom = np.percentile(np.random.default_rng(600).gamma(seen + 0.5, size=_DRAWS), (90, 10))
    return float(often), float(seldom)


def _own_rate(parts: Parts, days: int) -> float | None:
    """What an hour of a machine costs now where no commitment covers it; None where that is not known."""
    bare = [
        day
        for machine in parts.machines
        for day in recent(machine, days)
        if not day.is_spot and day.hours and day.effective_cost and day.uncovered_effective_cost == day.effective_cost
    ]
    hours = sum(day.hours for day in bare)
    return float(sum((day.effective_cost or Decimal(0) for day in bare), Decimal(0))) / hours if hours else None
