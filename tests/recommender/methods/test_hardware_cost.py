"""Cost per million tokens and the cheapest mix, by published numbers (T9.1) and against every possibility."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.hardware_cost import (
    Offer,
    move_pays,
    price_for_same_output,
    rank,
)

D = Decimal
GB = 1e9


def test_the_specification_would_choose_the_wrong_one() -> None:
    """T9.1: H100 $4, B200 $8, realised 1.95: 4.10 for the same output, so the H100; 2.39 promised would say 3.35."""
    assert round(price_for_same_output(D(8), 1.95), 2) == D("4.10")
    assert round(price_for_same_output(D(8), 2.39), 2) == D("3.35")
    assert not move_pays(D(4), D(8), 1.95)
    assert move_pays(D(4), D(8), 2.39)
    assert not move_pays(D(4), D(8), 2.0)


def test_ranking() -> None:
    """$4 at 2,500 tokens a second is 0.4444 a million; $1 at 400 is 0.6944; who is short of memory is out."""
    offers = [
        Offer("small", D(1), 400, 0.02, 24 * GB),
        Offer("big", D(4), 2_500, 0.05, 80 * GB),
        Offer("tiny", D("0.01"), 2_500, 0.01, 16 * GB),
        Offer("slow", D("0.5"), 2_500, 0.2, 80 * GB),
        Offer("unknown", D("0.5"), None, None, 80 * GB),
        Offer("unmeasured", D("0.5"), 2_500, None, 80 * GB),
    ]
    found = rank(offers, 20 * GB, latency_limit=0.1)
    assert [(one.offer.name, round(one.cost_per_million, 4)) for one in found.ranked] == [
        ("big", D("0.4444")),
        ("small", D("0.6944")),
    ]
    assert {one.offer.name: one.reason for one in found.excluded} == {
        "tiny": "It holds 16.0 GB and 20.0 GB are needed.",
        "slow": "It answers in 0.2 s and at most 0.1 s are allowed.",
        "unknown": "Its throughput is not known.",
        "unmeasured": "Its latency is not known.",
    }


@given(
    memory=st.lists(st.floats(1, 200), min_size=1, max_size=6),
    prices=st.lists(st.integers(1, 50), min_size=6, max_size=6),
    needed=st.floats(1, 200),
)
def test_too_little_memory_is_never_offered_at_any_price(memory: list[float], prices: list[int], needed: float) -> None:
    """T2.4."""
    offers = [Offer(str(i), D(prices[i]), 1_000, 0.01, one) for i, one in enumerate(memory)]
    found = rank(offers, needed)
    assert all(one.offer.memory_bytes >= needed for one in found.ranked)
    assert len(found.ranked) + len(found.excluded) == len(offers)
