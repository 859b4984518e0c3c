"""What spot would have cost and how often it would have been lost, on prices made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.spot_prices import hourly_highest
from recommender.methods.spot_replay import SpotTerms, replay_deadline, replay_prices

START = datetime(2026, 10, 24, tzinfo=UTC)
DAYS = 28


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def terms(**given: float) -> SpotTerms:
    values = {"bid": 10.0, "paid_now": 10.0, "per_price": 1.0, "fixed": 0.0, "lost_every": 100.0, "min_saving": 0.15}
    return SpotTerms(**(values | given))


def prices(level: float = 4.0, days: int = DAYS) -> np.ndarray:
    return np.full((1, days * 24), level)


def test_the_highest_price_of_each_hour_holds_until_the_next_step() -> None:
    """At 2 from half past zero, at 5 from 01:30: unknown is no price, and an hour has the highest held in it."""
    steps = [(at(0.5), Decimal(2)), (at(1.5), Decimal(5)), (at(2.75), Decimal(1))]
    assert hourly_highest(steps, at(-1), at(5)).tolist() == pytest.approx([np.nan, 2, 5, 5, 1, 1], nan_ok=True)


def test_twenty_eight_days_are_tried_in_three_weeks() -> None:
    """4 of 10 paid, 1.2 times as long: 52 % left in each of three weeks held out; no hour above the bid, so 3 ÷ 504.
    At 100 h between interruptions 504 h have 5.04 of them."""
    found = replay_prices(prices(), terms(per_price=1.2))
    assert found is not None
    assert found.played.outcome.hours == 504
    assert found.played.saved_share == pytest.approx(0.52)
    assert found.played.fold_savings == pytest.approx((0.52, 0.52, 0.52))
    assert found.played.outcome.violation_minutes == 0
    assert found.played.outcome.bound == pytest.approx(3 / 504)
    assert (found.outbid, found.lost) == (0, pytest.approx(5.04))


def test_above_the_bid_it_runs_on_demand_and_counts_as_lost() -> None:
    """Two stretches of 12 and 24 hours at 11 against a bid of 10 in the last week: (468 × 0.6 + 36 × 0) ÷ 504."""
    series = prices()
    series[0, 600:612] = 11
    series[0, 620:644] = 11
    found = replay_prices(series, terms())
    assert found is not None
    assert found.played.outcome.violation_minutes == 36 * 60
    assert found.outbid == 2
    assert found.played.saved_share == pytest.approx(0.6 * 468 / 504)
    assert found.played.outcome.worst_overload == pytest.approx(0.1)
    assert found.lost == pytest.approx(468 / 100)


def test_who_needs_capacity_pays_the_dearest_zone() -> None:
    both = np.vstack([prices(2.0), prices(7.0)])
    found = replay_prices(both, terms())
    assert found is not None
    assert found.played.saved_share == pytest.approx(0.3)


def test_a_week_after_dear_ones_stays_on_demand() -> None:
    """At 9 of 10 for two weeks the rule of 15 % does not choose spot: only the third week, after cheap ones, saves."""
    series = np.concatenate([prices(9.0, 7), prices(2.0, 21)], axis=1)
    found = replay_prices(series, terms())
    assert found is not None
    assert found.played.fold_savings == pytest.approx((0.0, 0.8, 0.8))


def test_what_is_unknown_is_not_tried() -> None:
    """Known from noon of the second day: the third is the first whole one, and 26 days are enough for three weeks."""
    series = prices()
    series[0, :36] = np.nan
    found = replay_prices(series, terms())
    assert found is not None
    assert found.hours_known == 26 * 24
    assert replay_prices(np.full((2, 500), np.nan), terms()) is None
    assert replay_prices(prices(days=1), terms()) is None


def test_a_short_series_says_little() -> None:
    found = replay_prices(prices(days=7), terms())
    assert found is not None
    assert found.played.low_evidence


def test_a_deadline_is_kept_on_the_series_by_both_policies() -> None:
    """48 h of work in 60 on a market that is always there: 48 h and a changeover of 0.1 at 0.4, of 48.1 on demand.
    Greedy and uniform progress do the same then."""
    found = replay_deadline(prices(), bid=10.0, work=48.0, deadline=60.0, changeover=0.1, ratio=0.4)
    assert found is not None
    for runs in found:
        assert runs.met_deadlines
        assert runs.mean_saving == pytest.approx(0.6)
        assert runs.availability == 1


def test_a_deadline_longer_than_the_series_is_not_played() -> None:
    assert replay_deadline(prices(days=7), bid=10.0, work=160.0, deadline=200.0, changeover=0.1, ratio=0.4) is None
    assert replay_deadline(prices(), bid=10.0, work=0.1, deadline=0.12, changeover=0.5, ratio=0.4) is None


@given(st.lists(st.floats(0.5, 20), min_size=28, max_size=28), st.floats(1, 3))
def test_spot_never_costs_more_than_on_demand_by_its_inflation(days: list[float], inflation: float) -> None:
    """No hour is bought above the bid, so at worst every hour costs the bid, as often as work is repeated."""
    series = np.repeat(np.array(days), 24)[None, :]
    found = replay_prices(series, terms(per_price=inflation))
    assert found is not None
    assert 1 - inflation - 1e-9 <= found.played.saved_share <= 1
    assert found.played.outcome.violation_minutes % 60 == 0
    for runs in replay_deadline(series, bid=10.0, work=30.0, deadline=45.0, changeover=0.2, ratio=0.5) or ():
        assert runs.met_deadlines
