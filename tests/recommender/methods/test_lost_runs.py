"""How attempts end, and what of them is spared; worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.lost_runs import (
    Attempt,
    RunHour,
    attempts,
    checkpoint_every,
    spared_after,
    spared_by_checkpoints,
    with_resumed,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
LATER = START + timedelta(days=30)


def hours(*outcomes: str | None, first: int = 0) -> list[RunHour]:
    return [RunHour(START + timedelta(hours=first + n), 3600, 7200, said) for n, said in enumerate(outcomes)]


def endings(found: list[Attempt]) -> list[tuple[str, int]]:
    return [(attempt.ending, len(attempt.hours)) for attempt in found]


def test_a_run_that_failed_twice_and_was_repeated() -> None:
    run = hours(*["running"] * 3, "failed", "running", "retried", "running", "succeeded")
    assert endings(attempts(run, LATER, 7)) == [("retried", 4), ("retried", 2), ("succeeded", 2)]


@pytest.mark.parametrize(
    ("step", "minutes", "ending"),
    [
        (100, 60, "retried"),  # as long as the first time
        (300, 91, "retried"),  # half as long is a quicker machine
        (300, 89, "resumed"),  # the third hundred was there after 180 minutes
        (500, 119, "resumed"),  # never reached in the four hours before
        (500, 121, "retried"),
    ],
)
def test_a_run_that_went_on_from_a_checkpoint_lost_nothing(step: int, minutes: int, ending: str) -> None:
    """A hundred steps an hour until it failed after four hours; then the first step that is recorded."""
    run = attempts(hours(*["running"] * 3, "failed", *["running"] * 3, "succeeded"), LATER, 7)
    before = [(START + timedelta(hours=number), 100 * number) for number in (1, 2, 3)]
    steps = [*before, (START + timedelta(hours=4, minutes=minutes), step)]
    assert endings(with_resumed(run, steps)) == [(ending, 4), ("succeeded", 4)]
    for too_few in (before, steps[3:], []):
        assert with_resumed(run, too_few) == run


def test_hours_that_all_say_failed_are_one_attempt_and_a_gap_begins_another() -> None:
    run = [*hours("failed", "failed", "failed"), *hours("failed", first=9)]
    assert endings(attempts(run, LATER, 7)) == [("retried", 3), ("failed", 1)]


@pytest.mark.parametrize(
    ("said", "days", "ending"),
    [
        ("running", 8, "given_up"),
        ("running", 7, "running"),
        (None, 300, "unknown"),
        ("failed", 0, "failed"),
        ("succeeded", 0, "succeeded"),
    ],
)
def test_silence_is_giving_up_only_where_endings_are_told(said: str | None, days: int, ending: str) -> None:
    assert endings(attempts(hours("running", said), START + timedelta(hours=1, days=days), 7)) == [(ending, 2)]


def test_what_comes_after_the_first_hour_and_a_half() -> None:
    (attempt,) = attempts(hours("running", "running", "failed"), LATER, 7)
    assert spared_after(attempt, 1.5) == [0.0, 0.5, 1.0]


def test_checkpoints_at_dalys_interval() -> None:
    """Two failures in 100 h: one in 50 h. Young's √(2 · 0.1 · 50) = 3.1623 h; Daly's refinement:
    3.1623 × (1 + √0.001 ÷ 3 + 0.001 ÷ 9) − 0.1 = 3.0960 h.
    """
    interval = checkpoint_every(100, 2, 0.1)
    assert interval == pytest.approx(3.0960, abs=1e-4)
    assert checkpoint_every(100, 0, 0.1) is None


def test_what_checkpoints_spare() -> None:
    """14 and 11 h lost, 20 h that succeeded. Every 2 h, 0.1 h each, restart 0.5 h: still lost 2 × (1 + 0.5) = 3 h,
    written 45 × 0.1 ÷ 2 = 2.25 h, so 25 − 3 − 2.25 = 19.75 of 25 h.
    """
    run = attempts(
        [
            *hours(*["running"] * 13, "failed"),
            *hours(*["running"] * 10, "failed", first=14),
            *hours(*["running"] * 19, "succeeded", first=25),
        ],
        LATER,
        7,
    )
    assert endings(run) == [("retried", 14), ("retried", 11), ("succeeded", 20)]
    assert spared_by_checkpoints(run, 2, checkpoint_hours=0.1, restart_hours=0.5) == pytest.approx(19.75 / 25)


@given(
    st.lists(st.sampled_from(["running", "failed", "retried", "succeeded", None]), max_size=40),
    st.floats(0.1, 50),
    st.floats(0.01, 2),
)
def test_every_hour_is_in_one_attempt_and_no_more_is_spared_than_was_lost(
    outcomes: list[str | None], interval: float, checkpoint: float
) -> None:
    run = hours(*outcomes)
    found = attempts(run, LATER, 7)
    assert [hour for attempt in found for hour in attempt.hours] == run
    share = spared_by_checkpoints(found, interval, checkpoint_hours=checkpoint, restart_hours=0.1)
    assert 0 <= share <= 1
    for attempt in found:
        assert all(0 <= part <= 1 for part in spared_after(attempt, interval))
