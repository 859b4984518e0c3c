"""Slices of a card: the published shares, the smallest that is enough, and cards for several."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.mig import Profile, cards_needed, profiles, smallest

H100 = "nvidia-h100-80gb"


def slice_for(load: float, gigabytes: float) -> str | None:
    found = smallest(H100, load, gigabytes * 1e9, compute_headroom=0.2, memory_headroom=0.1)
    return None if found is None else found.name


def test_shares_of_an_80_gb_card_are_the_published_ones() -> None:
    assert {one.name: one.share for one in profiles(H100)} == {
        "1g.10gb": Fraction(1, 7),
        "1g.20gb": Fraction(1, 4),
        "2g.20gb": Fraction(2, 7),
        "3g.40gb": Fraction(1, 2),
        "4g.40gb": Fraction(4, 7),
        "7g.80gb": 1,
    }


def test_a_40_gb_card_has_5_gb_a_slice() -> None:
    assert [one.name for one in profiles("nvidia-a100-40gb")][:3] == ["1g.5gb", "1g.10gb", "2g.10gb"]


@pytest.mark.parametrize(
    ("load", "gigabytes", "name"),
    [
        (0.11, 9.0, "1g.10gb"),  # 1/7 less 20 % is 0.1143, 10 GB less 10 % is 9
        (0.12, 9.0, "2g.20gb"),
        (0.11, 9.1, "1g.20gb"),
        (0.5, 30, "7g.80gb"),  # 4/7 less 20 % is 0.457
        (0.9, 30, None),
        (float("nan"), 1, None),
    ],
)
def test_the_smallest_with_headroom(load: float, gigabytes: float, name: str | None) -> None:
    assert slice_for(load, gigabytes) == name


def test_a_card_without_slices_has_none() -> None:
    assert profiles("nvidia-l4") == ()
    assert smallest("nvidia-l4", 0, 0, compute_headroom=0, memory_headroom=0) is None


def test_seven_small_slices_fill_a_card() -> None:
    small, half = profiles(H100)[0], profiles(H100)[3]
    assert cards_needed([small] * 7) == 1
    assert cards_needed([small] * 8) == 2
    assert cards_needed([half] * 2 + [small]) == 2  # eight memory slices are gone
    assert cards_needed([]) == 0


def fewest(slices: list[Profile]) -> int:
    """By trying: the next slice on each card that has room for it, or on a new one."""
    best = len(slices)

    def place(at: int, cards: list[tuple[int, int]]) -> None:
        nonlocal best
        if len(cards) >= best:
            return
        if at == len(slices):
            best = len(cards)
            return
        one = slices[at]
        for number, (compute, memory) in enumerate(cards):
            if compute + one.compute <= 7 and memory + one.memory <= 8 and (compute, memory) not in cards[:number]:
                with_it = (compute + one.compute, memory + one.memory)
                place(at + 1, [*cards[:number], with_it, *cards[number + 1 :]])
        place(at + 1, [*cards, (one.compute, one.memory)])

    place(0, [])
    return best


def test_cards_are_the_fewest_that_hold_them() -> None:
    """Two of 3 and four of 2: 3 + 2 + 2 on each of two cards; the largest first would join the two of 3."""
    two, three = profiles(H100)[2], profiles(H100)[3]
    assert cards_needed([three, three, two, two, two, two]) == 2
    for many in range(1, 8):
        for slices in combinations_with_replacement(profiles(H100), many):
            assert cards_needed(slices) == fewest(list(slices))


@given(st.lists(st.sampled_from(profiles(H100)), max_size=16))
def test_cards_are_never_fewer_than_what_is_asked_for(slices: list[Profile]) -> None:
    assert sum(one.compute for one in slices) <= 7 * cards_needed(slices) <= 7 * len(slices)
