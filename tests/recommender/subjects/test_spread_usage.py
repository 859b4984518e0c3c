"""Money of days spread over the hours that ran: to the last digit the same in whatever order the bill comes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.hours_used import HOURS_PER_DAY, Spent, spread_over_hours

D = Decimal
FIRST = date(2026, 9, 1)
MORNING = (1 << 12) - 1


def test_hours_that_ran_share_a_day_and_others_have_nothing() -> None:
    """240 over twelve hours are 20 each, and 120 over all of them 5 more; the day after has 24 in its last hour."""
    found = spread_over_hours(
        [Spent(FIRST, MORNING, D(240)), Spent(FIRST, None, D(120)), Spent(FIRST + timedelta(days=1), 1 << 23, D(24))],
        FIRST,
        3,
    )
    assert found == (D(25),) * 12 + (D(5),) * 12 + (D(0),) * 23 + (D(24),) + (D(0),) * 24


def test_hours_of_unknown_cost_are_unknown_whatever_else_ran() -> None:
    found = spread_over_hours([Spent(FIRST, None, D(24)), Spent(FIRST, MORNING, None)], FIRST, 1)
    assert found == (None,) * 12 + (D(1),) * 12


SPENT = st.builds(
    Spent,
    day=st.integers(0, 2).map(lambda day: FIRST + timedelta(days=day)),
    hours=st.one_of(st.none(), st.sampled_from([0, 1, 7, MORNING, (1 << 24) - 1]), st.integers(0, (1 << 24) - 1)),
    amount=st.one_of(st.none(), st.decimals(0, 10**6, places=12)),
)


@given(st.lists(SPENT, max_size=12).flatmap(lambda spent: st.tuples(st.just(spent), st.permutations(spent))))
def test_the_same_in_any_order_and_as_if_each_were_spread_alone(given_ones: tuple[list[Spent], list[Spent]]) -> None:
    spent, mixed = given_ones
    found = spread_over_hours(spent, FIRST, 3)
    assert spread_over_hours(mixed, FIRST, 3) == found

    exact: list[Fraction | None] = [Fraction(0)] * (3 * HOURS_PER_DAY)
    for one in spent:
        mask = (1 << HOURS_PER_DAY) - 1 if one.hours is None else one.hours
        for hour in (hour for hour in range(HOURS_PER_DAY) if mask >> hour & 1):
            place = (one.day - FIRST).days * HOURS_PER_DAY + hour
            before = exact[place]
            share = None if one.amount is None else Fraction(one.amount) / mask.bit_count()
            exact[place] = None if before is None or share is None else before + share
    assert [one is None for one in found] == [one is None for one in exact]
    for one, other in zip(found, exact, strict=True):
        assert one is None or other is None or abs(Fraction(one) - other) < Fraction(1, 10**15)
