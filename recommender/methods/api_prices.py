"""What batches, cached prompts and a smaller model for easy requests save at an API; and what serving oneself does.

Assumes
    Tokens of the period are like those to come. Input is all of it: cached or not.
Method
    Batch: list price × (1 − discount) for requests that can wait. Where the cache's discount goes first (Vertex),
    cached tokens keep it and get no other; where both apply (Anthropic), batch takes its share of cache reads too.
    Cache: of the input that repeats, hits pay the cached price and misses write the cache at the input price and its
    surcharge. Below a break-even hit rate that costs more: then nothing is saved.
    Routing: share × (1 − price of the small ÷ price of the large), on the same tokens.
    Own servers: at least two replicas, and engineers where given, beside the API's cost of the same tokens, input and
    output apart.
Cases
    A rule that is not known (``api_discounts.toml``): None, never a guess.
Sources
    Methods, self-host against API (T5.3), batch and caching discounts (T5.4); each provider's row names its own.
Known drawbacks
    Discounts are of list prices; contracts differ. A cache that is billed by the hour needs that cost subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from aispend.clock import HOURS_PER_MONTH
from aispend.money import rate
from aispend.prices.break_even import BreakEven, break_even
from aispend.prices.data import read_toml

HIGHLY_AVAILABLE = 2
"""Replicas at least, for what must not stop with one of them."""
_MILLION = 1_000_000


@dataclass(frozen=True)
class ApiDiscounts:
    """One provider's rules. Shares from 0 to 1; pairs are the least and the most over its models; None is unknown."""

    name: str
    batch_discount: Decimal | None
    batch_hours: int | None
    cached_input_discount: tuple[Decimal, Decimal] | None
    cache_write_surcharge: tuple[Decimal, Decimal] | None
    cache_storage: bool | None
    minimum_prompt_tokens: int | None
    stacking: Literal["both", "cache"] | None
    evidence: str
    source: str
    checked: date


@dataclass(frozen=True)
class TokenPrices:
    """Per million tokens, in one currency; ``cached_input`` None: unknown, or not offered."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None


@dataclass(frozen=True)
class TokenUse:
    """Tokens of a period: ``cached_input`` was read from a cache, ``uncached_input`` was not."""

    uncached_input: Decimal
    output: Decimal
    cached_input: Decimal = Decimal(0)


@dataclass(frozen=True)
class Saving:
    """Cost before and after over the same tokens; ``saved`` is never negative: what costs more is not done."""

    before: Decimal
    after: Decimal

    @property
    def saved(self) -> Decimal:
        """What it saves, 0 where it would cost more."""
        return max(self.before - self.after, Decimal(0))

    @property
    def pays(self) -> bool:
        """Whether it costs less."""
        return self.after < self.before


@dataclass(frozen=True)
class OwnServers:
    """Serving oneself beside an API, a month of each. ``break_even.load`` is the fleet's load where both cost the same.

    ``load`` is today's share of the fleet's capacity.
    """

    replicas: int
    own_cost: Decimal
    api_cost: Decimal
    load: Decimal
    break_even: BreakEven

    @property
    def saving(self) -> Decimal:
        """What serving oneself saves a month; negative: the API is cheaper."""
        return self.api_cost - self.own_cost


@lru_cache(maxsize=1)
def api_discounts() -> Mapping[str, ApiDiscounts]:
    """Every provider's rules, by name."""
    return {entry["name"]: _discounts(entry) for entry in read_toml("api_discounts.toml", __package__)["provider"]}


def batch_saving(
    prices: TokenPrices, use: TokenUse, rules: ApiDiscounts, eligible_share: Decimal = Decimal(1)
) -> Saving | None:
    """The eligible share of these tokens sent as batches; None: no discount, price or stacking rule is known."""
    if rules.batch_discount is None:
        return None
    plain = _cost(use.uncached_input, prices.input) + _cost(use.output, prices.output)
    cached = Decimal(0)
    cached_discount = Decimal(0)
    if use.cached_input:
        if prices.cached_input is None or rules.stacking is None:
            return None
        cached = _cost(use.cached_input, prices.cached_input)
        if rules.stacking == "both":
            cached_discount = rules.batch_discount
    before = plain + cached
    return Saving(before, before - eligible_share * (plain * rules.batch_discount + cached * cached_discount))


def cache_saving(
    prices: TokenPrices,
    input_tokens: Decimal,
    rules: ApiDiscounts,
    *,
    repeated_share: Decimal,
    hit_rate: Decimal,
    prompt_tokens: Decimal | None = None,
    write_surcharge: Decimal | None = None,
) -> Saving | None:
    """Caching ``repeated_share`` of the input, found again in ``hit_rate`` of requests; both from 0 to 1.

    ``write_surcharge`` None: the provider's most. Prompts of ``prompt_tokens`` below its minimum are not cached, and
    nothing changes. The answer is None where the cached price or the surcharge is not known.
    """
    surcharge = write_surcharge
    if surcharge is None and rules.cache_write_surcharge is not None:
        surcharge = rules.cache_write_surcharge[1]
    if surcharge is None or prices.cached_input is None:
        return None
    before = _cost(input_tokens, prices.input)
    if prompt_tokens is not None and rules.minimum_prompt_tokens and prompt_tokens < rules.minimum_prompt_tokens:
        return Saving(before, before)
    repeated = before * repeated_share
    hits = repeated * hit_rate * prices.cached_input / prices.input
    misses = repeated * (1 - hit_rate) * (1 + surcharge)
    return Saving(before, before - repeated + hits + misses)


def break_even_hit_rate(cached_price_share: Decimal, write_surcharge: Decimal) -> Decimal:
    """The hit rate from which a cache pays, where a hit costs ``cached_price_share`` of the input price (below 1)."""
    return rate(write_surcharge, 1 + write_surcharge - cached_price_share)


def routing_saving(large: TokenPrices, small: TokenPrices, use: TokenUse, easy_share: Decimal) -> Saving:
    """The easy share of these tokens answered by a smaller model, cached input at plain price where it has no other."""
    before = _tokens_cost(large, use)
    return Saving(before, before * (1 - easy_share) + _tokens_cost(small, use) * easy_share)


def own_servers(
    prices: TokenPrices,
    monthly: TokenUse,
    *,
    replica_price_per_hour: Decimal,
    replica_output_per_second: Decimal,
    peak_output_per_second: Decimal | None = None,
    least_replicas: int = HIGHLY_AVAILABLE,
    engineers_per_month: Decimal = Decimal(0),
) -> OwnServers | None:
    """A fleet for these tokens beside the API. ``replica_output_per_second`` is at their mix of input and output.

    The fleet is for the peak (None: the mean, which is the least). None where there is no output, or the API is free.
    """
    mean = rate(monthly.output, HOURS_PER_MONTH * 3_600)
    peak = max(mean, peak_output_per_second or mean)
    replicas = max(math.ceil(peak / replica_output_per_second), least_replicas)
    own = replicas * replica_price_per_hour * HOURS_PER_MONTH + engineers_per_month
    api = _tokens_cost(prices, monthly)
    if not monthly.output or not api:
        return None
    load = rate(mean, replicas * replica_output_per_second)
    tokens = monthly.uncached_input + monthly.cached_input + monthly.output
    return OwnServers(replicas, own, api, load, break_even(own, api, tokens, load))


def _cost(tokens: Decimal, price: Decimal) -> Decimal:
    return tokens * price / _MILLION


def _tokens_cost(prices: TokenPrices, use: TokenUse) -> Decimal:
    cached = prices.input if prices.cached_input is None else prices.cached_input
    return _cost(use.uncached_input, prices.input) + _cost(use.cached_input, cached) + _cost(use.output, prices.output)


def _discounts(entry: Mapping[str, Any]) -> ApiDiscounts:
    def pair(key: str) -> tuple[Decimal, Decimal] | None:
        return (Decimal(entry[key][0]), Decimal(entry[key][1])) if key in entry else None

    return ApiDiscounts(
        name=entry["name"],
        batch_discount=entry.get("batch_discount"),
        batch_hours=entry.get("batch_hours"),
        cached_input_discount=pair("cached_input_discount"),
        cache_write_surcharge=pair("cache_write_surcharge"),
        cache_storage=entry.get("cache_storage"),
        minimum_prompt_tokens=entry.get("minimum_prompt_tokens"),
        stacking=entry.get("stacking"),
        evidence=entry["evidence"],
        source=entry["source"],
        checked=entry["checked"],
    )
