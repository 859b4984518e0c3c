"""Batches, caches, routing and own servers beside an API, by published numbers (T5.3, T5.4)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.api_prices import (
    ApiDiscounts,
    TokenPrices,
    TokenUse,
    api_discounts,
    batch_saving,
    break_even_hit_rate,
    cache_saving,
    own_servers,
    routing_saving,
)

D = Decimal
ANTHROPIC, VERTEX, OPENAI, AZURE, BEDROCK = (
    api_discounts()[name] for name in ("anthropic", "vertex", "openai", "azure", "bedrock")
)
PRICES = TokenPrices(D(4), D(20), D("0.4"))
USE = TokenUse(D(50_000_000), D(8_000_000))
"""10,000 requests of 5,000 in and 800 out."""
MONTH_SECONDS = 730 * 3_600


@pytest.mark.parametrize("rules", [ANTHROPIC, VERTEX, OPENAI, AZURE, BEDROCK], ids=lambda rules: rules.name)
def test_a_batch_costs_half(rules: ApiDiscounts) -> None:
    """T5.4: $4 and $20 a million: $360 and $180; a quarter of it eligible saves a quarter of that."""
    found, part = batch_saving(PRICES, USE, rules), batch_saving(PRICES, USE, rules, D("0.25"))
    assert found is not None
    assert part is not None
    assert (found.before, found.after, found.saved) == (D(360), D(180), D(180))
    assert part.saved == D(45)


def test_cached_input_in_a_batch_depends_on_the_provider() -> None:
    """30 of 50 M cached: 80 + 12 + 160 = 252. Both: 126. Cache first: 120 + 12 = 132. Not known: no answer."""
    use = TokenUse(D(20_000_000), D(8_000_000), cached_input=D(30_000_000))
    both, first = batch_saving(PRICES, use, ANTHROPIC), batch_saving(PRICES, use, VERTEX)
    assert both is not None
    assert first is not None
    assert (both.before, both.after) == (D(252), D(126))
    assert (first.before, first.after) == (D(252), D(132))
    assert batch_saving(PRICES, use, OPENAI) is None
    assert batch_saving(replace(PRICES, cached_input=None), use, ANTHROPIC) is None
    assert batch_saving(PRICES, USE, replace(ANTHROPIC, batch_discount=None)) is None


def test_a_cache_saves_what_its_hits_save_less_what_its_misses_cost() -> None:
    """50 M at $4: 200. Four fifths repeat (160), nine of ten hit: 144 × 0.1 + 16 × 1.25 = 34.40 instead of 160."""
    found = cache_saving(
        PRICES, D(50_000_000), ANTHROPIC, repeated_share=D("0.8"), hit_rate=D("0.9"), write_surcharge=D("0.25")
    )
    assert found is not None
    assert (found.before, found.after, found.pays) == (D(200), D("74.4"), True)


def test_a_cache_that_is_seldom_hit_costs_more_and_saves_nothing() -> None:
    """One in ten hit: 16 × 0.1 + 144 × 1.25 = 181.60 instead of 160. It pays from 0.25 ÷ 1.15 = 21.7 % on."""
    found = cache_saving(
        PRICES, D(50_000_000), ANTHROPIC, repeated_share=D("0.8"), hit_rate=D("0.1"), write_surcharge=D("0.25")
    )
    assert found is not None
    assert (found.after, found.saved, found.pays) == (D("221.6"), D(0), False)
    assert round(break_even_hit_rate(D("0.1"), D("0.25")), 4) == D("0.2174")
    assert break_even_hit_rate(D("0.1"), D(0)) == 0


def test_the_careful_surcharge_where_none_is_given_and_no_answer_where_none_is_known() -> None:
    """Anthropic's most is 1: 144 × 0.1 + 16 × 2 = 46.40; Vertex has none; Bedrock's is not known."""
    half = {"repeated_share": D("0.8"), "hit_rate": D("0.9")}
    careful = cache_saving(PRICES, D(50_000_000), ANTHROPIC, **half)
    free = cache_saving(PRICES, D(50_000_000), VERTEX, **half)
    assert careful is not None
    assert free is not None
    assert (careful.after, free.after) == (D("86.4"), D("70.4"))
    assert cache_saving(PRICES, D(50_000_000), BEDROCK, **half) is None
    assert cache_saving(replace(PRICES, cached_input=None), D(50_000_000), VERTEX, **half) is None


def test_short_prompts_are_not_cached() -> None:
    half = {"repeated_share": D("0.8"), "hit_rate": D("0.9")}
    short = cache_saving(PRICES, D(50_000_000), VERTEX, prompt_tokens=D(2_047), **half)
    long = cache_saving(PRICES, D(50_000_000), VERTEX, prompt_tokens=D(2_048), **half)
    assert short is not None
    assert long is not None
    assert (short.saved, short.pays) == (D(0), False)
    assert long.pays


def test_routing_the_easy_share() -> None:
    """60 % of 360 at a tenth of the price: 144 + 21.60."""
    found = routing_saving(PRICES, TokenPrices(D("0.4"), D(2)), USE, D("0.6"))
    assert (found.before, found.after, found.saved) == (D(360), D("165.6"), D("194.4"))
    assert routing_saving(TokenPrices(D("0.4"), D(2)), PRICES, USE, D("0.6")).saved == 0


def test_break_even_with_an_api() -> None:
    """T5.3: $4 an hour at 2,500 tokens a second against $0.60 a million: even at 74.07 %, 1,852 a second."""
    found = own_servers(
        TokenPrices(D(0), D("0.60")), TokenUse(D(0), D(1_000) * MONTH_SECONDS),
        replica_price_per_hour=D(4), replica_output_per_second=D(2_500), least_replicas=1,
    )  # fmt: skip
    assert found is not None
    assert (found.replicas, found.load, found.own_cost) == (1, D("0.4"), D(2_920))
    assert found.api_cost == D("1576.8")
    assert found.saving == D("-1343.2")
    assert found.break_even.load is not None
    assert round(found.break_even.load, 4) == D("0.7407")
    assert round(found.break_even.tokens / MONTH_SECONDS) == 1_852


def test_two_replicas_at_least_more_for_the_peak_and_engineers_on_top() -> None:
    """Input and output apart: 3,000 in at $1 and 1,000 out at $4 a second are 18,396 a month; two servers 5,840."""
    use = TokenUse(D(3_000) * MONTH_SECONDS, D(1_000) * MONTH_SECONDS)
    servers = {"replica_price_per_hour": D(4), "replica_output_per_second": D(2_500)}
    two = own_servers(TokenPrices(D(1), D(4)), use, **servers)
    three = own_servers(
        TokenPrices(D(1), D(4)), use, **servers, peak_output_per_second=D(6_000), engineers_per_month=D(10_000)
    )
    assert two is not None
    assert three is not None
    assert (two.replicas, two.own_cost, two.api_cost, two.saving) == (2, D(5_840), D(18_396), D(12_556))
    assert (three.replicas, three.own_cost) == (3, D(18_760))
    assert three.saving == D(-364)
    assert own_servers(TokenPrices(D(1), D(4)), TokenUse(D(5), D(0)), **servers) is None


def test_rules_are_in_order() -> None:
    for rules in api_discounts().values():
        assert rules.source, rules
        assert rules.evidence, rules
        for pair in (rules.cached_input_discount, rules.cache_write_surcharge):
            assert pair is None or 0 <= pair[0] <= pair[1] <= 1, rules
        assert rules.batch_discount is None or 0 < rules.batch_discount < 1, rules
        assert rules.stacking in (None, "both", "cache"), rules
    assert (ANTHROPIC.stacking, VERTEX.stacking, OPENAI.stacking) == ("both", "cache", None)


shares = st.decimals(0, 1, places=3)
tokens = st.integers(0, 10**12).map(Decimal)


@given(uncached=tokens, cached=tokens, output=tokens, share=shares, hit=shares, surcharge=shares)
def test_savings_are_between_nothing_and_the_cost(
    uncached: Decimal, cached: Decimal, output: Decimal, share: Decimal, hit: Decimal, surcharge: Decimal
) -> None:
    """Never negative, never above what is paid; batches never beyond their discount, and more hits never cost more."""
    use = TokenUse(uncached, output, cached)
    for rules in (ANTHROPIC, VERTEX):
        batched = batch_saving(PRICES, use, rules, share)
        assert batched is not None
        assert 0 <= batched.saved <= batched.before / 2
    kept = cache_saving(PRICES, uncached, ANTHROPIC, repeated_share=share, hit_rate=hit, write_surcharge=surcharge)
    best = cache_saving(PRICES, uncached, ANTHROPIC, repeated_share=share, hit_rate=D(1), write_surcharge=surcharge)
    assert kept is not None
    assert best is not None
    assert 0 <= kept.saved <= best.saved <= kept.before
    assert kept.pays == (uncached * share > 0 and hit > break_even_hit_rate(D("0.1"), surcharge))
