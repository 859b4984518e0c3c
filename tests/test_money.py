"""Dividing money: published vectors (largest remainder) and what must hold for any input."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.money import COST_QUANTUM, cost, split_exact

AMOUNTS = st.integers(-(10**24), 10**24).map(lambda units: units * COST_QUANTUM)
WEIGHTS = st.lists(st.fractions(0, 10**9), min_size=1, max_size=12).filter(any)


@pytest.mark.parametrize(
    ("cents", "weights", "expected"),
    [
        (1000, ("1.908887", "3.264370", "2.413371", "2.413371"), [191, 327, 241, 241]),
        (100, ("0.229199", "0.400314", "0.185243", "0.185243"), [23, 40, 19, 18]),
        (10_000, (1, 1, 1), [3334, 3333, 3333]),
        (5, (1, 1, 1, 1, 1, 1, 1), [1, 1, 1, 1, 1, 0, 0]),
        (-10_000, (1, 1, 1), [-3334, -3333, -3333]),
    ],
)
def test_largest_remainder_hands_out_every_cent(
    cents: int, weights: tuple[str | int, ...], expected: list[int]
) -> None:
    """T1.6, with the cents of T1.5 beside."""
    parts = split_exact(Decimal(cents) / 100, [Decimal(weight) for weight in weights], Decimal("0.01"))
    assert parts == [Decimal(part) / 100 for part in expected]


@given(AMOUNTS, WEIGHTS)
def test_parts_add_up_exactly_and_keep_the_sign(amount: Decimal, weights: list[Fraction]) -> None:
    parts = split_exact(amount, weights)
    assert sum(map(Fraction, parts)) == Fraction(amount)
    assert all(part * amount >= 0 for part in parts)


@given(AMOUNTS, WEIGHTS)
def test_each_part_is_within_one_unit_of_its_ideal(amount: Decimal, weights: list[Fraction]) -> None:
    for part, weight in zip(split_exact(amount, weights), weights, strict=True):
        ideal = Fraction(amount) * weight / sum(weights)
        assert abs(Fraction(part) - ideal) < Fraction(COST_QUANTUM)
        assert weight or not part


@given(AMOUNTS, WEIGHTS)
def test_a_negative_amount_is_divided_as_its_absolute_value(amount: Decimal, weights: list[Fraction]) -> None:
    assert split_exact(-amount, weights) == [-part for part in split_exact(amount, weights)]


def test_nothing_divides_into_nothing_but_something_needs_a_weight() -> None:
    assert split_exact(Decimal(0), [0, 0]) == [Decimal(0), Decimal(0)]
    with pytest.raises(ValueError, match="all zero"):
        split_exact(Decimal(1), [0, 0])
    with pytest.raises(ValueError, match="negative"):
        split_exact(Decimal(1), [1, -1])
    with pytest.raises(ValueError, match="not a whole number"):
        split_exact(Decimal("0.001"), [1], Decimal("0.01"))


def test_costs_are_rounded_half_even_and_a_float_goes_through_its_shortest_text() -> None:
    assert cost("0.0000000000005") == Decimal(0)
    assert cost("0.0000000000015") == Decimal("0.000000000002")
    assert cost(0.1) == Decimal("0.1")
