"""What providers offer for a model: batches, caches, and the next smaller one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aispend.prices.models import canonical_model
from recommender.methods.api_models import cache_offer, offer_of, smaller_model, sold_in_batches
from recommender.methods.api_prices import api_discounts


@pytest.mark.parametrize(
    ("provider", "model", "offered"),
    [
        ("azure", "gpt-4o", True),
        ("azure", "text-embedding-3-large", False),
        ("openai", "text-embedding-3-large", True),
        ("aws", "claude-sonnet-4", True),
        ("gcp", "gemini-2.5-pro", True),
        ("gcp", "claude-sonnet-4", False),
        ("somebody", "gpt-4o", False),
    ],
)
def test_batches_are_offered_by_provider_and_model(provider: str, model: str, offered: bool) -> None:
    assert sold_in_batches(provider, model) is offered


def test_a_cache_has_a_minimum_and_a_price_for_writing_by_model() -> None:
    sonnet, haiku, nova = (cache_offer("aws", name) for name in ("claude-sonnet-4", "claude-haiku-4.5", "nova-lite"))
    assert sonnet
    assert haiku
    assert nova
    assert (sonnet.minimum_prompt_tokens, sonnet.write_surcharge) == (1024, Decimal("0.25"))
    assert haiku.minimum_prompt_tokens == 4096
    assert (nova.minimum_prompt_tokens, nova.write_surcharge) == (1000, Decimal(0))
    assert cache_offer("aws", "llama-3.1-70b") is None


@pytest.mark.parametrize(
    ("provider", "model", "smaller"),
    [
        ("azure", "gpt-4o", "gpt-4o-mini"),
        ("aws", "claude-sonnet-4", "claude-haiku-4.5"),
        ("aws", "nova-lite", "nova-micro"),
        ("gcp", "gemini-2.5-pro", "gemini-2.5-flash"),
        ("gcp", "gemini-2.5-flash", "gemini-2.5-flash-lite"),
        ("azure", "gpt-4o-mini", "gpt-4.1-nano"),
        ("azure", "text-embedding-3-large", None),
        ("aws", "no-such-model", None),
        ("somebody", "gpt-4o", None),
    ],
)
def test_the_next_smaller_model_is_of_the_same_generation_else_the_nearest(
    provider: str, model: str, smaller: str | None
) -> None:
    assert smaller_model(provider, model) == smaller


def test_a_smaller_model_costs_less_where_it_is_sold() -> None:
    large, small = offer_of("aws", "claude-sonnet-4"), offer_of("aws", "claude-haiku-4.5")
    assert large
    assert small
    assert (large.input, large.output) == (3, 15)
    assert small.input < large.input
    assert small.output < large.output


def test_every_rule_is_of_a_provider_with_discounts_and_every_name_is_canonical() -> None:
    for provider, model in (("aws", "claude-haiku-4.5"), ("azure", "gpt-4o-mini"), ("gcp", "gemini-2.5-pro")):
        assert canonical_model(model) == model
        assert cache_offer(provider, model)
    assert {"bedrock", "vertex", "azure", "openai", "anthropic"} <= set(api_discounts())
