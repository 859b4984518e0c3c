"""Forecasts made together are those made one by one, to the last digit."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.forecast import DAILY, History, project, project_each
from analyzer.forecast_calendar import take_out_events, take_out_events_of_each


def history(random: np.random.Generator, length: int) -> History:
    first = date(2026, 3, 1) + timedelta(days=int(random.integers(0, 40)))
    usage = random.normal(100, random.choice([0.5, 5, 20]), length) * np.resize([1, 1, 1, 1, 1, 0.4, 0.3], length)
    days = np.array([(first + timedelta(days=number)).day for number in range(length)])
    usage[days == int(random.integers(1, 32))] += random.choice([0, 300, -80])
    fees = np.where(days == 3, 17.0, 0.0) * random.choice([0, 1])
    return History(usage, fees, first)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([30, 56, 112]))
def test_together_or_alone(seed: int, length: int) -> None:
    random = np.random.default_rng(seed)
    some = [history(random, length) for _ in range(6)] + [history(random, length + 5)]
    together = project_each(some, 40, DAILY)
    assert np.array_equal(together, [project(one, 40, DAILY) for one in some])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(50, 130))
def test_events_are_found_together_as_alone(seed: int, length: int) -> None:
    random = np.random.default_rng(seed)
    some = [history(random, length) for _ in range(5)]
    cleaned, events = take_out_events_of_each(np.array([one.usage for one in some]), [one.first for one in some], 7)  # type: ignore[misc]
    for one, row, theirs in zip(some, cleaned, events, strict=True):
        assert one.first is not None
        alone, alone_events = take_out_events(one.usage, one.first)
        assert np.array_equal(row, alone)
        assert theirs == alone_events
