"""The most to commit to of what still runs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from recommender.methods.lasting import most_that_lasts


@pytest.mark.parametrize(
    ("days", "covers"),
    [
        ([10] * 60, 10),
        ([10] * 53 + [0] * 7, 0),  # not in the last week
        ([10] * 57 + [0] * 3, 0),  # in 57 % of it, where 60 % are needed
        ([10] * 58 + [0] * 2, 0),  # in 71 % of it, and not in the last two days
        ([10] * 59 + [0], 10),  # the newest day may not be billed yet
        ([10] * 58 + [4] * 2, 4),
        ([10, 10, 10, 10, 10, 0, 0] * 8, 10),  # a weekend is as the last one
        ([0, 0, 10, 10, 10, 10, 10] * 8, 10),
        ([10] * 5, 10),
    ],
)
def test_no_more_than_still_runs(days: Sequence[int], covers: int) -> None:
    hours = [Decimal(amount) for amount in days for _ in range(24)]

    assert most_that_lasts(hours, Decimal("0.6")) == covers
