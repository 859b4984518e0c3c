"""When a run had stopped getting better, by hand; and that the rule never stops what it says it would not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.lost_runs import RunHour
from recommender.methods.plateau import Curve, Point, Rule, place, plateau, plateau_of

RULE = Rule(min_gain=0.001, patience=0.25, min_points=20)
START = datetime(2026, 10, 1, tzinfo=UTC)


def falls(until: int, hours: int = 100, *, again: int | None = None, metric: str = "loss") -> Curve:
    """10 after the first hour, 0.1 less each hour until ``until``, then level; at ``again`` 1 less at once."""
    values = [10 - 0.1 * (min(hour, until) - 1) - (again is not None and hour >= again) for hour in range(1, hours + 1)]
    return Curve(metric, True, [(float(hour), value) for hour, value in enumerate(values, start=1)])


def test_it_stops_when_a_quarter_of_the_run_brought_nothing() -> None:
    """Level from hour 50 on: three quarters of hour 67 are 50.25, so from 67 on nothing came in the last quarter."""
    found = plateau(falls(50), RULE)
    assert found is not None
    assert (found.since, found.stop, found.points, found.metric) == (50, 67, 67, "loss")
    assert found.gained_later == 0


def test_what_gets_better_later_is_told() -> None:
    """1 of the 5.9 it gained in all came at hour 80."""
    found = plateau(falls(50, again=80), RULE)
    assert found is not None
    assert found.stop == 67
    assert found.gained_later == pytest.approx(1 / 5.9)


def test_what_still_gets_better_has_no_plateau() -> None:
    assert plateau(falls(100), RULE) is None
    # level for the last 20 of 100 hours only
    assert plateau(falls(80), RULE) is None


def test_a_metric_that_rises_is_the_same_upside_down() -> None:
    curve = falls(50)
    up = Curve("accuracy", False, [(hour, -(value or 0)) for hour, value in curve.points])
    assert plateau(up, RULE) == plateau(Curve("accuracy", True, curve.points), RULE)


def test_what_is_not_enough_to_say() -> None:
    """Never better than at first is no plateau but a run that never learned; nor are 19 points enough."""
    level = Curve("loss", True, [(float(hour), 3.0) for hour in range(1, 101)])
    assert plateau(level, RULE) is None
    assert plateau(falls(5, hours=19), RULE) is None
    assert plateau(Curve("loss", True, []), RULE) is None
    assert plateau(Curve("loss", True, [(1.0, None)] * 30), RULE) is None


def test_points_without_a_number_are_no_gain() -> None:
    curve = falls(50)
    diverged = Curve("loss", True, [(hour, value if hour <= 50 else None) for hour, value in curve.points])
    found = plateau(diverged, RULE)
    assert found is not None
    assert found.stop == 67


def test_validation_counts_before_training_and_the_last_to_stop_counts() -> None:
    assert (one := plateau_of([falls(50), falls(30, metric="val_loss")], RULE)) is not None
    assert one.metric == "val_loss"
    assert (two := plateau_of([falls(50, metric="eval/loss"), falls(30, metric="val_loss")], RULE)) is not None
    assert (two.metric, two.stop) == ("eval/loss", 67)
    assert plateau_of([falls(30, metric="val_loss"), falls(100, metric="val_error")], RULE) is None
    assert plateau_of([], RULE) is None


def hour(number: int, wall: float = 3600) -> RunHour:
    return RunHour(START + timedelta(hours=number), wall, wall, "running")


def test_times_are_hours_the_run_ran() -> None:
    """It ran 0 to 2, paused for ten hours, and ran another half hour."""
    hours = [hour(0), hour(1), hour(12, 1800)]
    points = [
        Point(START - timedelta(hours=1), None, 5.0),
        Point(START + timedelta(minutes=90), None, 4.0),
        Point(START + timedelta(hours=5), None, 3.0),
        Point(START + timedelta(hours=12, minutes=15), None, 2.0),
        Point(START + timedelta(hours=20), None, 1.0),
    ]
    assert [at for at, _ in place(points, hours)] == [0, 1.5, 2, 2.25, 2.5]


def test_steps_are_spread_evenly_over_the_hours_it_ran() -> None:
    hours = [hour(0), hour(1)]
    points = [Point(None, step, float(step)) for step in (100, 150, 300)]
    assert [at for at, _ in place(points, hours)] == [0, 0.5, 2]
    assert place([Point(None, 7, 1.0)], hours) == [(2.0, 1.0)]
    assert place(points, []) == []


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=80),
    st.booleans(),
    st.floats(0.0001, 0.1),
    st.floats(0.05, 0.5),
)
def test_the_last_stretch_before_a_stop_brought_less_than_the_rule_asks(
    values: list[float], lower: bool, min_gain: float, patience: float
) -> None:
    rule = Rule(min_gain, patience, min_points=20)
    curve = Curve("loss", lower, [(float(hour), value) for hour, value in enumerate(values, start=1)])
    found = plateau(curve, rule)
    if found is None:
        return
    sign = 1 if lower else -1
    signed = [value * sign for value in values]
    before = [value for hour, value in enumerate(signed, start=1) if hour <= found.stop * (1 - patience)]
    until = signed[: found.points]
    assert found.points >= rule.min_points
    assert min(before) - min(until) < min_gain * (signed[0] - min(until))
    assert found.since <= found.stop
    assert 0 <= found.gained_later <= 1
    # knowing less of what came later would not have changed it
    assert plateau(Curve("loss", lower, curve.points[: found.points]), rule) is not None
