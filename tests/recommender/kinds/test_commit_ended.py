"""What has ended, or fell, is not committed to, however much of the window it ran in."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from recommender.subjects.usage_pools import UsagePool
from tests.recommender.kinds.test_commit import advise, pool, refuse


def by_day(days: Sequence[int]) -> UsagePool:
    """So much in every hour of each day, and 60 % of it under a commitment."""
    return pool([amount for amount in days for _ in range(24)], days=len(days))


@pytest.mark.parametrize("ended", [2, 3, 6, 9])
def test_what_has_ended_is_not_committed_to(ended: int) -> None:
    """It ran in 85 % of the hours and more, where 60 % are enough, and runs no longer."""
    assert refuse(by_day([10] * (60 - ended) + [0] * ended)) == "ended"


@pytest.mark.parametrize("days", [2, 7])
def test_of_what_fell_no_more_is_committed_than_still_runs(days: int) -> None:
    """Of ten four are left; the forecast of the term may ask for less still."""
    assert 0 < Decimal(advise(by_day([10] * (60 - days) + [4] * days)).evidence["covers_hourly"]) <= 4


def test_a_weekend_is_no_end() -> None:
    """Five days of seven are 71 % of the hours, and the last two days are as those of every week."""
    assert Decimal(advise(by_day([10, 10, 10, 10, 10, 0, 0] * 8)).evidence["covers_hourly"]) > 0
