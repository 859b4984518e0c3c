"""Schedules by the hour of the week: office hours by hand, clocks that change, and replay."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.folds import make_folds
from recommender.methods.outcome import Capacity, Demand
from recommender.methods.replay import replay
from recommender.methods.schedule import (
    Profile,
    Window,
    ahead,
    local_hours,
    on_hours,
    on_off_saving,
    repeats,
    replicas,
    schedule_policy,
    schedule_saving,
    week_profile,
    windows,
)

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
OFFICE = np.array([day * 24 + hour for day in range(5) for hour in range(8, 18)])


def office_weeks(weeks: int, load: float = 6.0, night: float = 1.0) -> np.ndarray:
    week = np.full(168, night)
    week[OFFICE] = load
    return np.tile(week, weeks)


def test_ten_hours_on_five_days_save_70_percent_of_compute() -> None:
    assert on_off_saving(50) == pytest.approx(0.7024, abs=5e-5)


def test_office_hours_are_found() -> None:
    hours = local_hours(MONDAY, 4 * 168, "UTC").week_hours
    on = on_hours(office_weeks(4, 0.9, 0.0), hours, threshold=0.01, lookahead_hours=0)
    assert on is not None
    assert windows(on) == [Window(day * 24 + 8, day * 24 + 18) for day in range(5)]
    assert on_off_saving(sum(one.hours for one in windows(on))) == pytest.approx(0.7024, abs=5e-5)
    earlier = on_hours(office_weeks(4, 0.9, 0.0), hours, threshold=0.01)
    assert earlier is not None
    assert windows(earlier)[0] == Window(7, 18)


def test_a_window_may_pass_the_end_of_the_week() -> None:
    on = np.zeros(168, bool)
    on[[0, 1, 167]] = True
    assert windows(on) == [Window(167, 170)]
    assert windows(np.zeros(168, bool)) == []
    assert windows(np.ones(168, bool)) == [Window(0, 168)]


def test_hours_follow_the_local_clock_through_summer_time() -> None:
    """Berlin leaves summer time on 25 October 2026 at 01:00 UTC: 09:00 local is 07:00 UTC before and 08:00 after."""
    hours = local_hours(datetime(2026, 10, 19, tzinfo=UTC), 2 * 168, "Europe/Berlin").week_hours
    assert hours[7] == 9
    assert hours[168 + 8] == 9
    assert hours[168 + 7] == 8
    assert local_hours(MONDAY, 1, "America/New_York").week_hours[0] == 6 * 24 + 19
    with pytest.raises(ValueError, match="time zone"):
        local_hours(MONDAY.replace(tzinfo=None), 1, "UTC")


def test_an_hour_of_half_past_zones_is_part_of_two_hours_of_utc() -> None:
    """Kolkata is 5:30 ahead: the hour from 00:30 UTC is 06:00 on Monday, and holds half of two hours.

    Kathmandu is 5:45 ahead: 06:00 begins at 00:15, so 45 minutes are of the first hour and 15 of the second.
    """
    series = np.array([4.0, 8.0, np.nan])
    kolkata = local_hours(MONDAY, 3, "Asia/Kolkata")
    assert kolkata.week_hours.tolist() == [6, 7, 8]
    # what is known of an hour is the least that it asked for; its mean is not known
    assert kolkata.largest(series).tolist()[:2] == [8, 8]
    assert kolkata.mean(series).tolist()[0] == 6
    assert np.isnan(kolkata.largest(series)[2])
    assert np.isnan(kolkata.mean(series)[1:]).all()
    kathmandu = local_hours(MONDAY, 3, "Asia/Kathmandu")
    assert kathmandu.week_hours.tolist() == [6, 7, 8]
    assert kathmandu.mean(series).tolist()[0] == (45 * 4 + 15 * 8) / 60
    # nothing is known of what follows the last: its own part counts
    assert kathmandu.mean(np.array([4.0, 8.0, 2.0])).tolist()[2] == 2
    utc = local_hours(MONDAY, 3, "UTC")
    assert utc.largest(series).tolist()[:2] == utc.mean(series).tolist()[:2] == [4, 8]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        # 01:00 to 02:00 in summer time, then 01:30 to 02:00 once more and 02:00 to 02:30
        (datetime(2026, 4, 4, 14, tzinfo=UTC), [(1, {14, 15}), (2, {15, 16}), (3, {16, 17})]),
        # 00:30 to 01:30, then 01:30 to 02:00 and 02:30 to 03:00, then 03:00 to 04:00
        (datetime(2026, 10, 3, 14, tzinfo=UTC), [(1, {14, 15}), (2, {15}), (3, {16})]),
    ],
)
def test_clocks_that_change_by_half_an_hour_lose_no_hour(first: datetime, expected: list[tuple[int, set[int]]]) -> None:
    """Lord Howe is 11:00 ahead in summer and 10:30 in winter; an hour of UTC is in each hour of the clock it is in."""
    clock = local_hours(first, 4, "Australia/Lord_Howe")
    for number, (hour, parts) in enumerate(expected):
        assert clock.week_hours[number] % 24 == hour
        alone = [clock.largest(np.eye(4)[of])[number] > 0 for of in range(4)]
        assert {first.hour + of for of in range(4) if alone[of]} == parts


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin"])
@pytest.mark.parametrize("begins", [datetime(2026, 3, 16, tzinfo=UTC), datetime(2026, 9, 21, tzinfo=UTC)])
def test_on_in_every_quarter_of_an_hour_that_worked(zone: str, begins: datetime) -> None:
    """Six weeks in which clocks change, work in hours drawn at will: each quarter is looked up on the clock itself."""
    worked = np.random.default_rng(11).random(6 * 168) < 0.01
    on = on_hours(
        (clock := local_hours(begins, worked.size, zone)).largest(worked.astype(float)),
        clock.week_hours, threshold=0.5, lookahead_hours=0,
    )  # fmt: skip
    assert on is not None
    assert 0 < on.sum() < 60
    # the first hour's beginning may lie in an hour of the clock that began before it
    for hour in np.flatnonzero(worked[1:]) + 1:
        for quarter in range(4):
            at = (begins + timedelta(hours=int(hour), minutes=15 * quarter)).astimezone(ZoneInfo(zone))
            assert on[at.weekday() * 24 + at.hour]


def test_a_profile_needs_two_weeks_and_likes_four() -> None:
    week = office_weeks(1)
    assert week_profile(week, np.arange(168)) is None
    for weeks in (2, 4):
        found = week_profile(office_weeks(weeks), np.tile(np.arange(168), weeks), growth=1.5)
        assert found is not None
        assert (found.weeks, found.low_evidence) == (weeks, weeks < 4)
        assert (found.demand[8], found.demand[0]) == (9, 1.5)


def test_an_hour_never_seen_has_as_much_as_the_largest() -> None:
    demand = office_weeks(2)
    demand[[3, 171]] = np.nan
    found = week_profile(demand, np.tile(np.arange(168), 2))
    assert found is not None
    assert np.isnan(found.demand[3])
    assert replicas(found, per_replica=1, target=0.6, lookahead_hours=0)[3] == 10


def test_replicas_by_hand() -> None:
    """6 and 1 at 60 % of 1: 10 and 2; the hour before the office opens has 10 as well. Flat 10: 55 × 10 + 113 × 2."""
    found = week_profile(office_weeks(4), np.tile(np.arange(168), 4))
    assert found is not None
    counts = replicas(found, per_replica=1, target=0.6)
    assert counts[[6, 7, 8, 17, 18]].tolist() == [2, 10, 10, 10, 2]
    assert schedule_saving(counts, 10) == pytest.approx(1 - (55 * 10 + 113 * 2) / 1680)
    assert replicas(found, per_replica=1, target=0.6, minimum=3)[0] == 3


def test_nothing_asked_for_may_be_nothing() -> None:
    idle = Profile(np.zeros(168), 4)
    assert replicas(idle, per_replica=1, target=0.6, minimum=0).max() == 0


def test_a_schedule_is_replayed_on_weeks_it_has_not_seen() -> None:
    hours = local_hours(MONDAY, 4 * 168, "UTC").week_hours
    policy = schedule_policy(hours, per_replica=1, target=0.6, price=1)
    demand = Demand(office_weeks(4), slots_per_hour=1)
    folds = make_folds(4 * 168, 1, min_train_days=14)
    found = replay(policy, demand, folds, current=Capacity(load=10, cost=10))
    assert found.saved_share == pytest.approx(1 - (55 * 10 + 113 * 2) / 1680)
    assert (found.outcome.violation_minutes, found.outcome.risk_minutes) == (0, 0)


def test_a_new_night_shift_is_seen_in_the_replay() -> None:
    hours = local_hours(MONDAY, 4 * 168, "UTC").week_hours
    load = office_weeks(4)
    load[3 * 168 + 2] = 5
    policy = schedule_policy(hours, per_replica=1, target=0.6, price=1)
    folds = make_folds(4 * 168, 1, min_train_days=14)
    found = replay(policy, Demand(load, slots_per_hour=1), folds, current=Capacity(load=10, cost=10))
    assert found.outcome.violation_minutes == 60
    assert found.outcome.worst_overload == pytest.approx(1.5)


def test_one_week_of_training_leaves_what_there_is() -> None:
    policy = schedule_policy(np.tile(np.arange(168), 3), per_replica=1, target=0.6, price=1)
    demand = Demand(office_weeks(3), slots_per_hour=1)
    assert policy(demand.at(np.arange(168)), np.arange(168, 336)) is None


WEEKS = st.lists(st.integers(0, 20), min_size=168, max_size=168).map(np.array)


@given(WEEKS, st.integers(0, 5))
def test_looking_ahead_never_lowers_and_covers_what_comes(week: np.ndarray, hours: int) -> None:
    raised = ahead(week, hours)
    for step in range(hours + 1):
        assert (raised >= np.roll(week, -step)).all()
    assert raised.max() == week.max()


@given(st.lists(st.booleans(), min_size=168, max_size=168).map(np.array))
def test_windows_hold_exactly_the_hours_that_are_on(on: np.ndarray) -> None:
    covered = [hour % 168 for one in windows(on) for hour in range(one.start, one.end)]
    assert sorted(covered) == np.flatnonzero(on).tolist()


def test_how_alike_weeks_are() -> None:
    """The same week again is 1, its opposite -1, chance near 0; a level has no hours that differ."""
    hours = np.tile(np.arange(168), 4)
    week = np.where(np.arange(168) % 24 < 8, 1.0, 3.0)
    chance = np.random.default_rng(5).random(672)

    assert repeats(np.tile(week, 4), hours) == pytest.approx(1)
    assert repeats(np.tile(np.concatenate([week, 4 - week]), 2), hours) == pytest.approx(-1)
    assert repeats(chance, hours) == pytest.approx(0, abs=0.25)
    assert repeats(np.tile(week, 4) + chance, hours) == pytest.approx(1, abs=0.2)
    assert repeats(np.ones(672), hours) is None
    assert repeats(np.where(np.arange(672) < 168, np.tile(week, 4), np.nan), hours) is None
