"""What a provider offers for a model: batches, a cache, the next smaller model, and its list prices.

Assumes
    A model has one name (``aispend.prices.models``); clouds sell by rules of their own, also for other makers' models.
Method
    ``api_models.toml`` names, by pattern, the models a provider sells in batches and caches. The next smaller model is
    one step down its maker's family: of the same generation, else the nearest newer, else the nearest older one that
    the provider sells, and for less.
Cases
    No pattern fits: not offered in batches; how it caches is unknown. Never a guess.
    Azure sells OpenAI's models at OpenAI's list prices; where its own are not in the catalogue, those are taken.
Sources
    Each entry names its own; prices: genai-prices.
Known drawbacks
    Regions are not looked at: what a provider offers somewhere may be missing in one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from aispend.prices.data import read_toml
from aispend.prices.token_prices import ApiOffer, api_offers, models_sold

_RULES = {"aws": "bedrock", "gcp": "vertex", "azure": "azure", "openai": "openai", "anthropic": "anthropic"}
_SELLERS = {
    "aws": ("aws",),
    "gcp": ("google",),
    "azure": ("azure", "openai"),
    "openai": ("openai",),
    "anthropic": ("anthropic",),
}
_GENERATION = r"\d[a-z0-9.]*"


@dataclass(frozen=True)
class CacheOffer:
    """How a provider caches a model's prompts; None is unknown. ``automatic``: without asking for it."""

    automatic: bool
    minimum_prompt_tokens: int | None
    write_surcharge: Decimal | None
    source: str


def rules_name(provider: str) -> str | None:
    """The name a provider's rules have in ``api_discounts.toml``; None for one without."""
    return _RULES.get(provider)


def sold_in_batches(provider: str, model: str) -> bool:
    """Whether a provider is known to sell a model in batches."""
    return _entry("batch", provider, model) is not None


def cache_offer(provider: str, model: str) -> CacheOffer | None:
    """How a provider caches a model; None: not known to."""
    entry = _entry("cache", provider, model)
    if entry is None:
        return None
    surcharge = entry.get("write_surcharge")
    return CacheOffer(
        entry["automatic"],
        entry.get("minimum_prompt_tokens"),
        None if surcharge is None else Decimal(surcharge),
        entry["source"],
    )


def offer_of(provider: str, model: str) -> ApiOffer | None:
    """A provider's cheapest list price of a model; None where it has none in the catalogue."""
    offers = api_offers(model)
    for seller in _SELLERS.get(provider, ()):
        if found := next((offer for offer in offers if offer.provider == seller), None):
            return found
    return None


def smaller_model(provider: str, model: str) -> str | None:
    """The next smaller model of its family that the provider sells for less; None where there is none."""
    present = offer_of(provider, model)
    if present is None:
        return None
    sold = frozenset().union(*(models_sold(seller) for seller in _SELLERS[provider]))
    for family in _data()["family"]:
        steps = family["steps"]
        place, generation = next(
            ((at, found) for at, step in enumerate(steps) if (found := _generation(step, model)) is not None),
            (None, ""),
        )
        if place is None:
            continue
        for step in steps[place + 1 :]:
            those = {name: of for name in sold if (of := _generation(step, name)) is not None}
            for name in sorted(those, key=lambda name, those=those: _distance(those[name], generation)):  # type: ignore[misc]
                offer = offer_of(provider, name)
                if offer and offer.input < present.input and offer.output < present.output:
                    return name
    return None


def _generation(step: str, model: str) -> str | None:
    """What stands for ``{v}`` in a model's name, empty where the step has none; None where it is not that step."""
    pattern = re.escape(step).replace(r"\{v\}", f"({_GENERATION})")
    found = re.fullmatch(pattern, model)
    return None if found is None else "".join(found.groups())


def _distance(candidate: str, present: str) -> tuple[int, float, str]:
    """Same generation first, then newer ones, then older ones, the nearest first."""
    numbers = (re.match(r"\d+(?:\.\d+)?", one) for one in (present, candidate))
    mine, theirs = (float(number[0]) if number else 0.0 for number in numbers)
    if candidate == present:
        return (0, 0.0, candidate)
    return (1 if theirs >= mine else 2, abs(theirs - mine), candidate)


def _entry(table: str, provider: str, model: str) -> dict[str, Any] | None:
    rules = rules_name(provider)
    return next(
        (
            entry
            for entry in _data()[table]
            if entry["provider"] == rules and any(fnmatchcase(model, pattern) for pattern in entry["models"])
        ),
        None,
    )


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    return read_toml("api_models.toml", __package__)
