"""What APIs charge per million tokens for a model: every provider that offers it, from the genai-prices catalogue.

The catalogue is maintained and dated by its package version; nothing is fetched when asked. Prices are in US dollars at
list, for a request of ordinary length; batch, priority and volume discounts are not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from aispend.prices.models import canonical_model

CURRENCY = "USD"
_REQUEST = 1_000
"""Tokens asked for at a time: prices that rise with the prompt's length are taken at their first step."""


@dataclass(frozen=True)
class ApiOffer:
    """One provider's list price of a model, US dollars per million tokens; None where it has no price of that class."""

    provider: str
    model_id: str
    input: Decimal
    cached_input: Decimal | None
    output: Decimal
    source: str

    def cost(self, uncached_input: Decimal, cached_input: Decimal, output: Decimal) -> Decimal:
        """What these tokens cost there; cached input counts as plain input where the provider has no price for it."""
        cached = self.input if self.cached_input is None else self.cached_input
        return (uncached_input * self.input + cached_input * cached + output * self.output) / 1_000_000


@lru_cache(maxsize=512)
def api_offers(model: str) -> tuple[ApiOffer, ...]:
    """Every provider's offer of a model, by its one name, the cheapest first (by input + output).

    >>> api_offers("no-such-model")
    ()
    """
    offers = (_offer(provider, model_id) for provider, model_id in _catalogue().get(canonical_model(model), ()))
    return tuple(sorted((one for one in offers if one), key=lambda one: (one.input + one.output, one.provider)))


def models_sold(provider: str) -> frozenset[str]:
    """The one names of all models a provider of the catalogue sells."""
    return frozenset(name for name, offers in _catalogue().items() if any(by == provider for by, _ in offers))


@lru_cache(maxsize=1)
def _catalogue() -> Mapping[str, list[tuple[str, str]]]:
    from genai_prices.data import providers

    found: dict[str, list[tuple[str, str]]] = {}
    for provider in providers:
        for model in provider.models:
            if not model.deprecated:
                found.setdefault(canonical_model(model.id), []).append((provider.id, model.id))
    return found


def _offer(provider: str, model_id: str) -> ApiOffer | None:
    """None where it is free, or not sold by the token: a trial says nothing about a price."""
    per_million = {name: _price(provider, model_id, **{f"{name}_tokens": _REQUEST}) for name in ("input", "output")}
    cached = _price(provider, model_id, input_tokens=_REQUEST, cache_read_tokens=_REQUEST)
    if not per_million["input"] or not per_million["output"]:
        return None
    source = f"genai-prices {version('genai-prices')}"
    return ApiOffer(provider, model_id, per_million["input"], cached or None, per_million["output"], source)


def _price(provider: str, model_id: str, **tokens: Any) -> Decimal | None:
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(**tokens), model_ref=model_id, provider_id=provider)
    except LookupError:
        return None
    return Decimal(found.total_price) * (1_000_000 // _REQUEST)
