"""The parts of a change in cost: worked by hand, and adding up to it whatever the numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.realised import After, Before, below_floor, price_ratio, realised

NONE = After(Decimal(0), Decimal(0), Decimal(0))
TEN_AN_HOUR = Before(Decimal(672), Decimal(6720), Decimal(6720), Decimal(0), Decimal(8400))


def test_what_is_stopped_saves_the_hours_it_would_have_run() -> None:
    """28 days at 10 an hour; 720 hours of a month are 7,200, of which two days of it were still paid: 480."""
    found = realised(TEN_AN_HOUR, After(Decimal(480), Decimal(480), Decimal(0)), Decimal(720), Decimal(1))
    assert (found.counterfactual, found.actual, found.realised) == (Decimal(7200), Decimal(480), Decimal(6720))
    assert (found.price_effect, found.commitment_effect) == (0, 0)


def test_what_is_resized_saves_the_difference_for_the_hours_it_ran() -> None:
    """600 hours at 4 instead of 10: 6,000 − 2,400 = 3,600."""
    found = realised(TEN_AN_HOUR, After(Decimal(2400), Decimal(2400), Decimal(0)), Decimal(600), Decimal(1))
    assert found.realised == Decimal(3600)


def test_a_list_price_that_fell_is_nobody_s_saving() -> None:
    """The old type fell by 20 %: 600 hours would have cost 4,800 today; 4,800 − 2,400 is saved, 1,200 is the price."""
    found = realised(TEN_AN_HOUR, After(Decimal(2400), Decimal(2400), Decimal(0)), Decimal(600), Decimal("0.8"))
    assert (found.realised, found.price_effect, found.commitment_effect) == (2400, 1200, 0)
    assert found.change == 3600


def test_a_commitment_that_came_to_cover_it_is_nobody_s_saving() -> None:
    """4 an hour for 600 hours, of which a commitment now covers half at 3 an hour: 1,200 + 900 are paid.

    At the coverage before (none) it would be 2,400: 6,000 − 2,400 = 3,600 are saved, and 300 are the commitment's.
    """
    after = After(Decimal(2100), Decimal(1200), Decimal("0.5"))
    found = realised(TEN_AN_HOUR, after, Decimal(600), Decimal(1))
    assert (found.change, found.realised, found.commitment_effect) == (3900, 3600, 300)


def test_hours_a_commitment_covered_save_nothing_when_they_end() -> None:
    """Half of it was covered, at 6 an hour where the other half is 10: only 360 hours × 10 of the 5,760 are saved."""
    before = Before(Decimal(672), Decimal(5376), Decimal(3360), Decimal("0.5"))
    found = realised(before, NONE, Decimal(720), Decimal(1))
    assert (found.change, found.realised, found.commitment_effect) == (5760, 3600, 2160)


def test_all_of_it_covered_after_is_valued_at_list_cost_and_the_discount_before() -> None:
    """List 5 an hour, discount before 6,720 of 8,400: 4 an hour for 600 hours are 2,400; without list cost, unknown."""
    covered = After(Decimal(1800), Decimal(0), Decimal(1), list_cost=Decimal(3000))
    assert realised(TEN_AN_HOUR, covered, Decimal(600), Decimal(1)).realised == Decimal(3600)
    unlisted = realised(TEN_AN_HOUR, After(Decimal(1800), Decimal(0), Decimal(1)), Decimal(600), Decimal(1))
    assert (unlisted.realised, unlisted.commitment_effect, unlisted.change) == (None, None, 4200)


def test_a_commitment_s_own_coverage_is_its_saving_less_what_it_leaves_unused() -> None:
    """720 hours at 10 are 7,200; committed they cost 6 each and 300 went unused: 7,200 − 4,320 − 300 = 2,580."""
    new = {"newly_covered": Decimal(720), "newly_covered_cost": Decimal(4320)}
    after = After(Decimal(4320), Decimal(0), Decimal(1), unused=Decimal(300), **new)
    found = realised(TEN_AN_HOUR, after, Decimal(720), Decimal(1), is_commitment=True)
    assert (found.realised, found.commitment_effect) == (2580, 0)


def test_what_commitments_of_before_cover_is_not_saved_by_a_new_one() -> None:
    """Half of 672 hours covered at 6 before, 10 an hour else; after, 360 of 720 at 6 as before and 180 more at 7.

    The new one saves 180 × (10 − 7) = 540. The other 180 hours still cost 10: 720 × 8 − 5,220 = 540 is the change.
    """
    before = Before(Decimal(672), Decimal(5376), Decimal(3360), Decimal("0.5"))
    after = After(
        Decimal(2160 + 1260 + 1800),
        Decimal(1800),
        Decimal("0.75"),
        newly_covered=Decimal(180),
        newly_covered_cost=Decimal(1260),
    )
    found = realised(before, after, Decimal(720), Decimal(1), is_commitment=True)
    assert (found.realised, found.commitment_effect, found.change) == (540, 0, 540)


def test_no_commitment_made_saves_nothing_whatever_others_cover() -> None:
    """All 720 hours covered at 6 by commitments of before: 2,880 cheaper, and nobody's saving."""
    found = realised(
        TEN_AN_HOUR, After(Decimal(4320), Decimal(0), Decimal(1)), Decimal(720), Decimal(1), is_commitment=True
    )
    assert (found.realised, found.commitment_effect) == (0, 2880)


def test_an_unknown_list_price_is_an_unknown_part() -> None:
    found = realised(TEN_AN_HOUR, NONE, Decimal(720), None)
    assert (found.price_effect, found.realised) == (None, 7200)


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        (Decimal(10), Decimal(8), Decimal("0.8")),
        (Decimal("10.000000000001"), Decimal(10), Decimal(1)),
        (None, Decimal(8), None),
        (Decimal(10), None, None),
        (Decimal(0), Decimal(8), None),
    ],
)
def test_prices_are_compared_where_both_are_known(
    before: Decimal | None, after: Decimal | None, ratio: Decimal | None
) -> None:
    assert price_ratio(before, after) == ratio


def test_what_only_fills_a_floor_saves_nothing() -> None:
    """100 below the floor takes all of 60 + 20; 40 below it takes half of each; a loss is not below anything."""
    saved = [Decimal(60), Decimal(20), Decimal(-5)]
    assert below_floor(saved, Decimal(100)) == [60, 20, 0]
    assert below_floor(saved, Decimal(40)) == [30, 10, 0]
    assert below_floor(saved, Decimal(0)) == [0, 0, 0]


amounts = st.decimals(0, 100_000, places=6)
shares = st.decimals(0, 1, places=3)


@given(
    st.decimals("0.01", 10_000, places=2),
    amounts,
    shares,
    shares,
    amounts,
    shares,
    shares,
    st.decimals(0, 10_000, places=2),
    st.none() | st.decimals("0.1", 3, places=4),
    st.booleans(),
    shares,
)
def test_the_parts_add_up_to_the_change_exactly(
    quantity: Decimal,
    effective: Decimal,
    uncovered: Decimal,
    covered: Decimal,
    paid: Decimal,
    paid_open: Decimal,
    covered_after: Decimal,
    demand: Decimal,
    ratio: Decimal | None,
    is_commitment: bool,
    new: Decimal,
) -> None:
    before = Before(quantity, effective, effective * uncovered, covered, effective)
    cover = {"newly_covered": demand * new, "newly_covered_cost": paid * new}
    after = After(paid, paid * paid_open, covered_after, list_cost=paid, **cover)
    found = realised(before, after, demand, ratio, is_commitment=is_commitment)
    assert found.realised is not None
    assert found.commitment_effect is not None
    assert found.realised + (found.price_effect or 0) + found.commitment_effect == found.change


@given(st.lists(st.decimals(-1000, 1000, places=2)), st.decimals(0, 5000, places=2))
def test_a_floor_never_takes_more_than_is_saved_or_missing(saved: list[Decimal], shortfall: Decimal) -> None:
    taken = below_floor(saved, shortfall)
    assert all(0 <= part <= max(amount, Decimal(0)) for part, amount in zip(taken, saved, strict=True))
    assert sum(taken) <= shortfall + Decimal("0.000001")
