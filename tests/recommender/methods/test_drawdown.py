"""What is lost of an amount that must be used by a day."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.drawdown import drawdown

money = st.decimals(0, 10**9, places=2)


def test_half_drawn_in_most_of_the_time() -> None:
    """12,000, of which 6,000 are drawn at 20 a day, with 61 days left: 1,220 more, 4,780 lost; 98.36 a day needed."""
    found = drawdown(Decimal(12_000), Decimal(6_000), Decimal(20), 61)
    assert (found.left, found.expected, found.lost) == (Decimal(6_000), Decimal(7_220), Decimal(4_780))
    assert found.needed_per_day == Decimal("98.36")


def test_what_is_used_up_loses_nothing() -> None:
    assert drawdown(Decimal(100), Decimal(90), Decimal(1), 10).lost == 0


def test_on_the_last_day_all_that_is_left_is_lost() -> None:
    found = drawdown(Decimal(100), Decimal(90), Decimal(1), 0)
    assert found.lost == 10
    assert found.needed_per_day is None


@given(total=money, drawn=money, per_day=money, days=st.integers(0, 1000))
def test_never_more_is_lost_than_is_left(total: Decimal, drawn: Decimal, per_day: Decimal, days: int) -> None:
    found = drawdown(total, drawn, per_day, days)
    assert 0 <= found.lost <= found.left <= total
