"""Dividing history: nothing is tested on what it was learnt from, and short history is marked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.folds import make_folds


def days(found: np.ndarray) -> tuple[int, int]:
    return int(found[0]) // 24, (int(found[-1]) + 1) // 24


def test_four_weeks_are_three_folds_a_week_apart() -> None:
    found = make_folds(28 * 24, 1)
    assert not found.low_evidence
    assert [(days(fold.train), days(fold.test)) for fold in found.folds] == [
        ((0, 7), (7, 14)),
        ((0, 14), (14, 21)),
        ((0, 21), (21, 28)),
    ]


def test_two_weeks_are_three_folds_that_overlap() -> None:
    found = make_folds(14 * 24, 1)
    assert not found.low_evidence
    assert [days(fold.test) for fold in found.folds] == [(5, 12), (6, 13), (7, 14)]


def test_under_two_weeks_odd_hours_are_tried_on_even_ones() -> None:
    found = make_folds(13 * 24 * 12)
    assert found.low_evidence
    odd, even = found.folds
    assert odd.train[:13].tolist() == [*range(12, 24), 36]
    assert odd.test[:13].tolist() == [*range(12), 24]
    np.testing.assert_array_equal(odd.train, even.test)


def test_an_unfinished_day_is_tested_too() -> None:
    assert int(make_folds(28 * 24 + 5, 1).folds[-1].test[-1]) == 28 * 24 + 4


@given(st.integers(0, 120 * 24), st.sampled_from([1, 4]), st.integers(7, 30), st.integers(1, 28))
def test_no_slot_is_both_learnt_from_and_tested(slots: int, per_hour: int, horizon: int, train: int) -> None:
    found = make_folds(slots * per_hour, per_hour, horizon_days=horizon, min_train_days=train)
    for fold in found.folds:
        assert not np.intersect1d(fold.train, fold.test).size
        assert max(fold.train.max(), fold.test.max()) < slots * per_hour
        if not found.low_evidence:
            assert fold.train.max() < fold.test.min()
            assert fold.test.size >= horizon * 24 * per_hour
    if not found.low_evidence:
        assert len(found.folds) >= 3
    elif slots > 1:
        assert len(found.folds) == 2


def test_less_than_two_hours_cannot_be_divided() -> None:
    assert make_folds(12).folds == ()
    assert make_folds(0).folds == ()


@pytest.mark.parametrize("horizon", [7, 14])
def test_long_history_gives_more_folds(horizon: int) -> None:
    assert len(make_folds(90 * 24, 1, horizon_days=horizon).folds) == (90 - 7) // horizon
