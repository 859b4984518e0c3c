"""Several ways to pay less for the same tokens: what they add up to, by each provider's own rules and by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.buying import Batch, CanWait, PromptCache, SharedPrefix
from recommender.contract import Advice
from recommender.kinds import batch, prompt_cache
from recommender.portfolio import combine
from recommender.registry import KINDS
from recommender.subjects.token_use import TokenUse
from tests.recommender.kinds.tokens import tokens_bought

MONTH = Decimal(730) / 24
SETTINGS = Recommend(
    batch=Batch(can_wait=(CanWait(model="*", share=Decimal(1)),)),
    prompt_cache=PromptCache(shared_prefix=(SharedPrefix(model="*", share=Decimal("0.6"), hit_rate=Decimal("0.9")),)),
)


def both(subject: TokenUse) -> list[Advice]:
    found = [kind.evaluate(subject, SETTINGS) for kind in (batch.KIND, prompt_cache.KIND)]
    assert all(isinstance(item, Advice) for item in found), found
    return [item for item in found if isinstance(item, Advice)]


@pytest.mark.parametrize(
    ("tokens", "batched", "cached"),
    [
        # 30 of input and 15 of output a day. Batches: half of 45. Cache: of 18 that repeat, 16.20 at a tenth and 1.80
        # at 1.25 times: 18 − 1.62 − 2.25.
        ({"input": "10", "output": "1"}, "22.5", "14.13"),
        # 3 million read at 0.30 already: 0.90. Not known at Bedrock what batches take off that: half of 21 + 15.
        ({"input": "7", "cached_input": "3", "output": "1"}, "18", "7.065"),
    ],
)
def test_batches_and_a_cache_for_the_same_tokens_count_once(tokens: dict[str, str], batched: str, cached: str) -> None:
    """Of 60 % that repeat, what is in the cache already saves nothing more: 3 of 6 million, at 0.785 of 3 dollars."""
    advice = both(tokens_bought(millions=tokens))
    nets = [item.saving.net / MONTH for item in advice]
    assert nets == pytest.approx([Decimal(batched), Decimal(cached)], abs=Decimal("0.001"))
    counted = combine(advice, KINDS)
    assert [item.counts for item in counted] == [True, False]
    assert sum(item.net for item in counted) == advice[0].saving.net


@pytest.mark.parametrize("order", [1, -1])
def test_the_one_that_saves_more_counts_in_whatever_order(order: int) -> None:
    """A fifth may wait: 4.50 a day by batches, 14.13 by the cache."""
    settings: Any = Recommend(
        batch=Batch(can_wait=(CanWait(model="*", share=Decimal("0.2")),)), prompt_cache=SETTINGS.prompt_cache
    )
    found = [kind.evaluate(tokens_bought(), settings) for kind in (batch.KIND, prompt_cache.KIND)][::order]
    advice = [item for item in found if isinstance(item, Advice)]
    assert {item.kind: one.counts for item, one in zip(advice, combine(advice, KINDS), strict=True)} == {
        "batch": False,
        "prompt_cache": True,
    }
