"""The best commitment by the published numbers, and against trying every amount."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.commitment import best_commitment, fit, lowest_mean, stacked, survives

D = Decimal
USAGE = [D(hour) for hour in (2, 4, 4, 6, 8, 10, 10, 10, 3, 3)]


@pytest.mark.parametrize(("covers", "cost"), [(0, 60), (2, 52), (3, 49), (4, 48), (6, 50), (8, 54), (10, 60)])
def test_published_costs(covers: int, cost: int) -> None:
    """T5.5, at a committed rate of 0.6."""
    assert fit(USAGE, D(covers), D("0.6")).cost == D(cost)


def test_published_optimum() -> None:
    """T5.5: 4, the 40 %-quantile; 20 % saved. The minimum saves 13.3 %, full coverage nothing."""
    best = best_commitment(USAGE, D("0.6"))
    assert (best.covers, best.hourly_commitment, best.cost) == (D(4), D("2.4"), D(48))
    assert best.effective_savings_rate == D("0.2")
    assert (best.coverage, best.utilisation) == (D(36) / 60, D(36) / 40)
    assert round(fit(USAGE, D(2), D("0.6")).effective_savings_rate or D(0), 3) == D("0.133")
    assert fit(USAGE, D(10), D("0.6")).effective_savings_rate == 0


def test_nothing_used_and_no_discount_commit_nothing() -> None:
    assert best_commitment([], D("0.6")).covers == 0
    assert best_commitment([D(0), D(0)], D("0.6")).effective_savings_rate is None
    assert best_commitment(USAGE, D(1)).covers == 0


def test_a_commitment_for_flat_usage_does_not_survive_a_fall_beyond_its_discount() -> None:
    """10 an hour committed at 0.6 costs 6; when usage falls to 7 on demand it still saves, at 5 no more."""
    assert survives([D(10)] * 4, D(10), D("0.6"))
    assert not survives([D(10)] * 4, D(10), D("0.6"), fall=D("0.5"))


def test_the_low_end_of_a_term_is_below_the_level_by_what_past_weeks_missed() -> None:
    """60, 110, 100, 110: smoothed by 0.8 the errors are 50, 0 and 10, squares of 2,600, which is the least there is.

    The level is then 108. Of two weeks the mean varies by 2600 ÷ 2 · (1 + 1.8²) ÷ 4 = 1378, of which 1.28155 deviations
    are 47.573: 60.427, above the least week there was.
    """
    assert lowest_mean([60, 110, 100, 110], 2) == pytest.approx(60.427, abs=1e-3)


def test_of_what_varies_without_a_trend_little_is_given_up() -> None:
    """10 more and 10 less by turns, smoothed by 0.05: 1.2816 · s · 0.332 over a year, s being about 15.

    Σ (1 + 0.05 k)² for k < 52 is 52 + 0.1 · 1326 + 0.0025 · 45526 = 298.415, and its root by 52 weeks 0.3322.
    """
    weeks = [100.0, *[90.0, 110.0] * 10]
    level, squares = 100.0, 0.0
    for week in weeks[1:]:
        squares += (week - level) ** 2
        level = 0.95 * level + 0.05 * week
    expected = level - 1.2815515655 * (squares / 19) ** 0.5 * 0.332206
    assert lowest_mean(weeks, 52) == pytest.approx(expected, abs=1e-3)
    assert 94 < expected < 97


def test_what_never_changes_is_what_will_be_and_less_than_four_weeks_say_nothing() -> None:
    assert lowest_mean([100] * 4, 52) == 100
    assert lowest_mean([100] * 3, 52) is None
    # weeks before the first use are none
    assert lowest_mean([0, 100, 100, 100], 52) is None
    assert lowest_mean([0, 100, 100, 100, 100], 52) == 100
    assert lowest_mean([0] * 8, 52) is None


def test_what_fell_last_week_is_taken_to_stay_so_and_what_rose_is_not_counted_on() -> None:
    assert lowest_mean([100, 100, 100, 50], 52) == 50
    assert lowest_mean([100, 100, 100, 150], 52) == 100


def test_savings_are_stacked_not_added() -> None:
    """T10.1: 40, 60 and 30 % of 10,000 leave 1,680, which is 83.2 % saved and not 130 %."""
    left = stacked(D(10_000), [D("0.4"), D("0.6"), D("0.3")])
    assert left == D(1680)
    assert 1 - left / 10_000 == D("0.832")


money = st.decimals(0, 100, places=2)


@given(st.lists(money, min_size=1, max_size=40), st.decimals("0.05", "0.95", places=2))
def test_the_optimum_is_the_best_of_all_amounts_used(usage: list[Decimal], rate: Decimal) -> None:
    best = best_commitment(usage, rate)
    tried = {covers: fit(usage, covers, rate).cost for covers in {D(0), *usage}}
    assert best.cost == min(tried.values())
    assert best.covers == min(covers for covers, cost in tried.items() if cost == best.cost)
