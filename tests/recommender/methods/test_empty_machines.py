"""What stood empty in every hour of a day, held against the hours themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.empty_machines import Ran, empty_all_day


def test_a_day_of_which_half_was_busier_is_no_day_of_the_mean() -> None:
    """Of four one stood empty by day and three by night: 12 + 36 = 48 machine-hours, two on average, one always."""
    assert empty_all_day(48, 24, total=4, ran=Ran(48, most_at_once=3)) == 1
    assert empty_all_day(48, 24, total=4) == 1
    assert empty_all_day(48, 24) == 1


@pytest.mark.parametrize(
    ("empty_hours", "in_hours", "total", "ran", "least"),
    [
        # all four, all day
        (96, 24, 4, None, 4),
        (96, 24, None, Ran(0, 0), 4),
        # 95 of 96: in one hour one of them ran
        (95, 24, 4, None, 3),
        (95, 24, None, Ran(1, 1), 3),
        # two of four always: known where those that ran are
        (48, 24, 4, Ran(48, 2), 2),
        # nothing in one hour
        (92, 23, 4, None, 0),
        # twenty minutes of a machine count as its hour: (95.67 + 0.33) ÷ 24 = 4
        (95.67, 24, None, Ran(0.33, 1), 3),
        # listed smaller than the bill's day: it was made smaller since
        (96, 24, 2, Ran(0, 0), 2),
    ],
)
def test_worked_by_hand(empty_hours: float, in_hours: int, total: int | None, ran: Ran | None, least: int) -> None:
    assert empty_all_day(empty_hours, in_hours, total=total, ran=ran) == least


@given(
    st.integers(1, 8).flatmap(
        lambda total: st.tuples(st.just(total), st.lists(st.integers(0, total), min_size=24, max_size=24))
    )
)
def test_never_more_than_stood_empty_in_the_fullest_hour(day: tuple[int, list[int]]) -> None:
    total, ran = day
    empty = [total - one for one in ran]
    in_hours = sum(one > 0 for one in empty)
    known = empty_all_day(sum(empty), in_hours, total=total, ran=Ran(sum(ran), max(ran)))
    assert known == min(empty)
    assert empty_all_day(sum(empty), in_hours, total=total) <= known
    assert empty_all_day(sum(empty), in_hours) <= known
