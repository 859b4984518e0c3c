"""Machines of one's own for the tokens of a model: which could serve it, how fast, and the cheapest fleet of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from aispend.advising import Recommend
from aispend.prices.accelerators import InstanceType, accelerator, instance_types
from aispend.prices.models import canonical_model
from aispend.prices.prices import Price
from recommender.methods.api_prices import OwnServers, TokenPrices, TokenUse, own_servers
from recommender.methods.model_memory import accelerators_needed
from recommender.methods.model_shapes import served_model, source_of
from recommender.methods.throughput import ServedModel, Traffic, decode_throughput, hardware
from recommender.prices import PriceBook

BATCH = 16
"""Requests a replica works on at once in the estimate: little, so that the estimate is not too good."""

_KNOWN_SOFTWARE = "nvidia-"
"""The formula was fitted on these; on other makers' accelerators software decides, not specifications."""


@dataclass(frozen=True)
class Mix:
    """A mean request: tokens in and out, and the share of the input read from a cache."""

    input: float
    output: float
    cached_share: float


@dataclass(frozen=True)
class Fleet:
    """The cheapest fleet found; ``measured`` where its throughput is a benchmark of the settings."""

    machine: str
    price: Price
    output_per_second: Decimal
    servers: OwnServers
    measured: bool
    source: str


def cheapest_fleet(
    model: str,
    settings: Recommend,
    *,
    provider: str,
    region: str,
    on: date,
    book: PriceBook,
    prices: TokenPrices,
    monthly: TokenUse,
    peak_output: Decimal | None,
    mix: Mix,
    per_dollar: Decimal,
) -> Fleet | None:
    """The fleet that serves these tokens for least; None where no machine there has a price and a known speed.

    ``prices`` are the API's, in the currency that ``per_dollar`` leads to.
    """
    options = settings.self_host
    fleets = []
    for machine, speed, measured, source in _speeds(model, settings, provider, mix):
        price = book.price_at(provider, region, machine.instance_type, "on_demand", on)
        if price is None or price.currency != "USD":
            continue
        servers = own_servers(
            prices,
            monthly,
            replica_price_per_hour=price.hourly_price * per_dollar,
            replica_output_per_second=speed,
            peak_output_per_second=peak_output,
            least_replicas=options.least_replicas,
            engineers_per_month=options.engineers_per_month * per_dollar,
        )
        if servers is not None:
            fleets.append(Fleet(machine.instance_type, price, speed, servers, measured, source))
    return min(fleets, key=lambda fleet: (fleet.servers.own_cost, fleet.machine), default=None)


def _speeds(
    model: str, settings: Recommend, provider: str, mix: Mix
) -> Sequence[tuple[InstanceType, Decimal, bool, str]]:
    """Machines and their output tokens a second: those of a benchmark alone where there is one, else by formula."""
    machines = [one for (sold_by, _), one in sorted(instance_types().items()) if sold_by == provider]
    benchmarks = {
        replica.instance_type.lower(): replica.output_tokens_per_second
        for replica in settings.self_host.replica
        if replica.provider == provider and canonical_model(replica.model) == canonical_model(model)
    }
    if benchmarks:
        source = "your benchmark (recommend.self_host.replica)"
        return [
            (one, benchmarks[one.instance_type.lower()], True, source)
            for one in machines
            if one.instance_type.lower() in benchmarks
        ]
    served = served_model(model, settings.optimize_model.models)
    if served is None:
        return []
    source = f"estimated from the accelerator's specification and {source_of(model) or 'the shape in your settings'}"
    found = ((one, _estimated(served, one, mix)) for one in machines)
    return [(one, Decimal(repr(round(speed, 3))), False, source) for one, speed in found if speed]


def _estimated(model: ServedModel, machine: InstanceType, mix: Mix) -> float | None:
    """Output tokens a second of all replicas the machine holds; None where it holds none, or its card is not known."""
    card = accelerator(machine.accelerator_type)
    count = int(machine.accelerators)
    if card is None or not card.name.startswith(_KNOWN_SOFTWARE) or count < 1 or mix.output <= 0:
        return None
    speed = hardware(card, model.precision)
    tokens = round(BATCH * (mix.input + mix.output))
    degree = accelerators_needed(
        model.shape, float(card.memory_gb) * 1e9, model.precision, tokens=tokens, maximum=min(count, 8)
    )
    if speed is None or degree is None or degree > count:
        return None
    traffic = Traffic(BATCH, mix.input, mix.output, mix.cached_share)
    return decode_throughput(model, speed, traffic, tensor_parallel=degree).tokens_per_second * (count // degree)
