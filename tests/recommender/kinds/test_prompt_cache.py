"""Caches of prompts: what was measured counts, what others do waits for its gate, the rest is a what-if."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from aispend.buying import PromptCache, SharedPrefix
from recommender.contract import Advice, Subject
from recommender.kinds.prompt_cache import GATE, KIND, evaluate
from recommender.subjects.token_use import CacheRates
from tests.recommender.kinds.asking import advising, refusing
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.tokens import counted_on_last, for_nothing, partly_unknown, tokens_bought, two_weeks


def measured(share: str, hit_rate: str) -> Recommend:
    rule = SharedPrefix(model="claude-*", share=Decimal(share), hit_rate=Decimal(hit_rate))
    return Recommend(prompt_cache=PromptCache(shared_prefix=(rule,)))


advise = advising(evaluate)
refuse = refusing(evaluate)


def test_a_measured_prefix_counts() -> None:
    """$30 of input a day, 80 % repeats: 24; 90 % hits at a tenth: 2.16; 10 % misses at 1.25: 3. Saved 18.84 a day."""
    found = advise(tokens_bought(), measured("0.8", "0.9"))
    assert found.saving.net == Decimal("573.05")
    assert found.gate is None
    assert not found.estimate_only


def test_days_of_unknown_cost_save_the_same_share_as_the_others() -> None:
    """Input of seven days beside output that has no known cost: 18.84 a day, as of the days that are known."""
    found = advise(partly_unknown(tokens_bought(), "output"), measured("0.8", "0.9"))
    assert found.saving.net == Decimal("573.05")


def test_tokens_counted_on_some_days_save_the_same_share() -> None:
    found = advise(counted_on_last(tokens_bought(), 7), measured("0.8", "0.9"))
    assert found.saving.net == Decimal("573.05")


def test_the_rates_of_another_model_of_the_team_wait_for_the_gate() -> None:
    """45 % read and 5 % written: 15 a day repeats; 90 % at a tenth: 1.35; 10 % at 1.25: 1.875. Saved 11.775 a day."""
    found = advise(tokens_bought(peer_cache=CacheRates(Decimal("0.45"), Decimal("0.05"), "x of support", True)))
    assert found.saving.net == Decimal("358.16")
    assert found.gate == GATE
    assert not found.estimate_only


def test_another_team_lends_its_hit_rate_only() -> None:
    found = advise(tokens_bought(peer_cache=CacheRates(Decimal("0.4"), Decimal("0.1"), "x of search", False)))
    assert found.evidence["hit_rate"] == "0.8000"
    assert found.estimate_only


def test_nothing_measured_is_a_what_if_between_the_shortest_part_and_nearly_all() -> None:
    """Of 30 a day, 1,024 of 5,000 tokens, half, and 90 %; each saves 78.5 % of it: 4.823, 11.775 and 21.195 a day."""
    found = advise(tokens_bought())
    assert (found.saving.p10, found.saving.p50, found.saving.p90) == (
        Decimal("146.70"),
        Decimal("358.16"),
        Decimal("644.68"),
    )
    assert found.estimate_only
    assert found.gate == GATE


def test_writing_may_eat_the_saving() -> None:
    """At 1.25 for a miss and 0.1 for a hit it pays from 0.25 / 1.15 = 21.7 % on."""
    found = refuse(tokens_bought(), measured("0.8", "0.2"))
    assert found.reason == "write_surcharge"
    assert "22 %" in found.explanation


def test_ones_own_bill_says_what_reading_and_writing_cost() -> None:
    """Read at 0.1 and written at 1.25 of the input price, as billed; 10 of 30 million are in the cache.

    80 % of 20 million repeats and half of it is cached already: 6 of the 10 plain ones, 18 a day; hits 90 %.
    """
    millions = {"input": "10", "cached_input": "9", "cache_write": "1", "output": "1"}
    found = advise(tokens_bought(millions=millions), measured("0.8", "0.9"))
    assert found.evidence["price_source"] == "as billed"
    # 18 − (18 × 0.9 × 0.1 + 18 × 0.1 × 1.25) = 14.13 a day × 730 / 24
    assert found.saving.net == Decimal("429.79")


def test_what_is_cached_already_is_left_alone_until_more_is_measured() -> None:
    millions = {"input": "10", "cached_input": "9", "cache_write": "1", "output": "1"}
    assert refuse(tokens_bought(millions=millions)).reason == "already_cached"
    assert refuse(tokens_bought(millions=millions), measured("0.5", "0.9")).reason == "already_cached"


@pytest.mark.parametrize(
    ("provider", "model", "cached", "saved"),
    [
        # a tenth of 3 is a fifth of the 1.50 that a batch costs: of 24 a day that repeat 4.32 for hits, 2.40 for misses
        ("gcp", "gemini-2.5-pro", "0.2000", Decimal("525.60")),
        # a tenth of either, 2.16; misses at twice the price, for an hour: 4.80
        ("anthropic", "claude-sonnet-4", "0.1000", Decimal("518.30")),
        ("aws", "claude-sonnet-4", None, None),
    ],
)
def test_within_a_batch_each_provider_has_its_own_rule(
    provider: str, model: str, cached: str | None, saved: Decimal | None
) -> None:
    """$30 of input a day in batches, of which 80 % repeats."""
    rule = SharedPrefix(share=Decimal("0.8"), hit_rate=Decimal("0.9"))
    settings = Recommend(prompt_cache=PromptCache(shared_prefix=(rule,)))
    subject = tokens_bought(provider=provider, model=model, service_tier="batch")
    if saved is None:
        found = refuse(subject, settings)
        assert (found.reason, "cached input within a batch" in found.explanation) == ("rule_unknown", True)
        return
    advice = advise(subject, settings)
    assert (advice.evidence["cached_price_share"], advice.saving.net) == (cached, saved)


def test_short_prompts_are_not_cached() -> None:
    assert refuse(tokens_bought(prompt_tokens=Decimal(1023))).reason == "prompt_too_short"


def test_unknown_prompt_lengths_are_asked_for() -> None:
    found = refuse(tokens_bought(prompt_tokens=None, requests=None))
    assert found.reason == "telemetry_missing"
    assert "import-usage" in found.explanation


def test_where_caching_is_automatic_the_advice_is_the_order_of_the_prompt() -> None:
    found = advise(tokens_bought(provider="azure", model="gpt-4o"))
    assert "first" in found.proposed
    assert found.undo == "put the prompt back in its order", "there are no cache points to take out"
    assert (found.risk, advise(tokens_bought()).risk) == (1, 0), (
        "answers may change with the order, not with cache points"
    )
    assert "another order of the prompt may change them" in (found.command or "")
    assert found.evidence["write_surcharge"] == "0.0000"


def test_a_model_nobody_caches_gets_none() -> None:
    assert refuse(tokens_bought(model="llama-3.1-70b")).reason == "not_offered"


@given(share=st.decimals(Decimal("0.01"), 1, places=2), hit_rate=st.decimals(Decimal("0.01"), 1, places=2))
def test_it_never_saves_more_than_the_input_that_repeats(share: Decimal, hit_rate: Decimal) -> None:
    answer = evaluate(tokens_bought(), measured(str(share), str(hit_rate)))
    if isinstance(answer, Advice):
        assert 0 < answer.saving.net <= Decimal("912.50") * share * hit_rate
    else:
        assert hit_rate <= Decimal("0.22")


def test_weeks_with_less_input_are_in_the_range() -> None:
    """Input is two thirds of the cost of one week and one third of the other's, so that a cache spares half as much."""
    mixed = two_weeks({"input": "10", "output": "1"}, {"input": "5", "output": "2"})
    found = advise(mixed, measured("0.5", "0.9")).saving
    assert found.p10 is not None
    assert found.p90 is not None
    assert found.p90 == pytest.approx(2 * found.p10, rel=Decimal("0.001"))
    assert "how often what repeats is found again" in found.range_from


def test_a_bill_of_0_has_nothing_to_save() -> None:
    found = refuse(for_nothing(tokens_bought()))
    assert found.reason == "costs_nothing"
    assert "come to 0.00 USD" in found.explanation


class TestContract(KindContract):
    kind = KIND

    @pytest.fixture
    def advised(self) -> Subject:
        return tokens_bought()

    @pytest.fixture
    def blind(self) -> Subject:
        return tokens_bought(prompt_tokens=None, requests=None)
